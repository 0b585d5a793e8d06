"""The content of one file of a source, open for reading; and that of a file of a file system."""

from __future__ import annotations

from typing import Protocol


class FileChanged(Exception):  # noqa: N818 - it happened to the file, not to us
    """The file was written to while it was read; what arrived is not to be trusted."""


class Content(Protocol):
    """The content of a file as it was when it was opened. `read` may be called by several threads at once."""

    size: int

    def read(self, offset: int, length: int) -> bytes:
        """Exactly so many bytes. Raises FileChanged when they are not there, or not of what was opened."""

    def feed(self, data: bytes) -> None:
        """Note what was read, all of it and in order, where `check` compares it with a checksum of the source's."""

    def check(self) -> None:
        """Raises FileChanged when what was read, and fed, is not the content of the file."""

    def close(self) -> None:
        """Give back what it holds."""
