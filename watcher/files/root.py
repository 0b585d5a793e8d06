"""What all backends have in common: they watch a root, lose it, wait until it is back, and watch it again."""

from __future__ import annotations

import os
import stat
import time
from abc import ABC, abstractmethod
from collections import Counter
from collections.abc import Callable, Sequence

from ingest.errors import Refused
from ingest.mounts import mount_point, points_below
from ingest.paths import ancestors, shown
from watcher.events import Event, Missed, RootLost

LOOK_SECONDS = 1.0
"""How often the root itself is looked at: nobody tells us of a directory above it that is renamed or mounted over."""

Excluded = Callable[[bytes, bool], bool]
"""Whether a path, and whether it is a directory, is left out. What lies below an excluded directory is never asked."""


def nothing(path: bytes, directory: bool) -> bool:  # noqa: ARG001 - it has the shape of `Excluded`
    """Leave nothing out."""
    return False


class RootedBackend(ABC):
    """A backend that says RootLost once, waits, and says Missed of the whole once the root can be listed again.

    A root that lay on a mount when the watching began is back only when something is mounted there again: the bare
    directory below is not it.
    """

    def __init__(self, root: bytes, excluded: Excluded = nothing) -> None:
        self.root = root
        self.unwatched = 0
        self._excluded = excluded
        self._identity: tuple[int, int] | None = None
        self._mount_point = b""
        self._mounts = Counter[bytes]()
        self._next_look = 0.0

    def start(self) -> None:
        """Watch the whole tree. Raises Refused."""
        try:
            self._open_root()
            self._mount_point = mount_point(self.root)
        except OSError as error:
            raise Refused(f"cannot watch {shown(self.root)}: {error.strerror or error}") from error

    def read(self, timeout: float) -> Sequence[Event]:
        """What has happened since the last call, in its order; waits up to `timeout` seconds for the first event."""
        deadline = time.monotonic() + timeout
        while True:
            left = max(0.0, deadline - time.monotonic())
            events = self._turn(min(left, LOOK_SECONDS))
            if events or not left:
                return events

    def acknowledge(self) -> None:  # noqa: B027 - what the system tells, it tells once
        """Nobody has sent anything that could be forgotten."""

    def close(self) -> None:
        """Stop watching; a second time is fine."""
        if self._identity:
            self._unwatch()
            self._identity = None

    def __enter__(self) -> RootedBackend:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    @abstractmethod
    def _watch(self) -> None:
        """Begin to watch the tree as it is now, with nothing left of an earlier time. Raises OSError, Refused."""

    @abstractmethod
    def _unwatch(self) -> None:
        """Give back what `_watch` took."""

    @abstractmethod
    def _collect(self, timeout: float) -> tuple[list[Event], str | None]:
        """Events, waiting up to `timeout` seconds for the first, and the reason if they say that the root is lost."""

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
        """Only new ones are looked at: what has been watched for long may lie on a server that does not answer."""
        now = Counter(points_below(self.root))
        for path in now - self._mounts:
            self._mounted(path, events)
        self._mounts = now

    def _mounted(self, path: bytes, events: list[Event]) -> None:
        """Something was mounted there, of which no event tells. The scan also takes note of what the source lies on."""
        if not any(each and self._excluded(each, True) for each in (path, *ancestors(path))):
            events.append(Missed(path, "a file system was mounted"))

    def _look(self) -> str | None:
        """Why the root is no more what is watched, if so."""
        try:
            found = os.stat(self.root)
        except OSError as error:
            return error.strerror or str(error)
        same = stat.S_ISDIR(found.st_mode) and (found.st_dev, found.st_ino) == self._identity
        return None if same else "something else has taken its place"

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
        return [Missed(b"", "the source is back")]
