"""The pages that users read, and what is in them."""

from __future__ import annotations

import re

from tests.support.services import ROOT

PAGES = [ROOT / "README.md", ROOT / "CONTRIBUTING.md", *sorted((ROOT / "docs").rglob("*.md"))]
_BLOCK = re.compile(r"^```(?:sh|console)\n(.*?)^```", re.MULTILINE | re.DOTALL)


def shell_blocks() -> list[str]:
    """The shell blocks of all pages."""
    return [block for page in PAGES for block in _BLOCK.findall(page.read_text())]


def table_after(text: str, mark: str) -> list[list[str]]:
    """The cells of the first table after `mark`, without its head."""
    lines = text[text.index(mark) :].splitlines()
    start = next(number for number, line in enumerate(lines) if line.startswith("|"))
    rows = []
    for line in lines[start + 2 :]:
        if not line.startswith("|"):
            break
        rows.append([each.strip() for each in line.strip("|").split("|")])
    return rows
