"""A source on a file system: one path, one directory, the content of one file.

In all functions `root` is the absolute path of the source and `path` is relative to it. A path with an empty, "." or
".." element, or with NUL, raises ValueError. All functions raise SourceNotVisible when this host does not see `root`.
"""

from __future__ import annotations

import errno
import os
import stat
from collections.abc import Iterator
from types import TracebackType

from typing_extensions import override

from ingest.mounts import mounts_of
from ingest.paths import join, shown, split
from scanner import source
from scanner.entries import Entry, Skipped, SourceGone, SourceNotVisible, SourceUnreadable, why
from scanner.files.content import FileContent
from scanner.files.directory import Directory, elements, open_directory, open_root
from scanner.names import Names, collect
from scanner.rules import Rules

__all__ = [
    "Directory",
    "Entry",
    "FileSystemSource",
    "Listing",
    "Skipped",
    "SourceGone",
    "SourceNotVisible",
    "SourceUnreadable",
    "list_directory",
    "look",
    "open_directory",
    "open_regular",
    "readable",
    "sees_root",
]

SPILL_ABOVE = 50_000
"""How many names of one directory are held in memory."""

_READ = os.O_RDONLY | os.O_NONBLOCK | os.O_CLOEXEC


def sees_root(root: bytes) -> bool:
    """Whether this host sees the source: a directory that this process may list."""
    try:
        open_root(root, Rules()).close()
    except SourceNotVisible:
        return False
    return True


def look(root: bytes, path: bytes, rules: Rules) -> Entry | Skipped | None:
    """Look at `path`: the same result as that of a listing from the root; None when it is absent.

    A path that an option excludes, or that is below an excluded directory, is Skipped with `excluded`, never None.
    """
    names = elements(path)
    if not names:
        with open_root(root, rules) as directory:
            return directory.entry()
    parent = open_directory(root, b"/".join(names[:-1]), rules)
    if parent is None:
        return None
    if isinstance(parent, Skipped):
        return Skipped(path, None, f"below {shown(parent.path)}: {parent.reason}", parent.excluded)
    with parent:
        return parent.look(names[-1])


class Listing(source.Listing):
    """The entries of one directory in order of name bytes; a context manager.

    `has` and `len` refer to all names that the directory had when it was listed.
    """

    def __init__(self, directory: Directory, names: Names, after: bytes) -> None:
        self._directory = directory
        self._names = names
        self._after = after

    @override
    def __enter__(self) -> Listing:
        return self

    @override
    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, at: TracebackType | None) -> None:
        self.close()

    def close(self) -> None:
        """Close the descriptor and the temporary file. The listing cannot be used after that."""
        self._names.close()
        self._directory.close()

    def __len__(self) -> int:
        return len(self._names)

    @override
    def __iter__(self) -> Iterator[Entry | Skipped]:
        look_at = self._directory.look
        for name in self._names.after(self._after):
            found = look_at(name)
            if found is not None and not (isinstance(found, Skipped) and found.excluded):
                yield found

    @override
    def names(self) -> Iterator[bytes]:
        return self._names.after(b"")

    @override
    def has(self, name: bytes) -> bool:
        return name in self._names

    @override
    def cursor(self, entry: Entry | Skipped) -> bytes:
        return split(entry.path)[1]


def list_directory(
    root: bytes, path: bytes, rules: Rules, *, after: bytes | None = None, spill_above: int = SPILL_ABOVE
) -> Listing:
    """List the directory at `path` behind the name `after`; close the listing after use.

    At most `spill_above` names are held in memory. Raises SourceGone when there is no such directory, and
    SourceUnreadable when it cannot be listed or a listing from the root would not reach it.
    """
    directory = open_directory(root, path, rules)
    if directory is None:
        raise SourceGone(f"{shown(root)} has no directory {shown(path)}")
    if isinstance(directory, Skipped):
        raise SourceUnreadable(f"{shown(directory.path)}: {directory.reason}", failed=directory.failed)
    try:
        names = collect(_names(directory), spill_above)
    except OSError as error:
        directory.close()
        reason = f"{shown(path) or shown(root)}: {why(error)}"
        raise SourceUnreadable(reason, failed=not isinstance(error, PermissionError)) from error
    except BaseException:
        directory.close()
        raise
    return Listing(directory, names, after or b"")


