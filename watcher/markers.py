"""Markers: files that say of others that these are complete."""

from __future__ import annotations

from collections.abc import Callable

MAX_HALVES = 100_000
"""How many renames of files or markers are remembered; what is forgotten may cost AVUs."""


class Markers:
    """`suffix` is added to the name of a file to name its marker; b"": files need none.

    `exists`: whether anything has this path in the source now.
    """

    def __init__(self, suffix: bytes = b"", exists: Callable[[bytes], bool] = bool) -> None:
        self._suffix = suffix
        self._exists = exists
        self._halves: dict[bytes, bytes] = {}  # new → old name of files of which they, or their markers, were renamed

    def file_of(self, path: bytes) -> bytes | None:
        """The file whose marker this is."""
        return path[: -len(self._suffix)] if self._suffix and path.endswith(self._suffix) else None

    def is_complete(self, file: bytes) -> bool:
        """Whether a file has its marker now, or needs none."""
        return not self._suffix or self._exists(file + self._suffix)

    def other_half(self, old: bytes, new: bytes) -> bool:
        """Whether of a file and its marker one was renamed like this before, and the other now; else it is remembered.

        Whichever came first, the file was complete, although its marker has its other name when we look for it.
        """
        if not self._suffix or self._halves.pop(new, None) == old:
            return True
        if len(self._halves) >= MAX_HALVES:
            self._halves.clear()
        self._halves[new] = old
        return False
