"""The content of one file of a source, open for reading; and that of a file of a file system."""

from __future__ import annotations

import os
from typing import Protocol


class FileChanged(Exception):  # noqa: N818 - it happened to the file, not to us
    """The file was written to while it was read; what arrived is not to be trusted."""


class Content(Protocol):
    """The content of a file as it was when it was opened. `read` may be called by several threads at once."""

    size: int

    @property
    def descriptor(self) -> int | None:
        """Of a file of this host; None for what lies elsewhere."""

    def read(self, offset: int, length: int) -> bytes:
        """Exactly so many bytes. Raises FileChanged when they are not there, or not of what was opened."""

    def feed(self, data: bytes) -> None:
        """Note what was read, all of it and in order, where `check` compares it with a checksum of the source's."""

    def check(self) -> None:
        """Raises FileChanged when what was read, and fed, is not the content of the file."""

    def close(self) -> None:
        """Give back what it holds."""


class FileContent:
    """The content of an open regular file, which is closed with it."""

    def __init__(self, descriptor: int) -> None:
        self.descriptor = descriptor
        self._before = os.fstat(descriptor)
        self.size = self._before.st_size

    def read(self, offset: int, length: int) -> bytes:
        """See Content."""
        parts = []
        while length:
            part = os.pread(self.descriptor, length, offset)
            if not part:
                raise FileChanged("the file became shorter while it was read")
            parts.append(part)
            offset, length = offset + len(part), length - len(part)
        return b"".join(parts)

    def feed(self, data: bytes) -> None:
        """A file system has no checksum to compare with."""

    def check(self) -> None:
        """See Content; by size and mtime."""
        before, after = self._before, os.fstat(self.descriptor)
        if (before.st_size, before.st_mtime_ns) != (after.st_size, after.st_mtime_ns):
            raise FileChanged("the file changed while it was read")

    def close(self) -> None:
        """Close the file."""
        os.close(self.descriptor)
