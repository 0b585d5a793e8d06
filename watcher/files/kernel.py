"""The system calls of the inotify backend: directories by descriptor, and watches within the limit.

A descriptor refers to one directory, even if that is renamed; a path may refer to another one at the next call.
"""

from __future__ import annotations

import errno
import math
import os
from collections.abc import Collection, Iterable, Iterator
from contextlib import contextmanager, suppress

from inotify_simple import INotify, flags

from ingest.service import logs

LIMITS = ("fs.inotify.max_user_watches", "user.max_inotify_watches")
"""Names of sysctls. Outside of containers they are the same limit; a user namespace has its own second one."""

PATH_MAX = 4096
"""The system accepts only paths of fewer bytes."""

_EVENTS = int(
    flags.CREATE | flags.DELETE | flags.MODIFY | flags.ATTRIB | flags.CLOSE_WRITE | flags.MOVED_FROM | flags.MOVED_TO
    | flags.MOVE_SELF | flags.ONLYDIR | flags.EXCL_UNLINK
)  # fmt: skip


def open_directory(path: bytes, above: int | None = None) -> int:
    """A descriptor of a directory; in the directory `above` without following links, if given. Raises OSError."""
    links = 0 if above is None else os.O_NOFOLLOW
    return os.open(path, os.O_PATH | os.O_DIRECTORY | os.O_CLOEXEC | links, dir_fd=above)


@contextmanager
def closing(descriptor: int) -> Iterator[int]:
    """Close the descriptor at the end of the block."""
    try:
        yield descriptor
    finally:
        os.close(descriptor)


def identity(descriptor: int) -> tuple[int, int]:
    """Device and inode."""
    found = os.fstat(descriptor)
    return found.st_dev, found.st_ino


def entries(directory: int) -> Iterator[tuple[bytes, bool]]:
    """The entries of a directory: each name, and whether it is a directory. Raises OSError."""
    with os.scandir(_path_of(directory)) as found:
        for entry in found:
            yield entry.name, entry.is_dir(follow_symlinks=False)


class Marks:
    """Adds and removes watches; at most `most` of them if given. `known`: the existing watches."""

    def __init__(self, inotify: INotify, known: Collection[int], most: int | None) -> None:
        self._inotify = inotify
        self._known = known
        self._most = most
        self._limit_logged = False
        self._depth_logged = False

    def add(self, directory: int) -> int:
        """The watch descriptor for a directory; the same as before if it is watched already. Raises OSError."""
        watch = int(self._inotify.add_watch(_path_of(directory), _EVENTS))
        if self._most is not None and len(self._known) >= self._most and watch not in self._known:
            self.remove([watch])
            raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))
        return watch

    def remove(self, watches: Iterable[int]) -> None:
        """Remove watches."""
        for watch in watches:
            with suppress(OSError):  # the system has removed it with the directory
                self._inotify.rm_watch(watch)

    def log_limit(self) -> None:
        """Log once that directories are beyond the limit: the cause is the same for all of them."""
        if self._limit_logged:
            return
        self._limit_logged = True
        limit = f"max_watches={self._most}"
        if len(self._known) != self._most:
            now, name = min((_sysctl(name), name) for name in LIMITS)
            limit = f"sysctl {name}={now}, raise it to {max(2 * now, 524_288)} or more"
        logs.get("watcher").warning("directories beyond the limit of watches are polled", limit=limit)

    def log_too_deep(self) -> None:
        """Log once that the paths of directories are too long for the system."""
        if not self._depth_logged:
            self._depth_logged = True
            logs.get("watcher").warning("directories whose paths are too long are not watched", limit=PATH_MAX)


def _sysctl(name: str) -> float:
    with suppress(OSError), open(f"/proc/sys/{name.replace('.', '/')}") as file:
        return int(file.read())
    return math.inf


def _path_of(descriptor: int) -> bytes:
    return b"/proc/self/fd/%d" % descriptor
