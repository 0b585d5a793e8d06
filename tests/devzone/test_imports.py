"""The development zone is a server: what a client's session does must not leak into it."""

import ast
from pathlib import Path

DEVZONE = Path(__file__).parents[2] / "devzone"
PROTOCOL_ONLY = {"message", "api_number", "column", "models", "exception", "password_obfuscation", "keywords"}


def test_the_development_zone_uses_message_classes_and_tables_of_the_client_only() -> None:
    for module in DEVZONE.rglob("*.py"):
        nodes = list(ast.walk(ast.parse(module.read_text())))
        found = {alias.name for node in nodes if isinstance(node, ast.Import) for alias in node.names}
        found |= {node.module or "" for node in nodes if isinstance(node, ast.ImportFrom)}
        used = {name.partition(".")[2] or name for name in found if name.partition(".")[0] == "irods"}
        assert {each.partition(".")[0] for each in used} <= PROTOCOL_ONLY, module.name
