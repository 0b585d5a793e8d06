"""The content of one open file of a file system."""

from __future__ import annotations

import os

from scanner.content import FileChanged


class FileContent:
    """The content of an open regular file, which is closed with it."""

    def __init__(self, descriptor: int) -> None:
        self._descriptor = descriptor
        self._before = os.fstat(descriptor)
        self.size = self._before.st_size

    def read(self, offset: int, length: int) -> bytes:
        """See Content."""
        parts = []
        while length:
            part = os.pread(self._descriptor, length, offset)
            if not part:
                raise FileChanged("the file became shorter while it was read")
            parts.append(part)
            offset, length = offset + len(part), length - len(part)
        return b"".join(parts)

    def feed(self, data: bytes) -> None:
        """A file system has no checksum to compare with."""

    def check(self) -> None:
        """See Content; by size and mtime."""
        before, after = self._before, os.fstat(self._descriptor)
        if (before.st_size, before.st_mtime_ns) != (after.st_size, after.st_mtime_ns):
            raise FileChanged("the file changed while it was read")

    def close(self) -> None:
        """Close the file."""
        os.close(self._descriptor)
