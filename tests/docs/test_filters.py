"""The table of filters in the guide is right."""

from __future__ import annotations

import shlex
from typing import cast

import pytest

from landingzone.options import MultiValueCommand
from landingzone.scan import start
from scanner.entries import Kind
from scanner.rules import Rules
from tests.docs.pages import table_after
from tests.support.services import ROOT

ROWS = table_after((ROOT / "docs" / "scan.md").read_text(), "<!-- filters -->")


def rules(options: str) -> Rules:
    """The rules that the options of a row make."""
    assert isinstance(start, MultiValueCommand)
    given = start.make_context("start", ["/data", "/tempZone/home/alice", *shlex.split(options)]).params
    types = [each for each in (given["exclude_file_type"] or "").split(",") if each]
    return Rules(
        types=types,
        file_names=given["exclude_file_name"],
        directory_names=given["exclude_directory_name"],
        patterns=given["exclude"],
    )


@pytest.mark.parametrize(
    ("options", "path", "kind", "result"), ROWS, ids=[f"{row[0]} {row[1]} {row[2]}" for row in ROWS]
)
def test_a_row(options: str, path: str, kind: str, result: str) -> None:
    assert result in {"excluded", "kept"}
    found = rules(options.strip("`")).excludes(b"/data", path.strip("`").encode(), cast(Kind, kind))
    assert (found is not None) == (result == "excluded")


def test_the_table_is_found() -> None:
    assert len(ROWS) >= 15
