"""Temporary names: files that are being written under them wait for their rename."""

from __future__ import annotations

from collections.abc import Callable
from functools import lru_cache

from ingest.paths import ancestors

_ANY = "[a-zA-Z0-9]"
_RSYNC = tuple(".*." + _ANY * number + "[A-Z0-9]" + _ANY * (5 - number) for number in range(6))
"""rsync writes `name` as `.name.XXXXXX`, six random letters and digits; one of 200 has small letters only."""
TEMPORARY = ("*.part", "*.filepart", "*.crdownload", *_RSYNC)
"""gitignore patterns of the temporary names of well-known programs."""

Temporary = Callable[[bytes, bool], bool]
"""Whether a source-relative path, which is a directory or not, has a temporary name or lies in a directory with one."""


def is_temporary(excludes: Callable[[bytes, bool], bool]) -> Temporary:
    """What says so, when `excludes` says of a path, and whether that is a directory, that its own name is temporary."""

    @lru_cache(maxsize=65_536)
    def directory(path: bytes) -> bool:
        return excludes(path, True)

    def decide(path: bytes, is_directory: bool) -> bool:
        return excludes(path, is_directory) or any(map(directory, ancestors(path)))

    return decide
