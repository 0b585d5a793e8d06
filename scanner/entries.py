"""What a look at a source gives: entries, entries that are left alone with the reason, and why there is no answer."""

from __future__ import annotations

import stat
from typing import Literal

import msgspec

from ingest.messages import Stat

Kind = Literal["regular", "directory", "character", "block", "socket", "pipe", "link"]
"""What an entry is by `lstat`, in the words of `--exclude_file_type`."""

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
    """The kind that the mode bits tell; None for what only other systems have (doors, whiteouts)."""
    return _KINDS.get(stat.S_IFMT(mode))


class Entry(msgspec.Struct, frozen=True, gc=False):
    """Something to sync. `path` is relative to the source ("" is the source itself).

    `stat` is that of `lstat`, except that a link has the size of its target (a broken one keeps its own), and that a
    directory reached through a link has the stat of the directory. `link_target` is the absolute path that a link
    names, links and ".." in it unresolved; None for all but links. `version` pins the content where a
    source can do that: it is the ETag of an object in S3.
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
    """Something that is there and is left alone: `excluded` by an option, which is nothing to report, or not.

    `reason` is a part of a sentence; `kind` is None when it could not be found out. `failed`: not because somebody
    wants it so or has no rights, but because the system could not tell (a dying disk, a stale mount).
    """

    path: bytes
    kind: Kind | None
    reason: str
    excluded: bool = False
    failed: bool = False


def unknown(path: bytes, kind: Kind | None, error: OSError, said: str = "") -> Skipped:
    """What is left alone because of an error; `said` comes before the system's words."""
    return Skipped(path, kind, said + why(error), failed=not isinstance(error, PermissionError))


class SourceGone(Exception):  # noqa: N818 - it reads as what happened
    """The directory is not there any more, while the source that it belongs to is."""


class SourceUnreadable(Exception):  # noqa: N818
    """The directory cannot be listed, so nothing may be concluded about what it has; `reason` says why.

    `failed` as for Skipped.
    """

    def __init__(self, reason: str, *, failed: bool = False) -> None:
        super().__init__(reason)
        self.reason = reason
        self.failed = failed


class SourceNotVisible(SourceUnreadable):
    """The source itself is not seen from this host: nothing is known about any path below it."""


def why(error: OSError) -> str:
    """The system's words for the error, without the path."""
    return error.strerror or str(error)
