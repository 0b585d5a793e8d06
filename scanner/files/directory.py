"""One open directory of a source, reached from the root element by element, and looks at the names in it.

All access is by descriptors (`openat`), so nobody can lead us out of the source by swapping a directory for a link:
without `--follow-symlinks` no link is passed on the way down.
"""

from __future__ import annotations

import errno
import os
import stat
from types import TracebackType

from ingest.messages import Stat
from ingest.paths import is_within, prefix_of, shown
from scanner.entries import Entry, Kind, Skipped, SourceNotVisible, kind_of, unknown, why
from scanner.files.inodes import inode_of, stable
from scanner.rules import Rules

_GONE = (errno.ENOENT, errno.ENOTDIR)
_OPEN = os.O_RDONLY | os.O_DIRECTORY | os.O_CLOEXEC
_O_PATH = getattr(os, "O_PATH", 0)
"""Passing through a directory needs no right to list it. It is the second choice because it triggers no automount."""

DirectoryId = tuple[int, int]


def elements(path: bytes) -> list[bytes]:
    """The names in a source-relative path, none for "". Raises ValueError for a path that could leave the source."""
    names = path.split(b"/") if path else []
    if any(name in (b"", b".", b"..") or b"\0" in name for name in names):
        raise ValueError(f"not a path below a source: {shown(path)!r}")
    return names


def open_root(root: bytes, rules: Rules) -> Directory:
    """The source itself. Raises SourceNotVisible when this host does not see it."""
    try:
        descriptor = os.open(root, _OPEN)
    except OSError as error:
        raise SourceNotVisible(f"this host does not see {shown(root)}: {why(error)}") from error
    return Directory(root, b"", rules, descriptor)


def open_directory(root: bytes, path: bytes, rules: Rules) -> Directory | Skipped | None:
    """The directory at the source-relative `path`; close it after use.

    Returns Skipped when a listing from the root would not reach it (excluded, behind a link, unreadable, ...), and None
    when it is absent. Raises ValueError for a path that could leave the source, and SourceNotVisible.
    """
    names = elements(path)
    directory = open_root(root, rules)
    for name in names:
        with directory:
            below = directory.enter(name)
        if not isinstance(below, Directory):
            return below
        directory = below
    return directory


