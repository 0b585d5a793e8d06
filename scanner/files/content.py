"""The content of one open file of a file system."""

from __future__ import annotations

import os

from typing_extensions import override

from scanner.content import Content, FileChanged


class FileContent(Content):
    """The content of an open regular file. `close` closes its descriptor."""

    def __init__(self, descriptor: int) -> None:
        self._descriptor = descriptor
        self._before = os.fstat(descriptor)
        self.size = self._before.st_size

    @override
    def read(self, offset: int, length: int) -> bytes:
        parts = []
        while length:
            part = os.pread(self._descriptor, length, offset)
            if not part:
                raise FileChanged("the file became shorter while it was read")
            parts.append(part)
            offset, length = offset + len(part), length - len(part)
        return b"".join(parts)

    @override
    def feed(self, data: bytes) -> None:
        """Do nothing: a file system has no checksum to compare with."""

    @override
    def check(self) -> None:
        """Compare size and mtime with those at the time of opening."""
        before, after = self._before, os.fstat(self._descriptor)
        if (before.st_size, before.st_mtime_ns) != (after.st_size, after.st_mtime_ns):
            raise FileChanged("the file changed while it was read")

    @override
    def close(self) -> None:
        os.close(self._descriptor)
