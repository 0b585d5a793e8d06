"""What a verification says about one path."""

from __future__ import annotations

from collections.abc import Iterable
from enum import Enum

import msgspec


class Kind(Enum):
    """What is wrong with a path; `SKIPPED` is the only one that is no difference."""

    MISSING = "missing"
    """The catalog has no such data object."""
    MISSING_COLLECTION = "missing-collection"
    EXTRA = "extra"
    """The catalog has it, and the source has not."""
    OTHER_KIND = "other-kind"
    """A data object is where a collection ought to be, or a collection where a data object ought to be."""
    OTHER_SIZE = "other-size"
    OTHER_MTIME = "other-mtime"
    NEWER_SOURCE = "newer-source"
    """The file has changed since it was put."""
    STALE_REPLICA = "stale-replica"
    """A replica has another status than good."""
    MISSING_REPLICA = "missing-replica"
    """No replica is on the resource where the sync wants one."""
    OTHER_PHYSICAL_PATH = "other-physical-path"
    OTHER_CHECKSUM = "other-checksum"
    NO_CHECKSUM = "no-checksum"
    """The catalog has no checksum to compare with."""
    UNREADABLE = "unreadable"
    """The source cannot be read here."""
    UNCHECKED = "unchecked"
    """An error of the event handler, or of the server, prevented the check."""
    SKIPPED = "skipped"
    """A sync leaves this path alone, so nothing is expected in the catalog."""


class Row(msgspec.Struct, frozen=True, kw_only=True):
    """One path: what is wrong with it (nothing: it is right), and what source and catalog have.

    `path` is relative to the source, None where the source has nothing. Sizes are in bytes, times in seconds since
    the epoch.
    """

    path: bytes | None
    target: str
    directory: bool = False
    kinds: tuple[Kind, ...] = ()
    detail: str = ""
    size: int | None = None
    catalog_size: int | None = None
    mtime: int | None = None
    catalog_mtime: int | None = None
    checksum: str | None = None
    catalog_checksum: str | None = None
    bytes_read: int = 0
    """How much of the source was read for the checksum."""

    @property
    def differs(self) -> bool:
        """Whether something is wrong."""
        return bool(self.kinds) and self.kinds != (Kind.SKIPPED,)


class Totals(msgspec.Struct):
    """What a verification has found so far. `kinds` counts paths by the value of their kinds."""

    files: int = 0
    """Paths that are no directories, of the source or of the catalog."""
    directories: int = 0
    differ: int = 0
    bytes_read: int = 0
    kinds: dict[str, int] = {}

    def add(self, rows: Iterable[Row]) -> None:
        """Count some rows."""
        for row in rows:
            if row.directory:
                self.directories += 1
            else:
                self.files += 1
            self.differ += row.differs
            self.bytes_read += row.bytes_read
            for kind in row.kinds:
                self.kinds[kind.value] = self.kinds.get(kind.value, 0) + 1