def _names(directory: Directory) -> Iterator[bytes]:
    if not directory.may_list:
        raise PermissionError(errno.EACCES, os.strerror(errno.EACCES))
    with os.scandir(directory.descriptor) as entries:
        for entry in entries:
            yield os.fsencode(entry.name)


def readable(path: bytes) -> bool:
    """Whether this process may read the file at the absolute `path` (a link: its target). Opens nothing."""
    return os.access(path, os.R_OK, effective_ids=os.access in os.supports_effective_ids)


def open_regular(root: bytes, path: bytes, rules: Rules) -> int:
    """Open the regular file at `path` to read it; the caller closes the descriptor. Never waits for a FIFO or device.

    The target of a link is opened if `look` accepts the link. Without `follow_symlinks` the target is reached from the
    root without passing any link, so it is in the source. Raises OSError (FileNotFoundError when the file is absent),
    and ValueError with the reason for what is no regular file or is Skipped.
    """
    names = elements(path)
    if not names:
        raise ValueError("the source itself is not a regular file but a directory")
    parent = open_directory(root, b"/".join(names[:-1]), rules)
    if not isinstance(parent, Directory):
        raise _not_read(path, parent)
    with parent:
        found = parent.look(names[-1])
        if not isinstance(found, Entry):
            raise _not_read(path, found)
        if found.kind == "link" and not rules.follow_symlinks:
            return open_regular(root, parent.real_path_of_link(names[-1]), Rules())
        if found.kind not in ("regular", "link"):
            raise ValueError(f"{shown(path)} is not a regular file but a {found.kind}")
        flags = _READ if found.kind == "link" else _READ | os.O_NOFOLLOW
        return _regular(os.open(names[-1], flags, dir_fd=parent.descriptor), path)


def _not_read(path: bytes, instead: Skipped | None) -> Exception:
    if instead is None:
        return FileNotFoundError(errno.ENOENT, os.strerror(errno.ENOENT), path)
    return ValueError(f"{shown(path)} is not read: {instead.reason}")


def _regular(descriptor: int, path: bytes) -> int:
    if stat.S_ISREG(os.fstat(descriptor).st_mode):
        return descriptor
    os.close(descriptor)
    raise ValueError(f"{shown(path)} is not a regular file")


class Looker(source.Looker):
    """Looks at paths, and keeps the directory of the last one open."""

    def __init__(self, root: bytes, rules: Rules) -> None:
        self._root = root
        self._rules = rules
        self._path: bytes | None = None
        self._open: Directory | Skipped | None = None

    @override
    def look(self, path: bytes) -> Entry | Skipped | None:
        parent, name = split(path)
        if parent != self._path:
            self.close()
            self._open, self._path = open_directory(self._root, parent, self._rules), parent
        return self._open.look(name) if isinstance(self._open, Directory) else self._open

    @override
    def close(self) -> None:
        if isinstance(self._open, Directory):
            self._open.close()
        self._open, self._path = None, None


class FileSystemSource(source.Source):
    """A directory of this host and everything below it."""

    appends = True
    has_directories = True

    def __init__(self, root: bytes, rules: Rules) -> None:
        self._root = root
        self._rules = rules

    @override
    def look(self, path: bytes) -> Entry | Skipped | None:
        return look(self._root, path, self._rules)

    @override
    def looker(self, *, listed: bool = True) -> Looker:
        return Looker(self._root, self._rules)

    @override
    def list_directory(self, path: bytes, after: bytes | None = None) -> Listing:
        return list_directory(self._root, path, self._rules, after=after)

    @override
    def is_empty(self) -> bool:
        try:
            with open_root(self._root, self._rules) as directory:
                return next(_names(directory), None) is None
        except OSError as error:
            raise SourceUnreadable(f"{shown(self._root)}: {why(error)}") from error

    @override
    def open(self, entry: Entry) -> FileContent:
        return FileContent(open_regular(self._root, entry.path, self._rules))

    @override
    def readable(self, path: bytes) -> bool:
        return readable(join(self._root, path))

    @override
    def places(self) -> list[str]:
        return mounts_of(self._root)
