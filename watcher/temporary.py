"""Temporary names: files that are being written under them wait for their rename."""

from __future__ import annotations

from collections.abc import Callable
from functools import lru_cache

from ingest.paths import split

_RSYNC = tuple(".*." + "?" * number + "[A-Z0-9]" + "?" * (5 - number) for number in range(6))
"""rsync writes `name` as `.name.XXXXXX`, six random letters and digits; one of 200 has small letters only."""
TEMPORARY = ("*.part", "*.filepart", "*.crdownload", *_RSYNC)
"""gitignore patterns of the temporary names of well-known programs."""


def is_temporary(excludes: Callable[[bytes, bool], bool]) -> Callable[[bytes], bool]:
    """Whether a source-relative path has a temporary name or lies in a directory that has one.

    `excludes` says so of a path, and whether that is a directory, by its own name alone.
    """

    @lru_cache(maxsize=65_536)
    def directory(path: bytes) -> bool:
        return bool(path) and (excludes(path, True) or directory(split(path)[0]))

    def decide(path: bytes) -> bool:
        return excludes(path, False) or directory(split(path)[0])

    return decide
