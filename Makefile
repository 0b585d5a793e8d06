# `make help` lists what there is: `make demo` to see it, `make check` while working on it, `make test` before a commit.
PYTHON ?= python3
VENV := .venv
BIN := $(VENV)/bin
READY := $(VENV)/ready

KAFKA_JARS := .cache/kafka
PROGRAMS := .cache/bin
MINIO := github.com/minio/minio@v0.0.0-20250907161309-07c3a429bfed # later ones do not flush the stream of --notifications listen
VERSITYGW := github.com/versity/versitygw/cmd/versitygw@v1.8.0
COMPOSE_SCHEMA := .cache/compose-spec.json
COMPOSE_MODULE := github.com/compose-spec/compose-go/v2@v2.10.2

# Tests run in four processes with servers of their own each, because much of the time is waiting.
PROCESSES ?= 4
PARALLEL = --numprocesses $(PROCESSES) --dist worksteal
# Which of the tests marked slow `make test` runs: none, third (chosen by SLOW_SEED), all.
SLOW ?= none

.PHONY: help services demo test test-all test-root campaign check lint format types coverage bench clean

help: ## List the targets
	@sed -nE 's/^([a-z-]+):.*## (.*)/\1\t\2/p' $(MAKEFILE_LIST) | sort | while IFS="$$(printf '\t')" read -r target text; do \
	  printf '%-10s %s\n' "$$target" "$$text"; done

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

demo: $(READY) ## Ingest a few files into a development zone and show what happens
	@$(BIN)/python demo/demo.py

test: $(READY) services ## Run the tests of all behaviour; SLOW=third or SLOW=all adds slow ones
	$(BIN)/python -m pytest $(PARALLEL) --slow $(SLOW)

test-all: ## Run all tests, the slow ones included
	@$(MAKE) --no-print-directory test SLOW=all

test-root: $(READY) ## Run the tests that mount file systems; needs root
	@unshare --mount true 2>/dev/null || { echo "make test-root needs root (CAP_SYS_ADMIN): it mounts file systems"; exit 1; }
	$(BIN)/python -m pytest tests/root

# Which seeds `make campaign` runs, and for which deployment: alone, served, periodic, kafka; each seed chooses one if none is named.
SEEDS ?= 1-20
DEPLOYMENT ?=
campaign: $(READY) services ## Run random faults; SEEDS=1-200 chooses them, DEPLOYMENT=kafka the deployment
	@$(BIN)/python -m tests.campaign $(SEEDS) $(if $(DEPLOYMENT),--deployment $(DEPLOYMENT))

coverage: $(READY) services ## Run the tests and report which lines they do not reach
	$(BIN)/python -m pytest $(PARALLEL) --slow $(SLOW) --cov --cov-report term --cov-report html:build/coverage

services: $(KAFKA_JARS)/ready $(PROGRAMS)/minio $(PROGRAMS)/versitygw $(COMPOSE_SCHEMA) ## Install the servers that the tests use; INGEST_TEST_KAFKA and INGEST_TEST_REDIS name others
	@test -n "$$INGEST_TEST_REDIS" || command -v redis-server >/dev/null || { \
	  test "$$(id -u)" = 0 -a -x /usr/bin/apt-get || { echo "Install redis-server first: apt install redis-server"; exit 1; }; \
	  apt-get -qq update && apt-get -qq install --yes redis-server; }
	@command -v systemd-analyze >/dev/null || { \
	  test "$$(id -u)" = 0 -a -x /usr/bin/apt-get || { echo "Install systemd first: apt install systemd"; exit 1; }; \
	  apt-get -qq update && apt-get -qq install --yes systemd; }

$(KAFKA_JARS)/ready: tests/support/kafka/pom.xml
	@test -n "$$INGEST_TEST_KAFKA" || { command -v java >/dev/null && command -v mvn >/dev/null; } || { \
	  test "$$(id -u)" = 0 -a -x /usr/bin/apt-get || { echo "Install Java 17 and Maven first: apt install openjdk-17-jre-headless maven"; exit 1; }; \
	  apt-get -qq update && apt-get -qq install --yes openjdk-17-jre-headless maven; }
	@test -n "$$INGEST_TEST_KAFKA" || mvn --quiet --batch-mode --file $< dependency:copy-dependencies -DoutputDirectory=$(CURDIR)/$(KAFKA_JARS)
	@mkdir -p $(@D)
	@test -n "$$INGEST_TEST_KAFKA" || touch $@

$(PROGRAMS)/minio: # some minutes of compilation, once
	@$(MAKE) --no-print-directory go
	GOBIN=$(CURDIR)/$(PROGRAMS) go install $(MINIO)

$(PROGRAMS)/versitygw:
	@$(MAKE) --no-print-directory go
	GOBIN=$(CURDIR)/$(PROGRAMS) go install $(VERSITYGW)

$(COMPOSE_SCHEMA): # the official schema, from the Go module that docker compose reads its files with
	@$(MAKE) --no-print-directory go
	@mkdir -p $(@D)
	@folder="$$(go mod download -json $(COMPOSE_MODULE) | sed -n 's/.*"Dir": "\(.*\)".*/\1/p')"; \
	  install -m 644 "$$folder/schema/compose-spec.json" $@

.PHONY: go
go:
	@command -v go >/dev/null || { \
	  test "$$(id -u)" = 0 -a -x /usr/bin/apt-get || { echo "Install Go first: apt install golang-go"; exit 1; }; \
	  apt-get -qq update && apt-get -qq install --yes golang-go; }

UNITS = tests/consumer tests/devzone tests/ingest tests/landingzone tests/scanner tests/watcher
# Kafka and S3 servers take long to start, random histories to run through, large files to put, and a zone to answer hundreds of questions.
NOT_QUICK = */test_kafka* */buckets/* *_model.py */test_large_directory.py */test_inotify_limits.py */test_facts.py */devzone/test_process.py */test_transfer.py

check: lint types $(READY) ## Lint, types, and the quick tests of the units
	$(BIN)/python -m pytest -q $(PARALLEL) --slow none $(foreach each,$(NOT_QUICK),--ignore-glob '$(each)') $(UNITS)

lint: $(READY) ## Check style, format, and which package imports which
	$(BIN)/ruff check
	$(BIN)/ruff format --check
	$(BIN)/lint-imports

format: $(READY) ## Format the code, and mend what ruff can mend
	$(BIN)/ruff check --fix
	$(BIN)/ruff format

types: $(READY) ## Check the types
	$(BIN)/mypy

.PHONY: docs
docs: $(READY) ## Build the documentation site in build/site
	@$(BIN)/python -c 'import material, mkdocstrings' 2>/dev/null || $(BIN)/python -m pip install --quiet --disable-pip-version-check --editable '.[docs]'
	NO_MKDOCS_2_WARNING=1 $(BIN)/python -m mkdocs build --strict --quiet

bench: $(READY) services ## Measure; takes about half an hour
	@for each in broker listing devzone_calls operations fleet watcher landing; do echo "== $$each"; $(BIN)/python -m bench.$$each || exit 1; done

clean: ## Remove all that the targets have made
	rm -rf $(VENV) .cache build dist .mypy_cache .pytest_cache .ruff_cache .hypothesis
