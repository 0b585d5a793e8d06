"""Which names are temporary."""

from __future__ import annotations

import pytest

from scanner.rules import Rules
from watcher.temporary import TEMPORARY, Temporary, is_temporary


def temporary(*patterns: str) -> Temporary:
    rules = Rules(patterns=patterns)
    return is_temporary(
        lambda path, directory: rules.excludes(b"/s", path, "directory" if directory else "regular") is not None
    )


@pytest.mark.parametrize("name", [b"a.part", b"a.filepart", b".name.txt.Xy12aB", b".name.abcdeF", b".name.1bcdef"])
def test_the_usual_temporary_names(name: bytes) -> None:
    assert temporary(*TEMPORARY)(name, False)
    assert temporary(*TEMPORARY)(b"d/e/" + name, False)


@pytest.mark.parametrize(
    "name", [b".sample.01.csv", b".run.001.h5", b".project.v2.yml", b".x.R-1_2", b".name.backup", b"name.Xy12aB"]
)
def test_hidden_files_whose_last_letters_mkstemp_would_not_give_are_not_temporary(name: bytes) -> None:
    assert not temporary(*TEMPORARY)(name, False)


def test_a_pattern_with_a_slash_behind_it_is_of_directories_and_what_is_in_them() -> None:
    incoming = temporary("incoming/")
    assert incoming(b"incoming", True)
    assert incoming(b"a/incoming/b/file", False)
    assert not incoming(b"incoming", False)


def test_a_path_may_have_as_many_directories_as_the_system_allows() -> None:
    deep = b"a/" * 2_000
    assert not temporary(*TEMPORARY)(deep + b"file", False)
    assert temporary(*TEMPORARY)(b"a.part/" + deep + b"file", False)
