"""The base of the backends for directories: watch a root; after its loss, wait for it and watch it again."""

from __future__ import annotations

import os
import stat
import time
from abc import ABC, abstractmethod
from collections import Counter
from collections.abc import Callable, Sequence

from typing_extensions import override

from ingest.errors import Refused
from ingest.mounts import mount_point, points_below
from ingest.paths import ancestors, shown
from watcher.events import Backend, Event, Missed, RootLost

LOOK_SECONDS = 1.0
"""Seconds between checks of the root itself: no event reports that a directory above it is renamed or mounted over."""

Excluded = Callable[[bytes, bool], bool]
"""Whether a path (a directory or not) is left out; never called for paths below an excluded directory."""


def nothing(path: bytes, directory: bool) -> bool:  # noqa: ARG001 - an `Excluded`
    """Leave nothing out."""
    return False


class RootedBackend(Backend, ABC):
    """A backend that reports RootLost once, waits, and reports Missed of the whole once the root can be listed again.

    If the root was on a mount at the start, it counts as visible only when something is mounted there again: the bare
    mount point is not the root.
    """

    ordered = True

    def __init__(self, root: bytes, excluded: Excluded = nothing) -> None:
        self.root = root
        self.unwatched = 0
        self._excluded = excluded
        self._identity: tuple[int, int] | None = None
        self._mount_point = b""
        self._mounts = Counter[bytes]()
        self._next_look = 0.0

    @override
    def start(self) -> None:
        try:
            self._open_root()
            self._mount_point = mount_point(self.root)
        except OSError as error:
            raise Refused(f"cannot watch {shown(self.root)}: {error.strerror or error}") from error

    @override
    def read(self, timeout: float) -> Sequence[Event]:
        deadline = time.monotonic() + timeout
        while True:
            left = max(0.0, deadline - time.monotonic())
            events = self._turn(min(left, LOOK_SECONDS))
            if events or not left:
                return events

    @override
    def acknowledge(self) -> None:
        """Do nothing: the system reports every event once and keeps none."""

    @override
    def close(self) -> None:
        if self._identity:
            self._unwatch()
            self._identity = None

    @override
    def __enter__(self) -> RootedBackend:
        return self

    @override
    def __exit__(self, *_: object) -> None:
        self.close()

    @abstractmethod
    def _watch(self) -> None:
        """Start to watch the tree as it is now, without any state of an earlier start. Raises OSError, Refused."""

    @abstractmethod
    def _unwatch(self) -> None:
        """Free what `_watch` has allocated."""

    @abstractmethod
    def _collect(self, timeout: float) -> tuple[list[Event], str | None]:
        """Wait up to `timeout` seconds for events. Returns them, and the reason if the root is lost."""

    def _open_root(self) -> None:
        descriptor = os.open(self.root, os.O_RDONLY | os.O_DIRECTORY | os.O_CLOEXEC)
        try:
            found = os.fstat(descriptor)
        finally:
            os.close(descriptor)
        self._mounts = Counter(points_below(self.root))
        self._watch()
        self._identity = found.st_dev, found.st_ino
        self._next_look = time.monotonic() + LOOK_SECONDS

    def _turn(self, timeout: float) -> list[Event]:
        if self._identity is None:
            return self._wait_for_root(timeout)
        events, lost = self._collect(timeout)
        if lost is None and time.monotonic() >= self._next_look:
            self._next_look = time.monotonic() + LOOK_SECONDS
            lost = self._look()
            self._look_for_mounts(events)
        if lost:
            self.close()
            events.append(RootLost(lost))
        return events

    def _look_for_mounts(self, events: list[Event]) -> None:
        """Report new mounts. Known ones are not accessed: they may be on a server that does not answer."""
        now = Counter(points_below(self.root))
        for path in now - self._mounts:
            self._mounted(path, events)
        self._mounts = now

    def _mounted(self, path: bytes, events: list[Event]) -> None:
        """Report a mount, for which the system has no event. The scan also records the mounts of the source."""
        if not any(each and self._excluded(each, True) for each in (path, *ancestors(path))):
            events.append(Missed(path, "a file system was mounted"))

    def _look(self) -> str | None:
        """The reason if the root is not the watched directory any more."""
        try:
            found = os.stat(self.root)
        except OSError as error:
            return error.strerror or str(error)
        same = stat.S_ISDIR(found.st_mode) and (found.st_dev, found.st_ino) == self._identity
        return None if same else "another directory has replaced it"

    def _wait_for_root(self, timeout: float) -> list[Event]:
        time.sleep(min(timeout, max(0.0, self._next_look - time.monotonic())))
        if time.monotonic() < self._next_look:
            return []
        self._next_look = time.monotonic() + LOOK_SECONDS
        try:
            if len(mount_point(self.root)) < len(self._mount_point):
                return []
            self._open_root()
        except (OSError, Refused):
            return []
        return [Missed(b"", "the source is visible again")]
