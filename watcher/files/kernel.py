"""What the inotify backend asks of the kernel: directories by descriptor, and watches on them within the limit.

A descriptor means one directory, whatever its name is by now; a path may lead elsewhere from one call to the next.
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
"""Names of sysctls. Outside of containers they are one and the same; in a user namespace the second is its own."""

PATH_MAX = 4096
"""Bytes: a path that is given to the system has fewer."""

_EVENTS = int(
    flags.CREATE | flags.DELETE | flags.MODIFY | flags.ATTRIB | flags.CLOSE_WRITE | flags.MOVED_FROM | flags.MOVED_TO
    | flags.MOVE_SELF | flags.ONLYDIR | flags.EXCL_UNLINK
)  # fmt: skip


def open_directory(path: bytes, above: int | None = None) -> int:
    """A descriptor of a directory; in the directory `above`, where links are not followed. Raises OSError."""
    links = 0 if above is None else os.O_NOFOLLOW
    return os.open(path, os.O_PATH | os.O_DIRECTORY | os.O_CLOEXEC | links, dir_fd=above)


@contextmanager
def closing(descriptor: int) -> Iterator[int]:
    """Close it in the end."""
    try:
        yield descriptor
    finally:
        os.close(descriptor)


def identity(descriptor: int) -> tuple[int, int]:
    """Device and inode."""
    found = os.fstat(descriptor)
    return found.st_dev, found.st_ino


def entries(directory: int) -> Iterator[tuple[bytes, bool]]:
    """What is in a directory: name, and whether it is a directory. Raises OSError."""
    with os.scandir(_path_of(directory)) as found:
        for entry in found:
            yield entry.name, entry.is_dir(follow_symlinks=False)


class Marks:
    """Gives and takes watches; at most `most` of them if given. `known`: the watches that there are."""

    def __init__(self, inotify: INotify, known: Collection[int], most: int | None) -> None:
        self._inotify = inotify
        self._known = known
        self._most = most
        self._said = False
        self._said_too_deep = False

    def add(self, directory: int) -> int:
        """The watch descriptor for a directory; the same as before if it is watched already. Raises OSError."""
        watch = int(self._inotify.add_watch(_path_of(directory), _EVENTS))
        if self._most is not None and len(self._known) >= self._most and watch not in self._known:
            self.give_back([watch])
            raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))
        return watch

    def give_back(self, watches: Iterable[int]) -> None:
        """Watch these no longer."""
        for watch in watches:
            with suppress(OSError):  # the system has taken it away with the directory
                self._inotify.rm_watch(watch)

    def say_limit(self) -> None:
        """One line, once: every further directory has the same cause."""
        if self._said:
            return
        self._said = True
        limit = f"max_watches={self._most}"
        if len(self._known) != self._most:
            now, name = min((_sysctl(name), name) for name in LIMITS)
            limit = f"sysctl {name}={now}, raise it to {max(2 * now, 524_288)} or more"
        logs.get("watcher").warning("directories beyond the limit of watches are polled", limit=limit)

    def say_too_deep(self) -> None:
        """The same of directories that the system takes no path of."""
        if not self._said_too_deep:
            self._said_too_deep = True
            logs.get("watcher").warning("directories whose paths are too long are not watched", limit=PATH_MAX)


def _sysctl(name: str) -> float:
    with suppress(OSError), open(f"/proc/sys/{name.replace('.', '/')}") as file:
        return int(file.read())
    return math.inf


def _path_of(descriptor: int) -> bytes:
    return b"/proc/self/fd/%d" % descriptor