class Directory:
    """An open directory, a context manager. `path` is relative to the source.

    `descriptor` serves `*at` calls and, if `may_list`, one `os.scandir`. `way` has (st_dev, st_ino) of every directory
    from the root to this one.
    """

    def __init__(
        self,
        root: bytes,
        path: bytes,
        rules: Rules,
        descriptor: int,
        *,
        above: tuple[DirectoryId, ...] = (),
        may_list: bool = True,
    ) -> None:
        self.root = root
        self.path = path
        self.rules = rules
        self.descriptor = descriptor
        self.may_list = may_list
        itself = os.fstat(descriptor)
        self.way = (*above, (itself.st_dev, itself.st_ino))
        self._stable_inodes = stable(itself.st_dev)
        self._prefix = prefix_of(path)
        self._root_prefix = prefix_of(root)
        self._keeps_regular_files = rules.keeps_regular_files

    def __enter__(self) -> Directory:
        return self

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, at: TracebackType | None) -> None:
        self.close()

    def entry(self) -> Entry:
        """The directory itself."""
        itself = os.fstat(self.descriptor)
        return Entry(self.path, "directory", _stat(itself))

    def close(self) -> None:
        """Close the descriptor; a second call does nothing."""
        if self.descriptor >= 0:
            os.close(self.descriptor)
            self.descriptor = -1

    def absolute(self, name: bytes) -> bytes:
        """The absolute path of an entry."""
        return self._root_prefix + self._prefix + name

    def look(self, name: bytes) -> Entry | Skipped | None:
        """Look at `name` now; None when there is no such entry. Waits for the file system only."""
        path = self._prefix + name
        try:
            found = os.stat(name, dir_fd=self.descriptor, follow_symlinks=False)
        except OSError as error:
            return None if error.errno in _GONE else unknown(path, None, error)
        mode = found.st_mode
        if self._keeps_regular_files and stat.S_ISREG(mode):
            inode = found.st_ino if self._stable_inodes else 0
            return Entry(path, "regular", Stat(mode, found.st_size, found.st_mtime_ns, found.st_ctime_ns, inode))
        return self._look_closer(name, path, found)

    def _look_closer(self, name: bytes, path: bytes, found: os.stat_result) -> Entry | Skipped | None:
        kind = kind_of(found.st_mode)
        if kind is None:
            return Skipped(path, None, "it is of a kind that nothing is known about")
        if option := self.rules.excludes(self.root, path, kind):
            return Skipped(path, kind, f"left out by {option}", excluded=True)
        if kind == "directory":
            return self._subdirectory(path, found, kind)
        if kind == "link":
            return self._link(name, path, found)
        return Entry(path, kind, _stat(found))

    def _subdirectory(
        self, path: bytes, found: os.stat_result, kind: Kind, link_target: bytes | None = None
    ) -> Entry | Skipped:
        """A directory or, when links are followed, a link to one (`kind`). `found` is the directory's stat."""
        if self.rules.one_file_system and found.st_dev != self.way[0][0]:
            return Skipped(path, kind, "a directory on another file system")
        # Below a link that leads above the source, plain directories can close a cycle too.
        if self.rules.follow_symlinks and (found.st_dev, found.st_ino) in self.way:
            return Skipped(path, kind, "a link that leads back to a directory above it")
        return Entry(path, "directory", _stat(found), link_target)

    def _link(self, name: bytes, path: bytes, found: os.stat_result) -> Entry | Skipped | None:
        try:
            text = os.readlink(name, dir_fd=self.descriptor)
            target = self._target(name)
            inside = self.rules.follow_symlinks or self._real_path_inside(name, broken=target is None) is not None
        except OSError as error:
            return None if error.errno in _GONE else unknown(path, "link", error, "a link, and ")
        if not inside:
            return Skipped(path, "link", "a link that leaves the source, which needs --follow-symlinks")
        link_target = os.path.join(os.path.dirname(self.absolute(name)), text)
        if target is None:
            return Entry(path, "link", _stat(found), link_target, broken=True)
        if not stat.S_ISDIR(target.st_mode):
            return Entry(path, "link", _stat(target, found.st_mode), link_target)
        return self._link_to_directory(path, target, link_target)

    def _link_to_directory(self, path: bytes, target: os.stat_result, link_target: bytes) -> Entry | Skipped:
        if not self.rules.follow_symlinks:
            return Skipped(path, "link", "a link to a directory, which needs --follow-symlinks")
        if option := self.rules.excludes(self.root, path, "directory"):
            return Skipped(path, "link", f"left out by {option}", excluded=True)
        return self._subdirectory(path, target, "link", link_target)

    def _target(self, name: bytes) -> os.stat_result | None:
        """The stat of the link's target; None for a broken link. Raises OSError when the target cannot be reached."""
        try:
            return os.stat(name, dir_fd=self.descriptor)
        except OSError as error:
            if error.errno in (*_GONE, errno.ELOOP):
                return None
            raise

    def _real_path_inside(self, name: bytes, *, broken: bool) -> bytes | None:
        """The real path of the link's target, relative to the real source; None when it is outside. Raises OSError.

        Broken links are checked too: another host, like the iRODS server, may see a target that we do not see.
        """
        root = os.path.realpath(self.root)
        real = os.path.realpath(self.absolute(name), strict=not broken)
        return real[len(prefix_of(root)) :] if is_within(real, root) else None

    def enter(self, name: bytes) -> Directory | Skipped | None:
        """Open the directory `name`. Returns Skipped as `look` does, and None when it is no directory now."""
        found = self.look(name)
        if found is None or isinstance(found, Skipped):
            return found
        if found.kind != "directory":
            return None
        try:
            descriptor, may_list = self._open(name, follow=found.link_target is not None)
        except OSError as error:
            return None if error.errno in (*_GONE, errno.ELOOP) else unknown(found.path, "directory", error)
        return Directory(self.root, found.path, self.rules, descriptor, above=self.way, may_list=may_list)

    def _open(self, name: bytes, *, follow: bool) -> tuple[int, bool]:
        flags = _OPEN if follow else _OPEN | os.O_NOFOLLOW
        try:
            return os.open(name, flags, dir_fd=self.descriptor), True
        except PermissionError:
            return os.open(name, flags | _O_PATH, dir_fd=self.descriptor), False

    def real_path_of_link(self, name: bytes) -> bytes:
        """The source-relative path, free of links, of what the link `name` leads to.

        Raises OSError when its target is absent, ValueError when the target is outside the source.
        """
        inside = self._real_path_inside(name, broken=False)
        if inside is None:
            raise ValueError(f"{shown(self.absolute(name))} is a link that leaves the source")
        return inside


def _stat(found: os.stat_result, mode: int | None = None) -> Stat:
    mode = found.st_mode if mode is None else mode
    return Stat(mode, found.st_size, found.st_mtime_ns, found.st_ctime_ns, inode_of(found))
