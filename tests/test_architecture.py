"""The rules of ARCHITECTURE.md that a program can check."""

import ast
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[1]
MAY_IMPORT = {
    "ingest": set[str](),
    "scanner": {"ingest"},
    "watcher": {"ingest"},
    "consumer": {"ingest", "scanner"},
    "devzone": set[str](),
}
PROTOCOL_ONLY = {"message", "api_number", "column", "models", "exception", "password_obfuscation", "keywords"}
MAX_LINES = 300


def modules(package: str) -> list[Path]:
    """The modules of a package."""
    return sorted((ROOT / package).rglob("*.py"))


def imports(module: Path) -> set[str]:
    """The modules that a module imports, anywhere in it."""
    found = set()
    for node in ast.walk(ast.parse(module.read_text())):
        if isinstance(node, ast.Import):
            found |= {name.name for name in node.names}
        elif isinstance(node, ast.ImportFrom):
            assert node.level == 0, f"{module} has a relative import"
            found.add(node.module or "")
    return found


@pytest.mark.parametrize("package", MAY_IMPORT)
def test_a_package_imports_no_other_of_ours_than_it_may(package: str) -> None:
    """Only a package's `cli.py`, where things are put together, and what handlers may import, may import across."""
    forbidden = set(MAY_IMPORT) - MAY_IMPORT[package] - {package}
    for module in modules(package):
        if module.name != "cli.py" and module.parent.name != "compat":
            across = {name for name in imports(module) if name.partition(".")[0] in forbidden}
            assert not across, f"{module.relative_to(ROOT)} imports {across}"


def test_only_consumer_irods_and_those_it_serves_talk_to_irods() -> None:
    """Scanner and vocabulary know nothing of python-irodsclient."""
    for package in ("ingest", "scanner", "watcher"):
        for module in modules(package):
            assert not {name for name in imports(module) if name.partition(".")[0] == "irods"}, module


def test_the_development_zone_uses_message_classes_and_tables_of_the_client_only() -> None:
    """It is a server: what a session does must not leak into it."""
    for module in modules("devzone"):
        used = {name.split(".")[1] for name in imports(module) if name.startswith("irods.")}
        assert used <= PROTOCOL_ONLY, f"{module.relative_to(ROOT)} uses {used - PROTOCOL_ONLY}"


@pytest.mark.parametrize("package", MAY_IMPORT)
def test_a_module_has_one_subject_and_so_at_most_300_lines(package: str) -> None:
    """Longer ones have a second subject that wants a room of its own."""
    for module in modules(package):
        assert len(module.read_text().splitlines()) <= MAX_LINES, module.relative_to(ROOT)
