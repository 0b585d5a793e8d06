"""Looking at a source on a file system: one path, one directory, the content of one file.

In all functions `root` is the absolute path of the source and `path` is relative to it: no empty, "." or ".." element
and no NUL, else ValueError. When `root` itself is not there they raise RootUnseen: nothing is said to be gone by a
host that cannot know.
"""

from __future__ import annotations

import errno
import os
import stat
from collections.abc import Iterator
from types import TracebackType

from ingest.mounts import mounts_of
from ingest.paths import join, shown, split
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
"""Names of one directory that are held in memory."""

_READ = os.O_RDONLY | os.O_NONBLOCK | os.O_CLOEXEC


def sees_root(root: bytes) -> bool:
    """Whether this host sees the source: a directory that it may list."""
    try:
        open_root(root, Rules()).close()
    except SourceNotVisible:
        return False
    return True


def look(root: bytes, path: bytes, rules: Rules) -> Entry | Skipped | None:
    """One look at `path`: the same answer as a listing from the root would come to; None when it is gone.

    What an option leaves out, or lies below such a directory, is Skipped with `excluded`, never None. For many paths
    of one directory, `open_directory` once and `Directory.look` at each name.
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


class Listing:
    """The entries of one directory in order of name bytes; a context manager.

    Iterating looks at each name when its turn comes: what is gone by then, or left out by an option, is not given.
    `has` and `len` speak of all names that the directory had when it was listed, whatever options, permissions or kind.
    """

    def __init__(self, directory: Directory, names: Names, after: bytes) -> None:
        self._directory = directory
        self._names = names
        self._after = after

    def __enter__(self) -> Listing:
        return self

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, at: TracebackType | None) -> None:
        self.close()

    def close(self) -> None:
        """Give back the descriptor and the temporary file; not to be iterated after that."""
        self._names.close()
        self._directory.close()

    def __len__(self) -> int:
        return len(self._names)

    def __iter__(self) -> Iterator[Entry | Skipped]:
        look_at = self._directory.look
        for name in self._names.after(self._after):
            found = look_at(name)
            if found is not None and not (isinstance(found, Skipped) and found.excluded):
                yield found

    def names(self) -> Iterator[bytes]:
        """All names that the directory has, whatever options, permissions or kind, in order."""
        return self._names.after(b"")

    def has(self, name: bytes) -> bool:
        """Whether the directory has an entry of this name."""
        return name in self._names

    def cursor(self, entry: Entry | Skipped) -> bytes:
        """From where a later listing goes on behind this entry."""
        return split(entry.path)[1]


def list_directory(
    root: bytes, path: bytes, rules: Rules, *, after: bytes | None = None, spill_above: int = SPILL_ABOVE
) -> Listing:
    """The entries of the directory at `path`, those behind the name `after`; close the listing after use.

    At most `spill_above` names are held in memory. Raises SourceGone when there is no such directory (any more),
    SourceUnreadable when it cannot be listed or a listing from the root would not come to it.
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
    """A descriptor that reads the regular file at `path`; the caller closes it. Never waits for a FIFO or a device.

    The file that a link leads to is opened when `look` accepts the link; without `follow_symlinks` it is reached from
    the root without passing any link, so it lies in the source. Raises OSError (FileNotFoundError when it is gone) and
    ValueError for what is no regular file or is Skipped, with the reason.
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


class Looker:
    """Looks at paths, keeping the directory of the last one open."""

    def __init__(self, root: bytes, rules: Rules) -> None:
        self._root = root
        self._rules = rules
        self._path: bytes | None = None
        self._open: Directory | Skipped | None = None

    def look(self, path: bytes) -> Entry | Skipped | None:
        """What is at a path now."""
        parent, name = split(path)
        if parent != self._path:
            self.close()
            self._open, self._path = open_directory(self._root, parent, self._rules), parent
        return self._open.look(name) if isinstance(self._open, Directory) else self._open

    def close(self) -> None:
        """Close the directory."""
        if isinstance(self._open, Directory):
            self._open.close()
        self._open, self._path = None, None


class FileSystemSource:
    """A directory of this host and all below it, as `scanner.source.Source` has it."""

    appends = True
    has_directories = True

    def __init__(self, root: bytes, rules: Rules) -> None:
        self._root = root
        self._rules = rules

    def look(self, path: bytes) -> Entry | Skipped | None:
        """See `look`."""
        return look(self._root, path, self._rules)

    def looker(self, *, listed: bool = True) -> Looker:  # noqa: ARG002 - a look tells all in any case
        """See Source."""
        return Looker(self._root, self._rules)

    def list_directory(self, path: bytes, after: bytes | None = None) -> Listing:
        """See `list_directory`."""
        return list_directory(self._root, path, self._rules, after=after)

    def is_empty(self) -> bool:
        """Whether the directory has no entry."""
        try:
            with open_root(self._root, self._rules) as directory:
                return next(_names(directory), None) is None
        except OSError as error:
            raise SourceUnreadable(f"{shown(self._root)}: {why(error)}") from error

    def open(self, entry: Entry) -> FileContent:
        """See `open_regular`."""
        return FileContent(open_regular(self._root, entry.path, self._rules))

    def readable(self, path: bytes) -> bool:
        """See `readable`."""
        return readable(join(self._root, path))

    def places(self) -> list[str]:
        """What is mounted at and below the directory."""
        return mounts_of(self._root)
