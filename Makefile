# The one door: `make demo` to see it, `make test` to test it, `make check` while working on it.
PYTHON ?= python3
VENV := .venv
BIN := $(VENV)/bin
READY := $(VENV)/ready

.PHONY: demo test check lint types bench clean

$(READY): pyproject.toml
	@$(PYTHON) -c 'import sys; sys.exit(sys.version_info < (3, 10) and "Python 3.10 or newer is needed")'
	@$(PYTHON) -m venv $(VENV) 2>/dev/null || { rm -rf $(VENV); $(MAKE) --no-print-directory debian-venv; }
	$(BIN)/python -m pip install --quiet --disable-pip-version-check --editable '.[dev]'
	@touch $@

.PHONY: debian-venv
debian-venv: # Debian keeps the venv module in a package of its own
	@test "$$(id -u)" = 0 -a -x /usr/bin/apt-get || { echo "Install Python's venv module first: apt install python3-venv"; exit 1; }
	apt-get -qq update && apt-get -qq install --yes python3-venv
	$(PYTHON) -m venv $(VENV)

demo: $(READY)
	@$(BIN)/python demo/demo.py

test: $(READY)
	$(BIN)/python -m pytest

check: lint types $(READY) # the inner loop: no zone, no broker processes
	$(BIN)/python -m pytest -q tests/test_architecture.py tests/ingest tests/consumer tests/scanner

lint: $(READY)
	$(BIN)/ruff check
	$(BIN)/ruff format --check

types: $(READY)
	$(BIN)/mypy

bench: $(READY)
	@for each in broker listing devzone_calls operations; do echo "== $$each"; $(BIN)/python -m bench.$$each || exit 1; done

clean:
	rm -rf $(VENV) build dist .mypy_cache .pytest_cache .ruff_cache .hypothesis
