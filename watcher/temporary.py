"""Temporary names: a file with such a name is being written, and is published after its rename."""

from __future__ import annotations

from collections.abc import Callable
from functools import lru_cache

from ingest.paths import ancestors

_ANY = "[a-zA-Z0-9]"
_RSYNC = tuple(".*." + _ANY * number + "[A-Z0-9]" + _ANY * (5 - number) for number in range(6))
"""rsync writes `name` as `.name.XXXXXX` with six random letters and digits; 1 in 200 has small letters only."""
TEMPORARY = ("*.part", "*.filepart", "*.crdownload", *_RSYNC)
"""gitignore patterns of the temporary names of well-known programs."""

Temporary = Callable[[bytes, bool], bool]
"""Whether a source-relative path (a directory or not), or a directory above it, has a temporary name."""


def is_temporary(excludes: Callable[[bytes, bool], bool]) -> Temporary:
    """Return the function for paths with all directories above, given `excludes` for the name of a single path."""

    @lru_cache(maxsize=65_536)
    def directory(path: bytes) -> bool:
        return excludes(path, True)

    def decide(path: bytes, is_directory: bool) -> bool:
        return excludes(path, is_directory) or any(map(directory, ancestors(path)))

    return decide
