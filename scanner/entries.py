"""The results of a look at a source: entries, entries that are left alone with the reason, and errors."""

from __future__ import annotations

import stat
from typing import Literal

import msgspec

from ingest.messages import Stat

Kind = Literal["regular", "directory", "character", "block", "socket", "pipe", "link"]
"""The kind of an entry by `lstat`, named as in `--exclude_file_type`."""

_KINDS: dict[int, Kind] = {
    stat.S_IFREG: "regular",
    stat.S_IFDIR: "directory",
    stat.S_IFCHR: "character",
    stat.S_IFBLK: "block",
    stat.S_IFSOCK: "socket",
    stat.S_IFIFO: "pipe",
    stat.S_IFLNK: "link",
}


def kind_of(mode: int) -> Kind | None:
    """The kind in the mode bits; None for kinds that only other systems have (doors, whiteouts)."""
    return _KINDS.get(stat.S_IFMT(mode))


class Entry(msgspec.Struct, frozen=True, gc=False):
    """Something to sync. `path` is relative to the source ("" is the source itself).

    `stat` is that of `lstat`, with two exceptions: a link has the mode of a link and all else of its target, whose
    content is read (a broken link keeps its own), and a directory reached through a link has the stat of the directory.
    `link_target` is the absolute path in a link, with links and ".." in it unresolved; None for all but links.
    `version` pins the content where the source supports that: the ETag of an object in S3.
    """

    path: bytes
    kind: Kind
    stat: Stat
    link_target: bytes | None = None
    broken: bool = False
    version: str | None = None

    @property
    def name(self) -> bytes:
        """The last element of the path."""
        return self.path.rpartition(b"/")[2]


class Skipped(msgspec.Struct, frozen=True, gc=False):
    """An entry that exists and is left alone. If an option excluded it (`excluded`), it is not reported.

    `reason` is a part of a sentence; `kind` is None if it is unknown. `failed`: the cause is neither an option nor a
    missing permission but an error of the system (a dying disk, a stale mount).
    """

    path: bytes
    kind: Kind | None
    reason: str
    excluded: bool = False
    failed: bool = False


def unknown(path: bytes, kind: Kind | None, error: OSError, before: str = "") -> Skipped:
    """An entry that is left alone because of an error; the text `before` precedes the text of the error."""
    return Skipped(path, kind, before + why(error), failed=not isinstance(error, PermissionError))


class SourceGone(Exception):  # noqa: N818 - it reads as what happened
    """The directory is absent, while the source that it belongs to exists."""


class SourceUnreadable(Exception):  # noqa: N818
    """The directory cannot be listed, so nothing is known about its entries; `reason` says why.

    `failed` as for Skipped.
    """

    def __init__(self, reason: str, *, failed: bool = False) -> None:
        super().__init__(reason)
        self.reason = reason
        self.failed = failed


class SourceNotVisible(SourceUnreadable):
    """The source itself cannot be seen from this host, so nothing is known about any path below it."""


def why(error: OSError) -> str:
    """The system's text for the error, without the path."""
    return error.strerror or str(error)
