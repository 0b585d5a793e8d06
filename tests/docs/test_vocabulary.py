"""Documentation and code use the terms of the glossary: words that only the authors understand are banned."""

from __future__ import annotations

import re
from collections.abc import Iterator
from pathlib import Path

import click
import pytest

from tests.docs.pages import PAGES
from tests.docs.test_commands import COMMANDS
from tests.docs.texts import PACKAGES, texts
from tests.support.services import ROOT

BANNED = (
    "incumbent",
    "lanes?",
    "RootUnseen",
    "Kin",
    "in step",
    "rests",
    "out of sight",
    "told",
    "tells? of",
    "hears?",
    "heard",
    "now and then",
    "for ever",
    "whoever",
    "come(?:s|n)? of (?:it|them)",
    "came of (?:it|them)",
    "looked at anew",
    "comes? back",
    "see through",
    "what is there",
    "is away",
    "of its own accord",
    "in earnest",
)
PATTERN = re.compile(rf"\b(?:{'|'.join(BANNED)})\b")


def hits(text: str) -> list[str]:
    """The banned words in a text. They are sought as written, apart from a capital at the beginning."""
    found = PATTERN.findall(text) + re.findall(rf"\b(?:{'|'.join(each.capitalize() for each in BANNED)})\b", text)
    return sorted(set(found))


def help_texts() -> Iterator[str]:
    """The help of every command and option."""
    for command in COMMANDS.values():
        for each in [command, *(command.commands.values() if isinstance(command, click.Group) else [])]:
            yield each.help or ""
            yield from (option.help or "" for option in each.params if isinstance(option, click.Option))


@pytest.mark.parametrize("page", [*PAGES, ROOT / "CHANGELOG.md"], ids=lambda page: str(page.relative_to(ROOT)))
def test_a_page_has_no_banned_word(page: Path) -> None:
    assert not hits(page.read_text())


def test_the_help_has_no_banned_word() -> None:
    assert not [(text, hits(text)) for text in help_texts() if hits(text)]


@pytest.mark.parametrize("package", PACKAGES)
def test_the_code_has_no_banned_word(package: str) -> None:
    assert not [(each.place, hits(each.text)) for each in texts(package) if hits(each.text)]


def test_a_banned_word_is_found() -> None:
    assert hits("Told by the planes") == ["Told"]
    assert hits("a plane, restrained") == []
