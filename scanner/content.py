"""The protocol of the content of one file of a source, open for reading."""

from __future__ import annotations

from typing import Protocol


class FileChanged(Exception):  # noqa: N818 - it happened to the file, not to us
    """The file was written to while it was read, so what was read may be a mixture of two states."""


class Content(Protocol):
    """The content of a file as it was when it was opened. Several threads may call `read` at once.

    Attributes:
        size: The size in bytes when the file was opened.
    """

    size: int

    def read(self, offset: int, length: int) -> bytes:
        """Read exactly `length` bytes from `offset`.

        Raises:
            FileChanged: The file is shorter by now, or has other content than when it was opened.
            OSError: The file cannot be read; FileNotFoundError if it is absent.
        """

    def feed(self, data: bytes) -> None:
        """Add data that was read to the checksum that `check` compares. Feed all of the file, in order."""

    def check(self) -> None:
        """Compare what was read with the state of the file, or what was fed with the checksum that the source has.

        Raises:
            FileChanged: They differ.
        """

    def close(self) -> None:
        """Free what the content holds."""
