"""The texts in the code: docstrings and messages."""

from __future__ import annotations

import ast
from collections.abc import Iterator
from typing import NamedTuple

from tests.support.services import ROOT

PACKAGES = ("landingzone", "watcher", "consumer", "scanner", "ingest", "devzone")


class Text(NamedTuple):
    """A string in the code, with `…` for each value that is put into it."""

    place: str
    text: str


def texts(package: str) -> Iterator[Text]:
    """All strings of a package, docstrings included."""
    for file in sorted((ROOT / package).rglob("*.py")):
        if "examples" in file.parts:
            continue
        tree = ast.parse(file.read_text())
        inner = {id(part) for node in ast.walk(tree) if isinstance(node, ast.JoinedStr) for part in node.values}
        for node in ast.walk(tree):
            if isinstance(node, ast.JoinedStr):
                text = "".join(str(each.value) if isinstance(each, ast.Constant) else "…" for each in node.values)
            elif isinstance(node, ast.Constant) and isinstance(node.value, str) and id(node) not in inner:
                text = node.value
            else:
                continue
            yield Text(f"{file.relative_to(ROOT)}:{node.lineno}", " ".join(text.split()))
