"""Markers: files whose presence means that another file is complete."""

from __future__ import annotations

from collections.abc import Callable

MAX_HALVES = 100_000
"""How many renames of files or markers are remembered. A forgotten one may lose the AVUs of its object."""


class Markers:
    """Knows the markers of files: the name of a file and `suffix`. With b"", files need no marker.

    `exists`: whether a path exists in the source now.
    """

    def __init__(self, suffix: bytes = b"", exists: Callable[[bytes], bool] = bool) -> None:
        self._suffix = suffix
        self._exists = exists
        self._halves: dict[
            bytes, bytes
        ] = {}  # new → old name of files that were renamed themselves, or whose markers were

    def file_of(self, path: bytes) -> bytes | None:
        """The file whose marker this path is; None if it is no marker."""
        return path[: -len(self._suffix)] if self._suffix and path.endswith(self._suffix) else None

    def is_complete(self, file: bytes) -> bool:
        """Whether a file has its marker now, or needs no marker."""
        return not self._suffix or self._exists(file + self._suffix)

    def other_half(self, old: bytes, new: bytes) -> bool:
        """Whether this is the second of two renames: a file and its marker were both renamed from `old` to `new`.

        If it is the first, it is remembered. The file was complete before both renames.
        """
        if not self._suffix or self._halves.pop(new, None) == old:
            return True
        if len(self._halves) >= MAX_HALVES:
            self._halves.clear()
        self._halves[new] = old
        return False
