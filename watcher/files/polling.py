"""The polling backend, for what the kernel does not tell about: NFS, Lustre, anything that others write to.

It compares snapshots of our own (`snapshot.py`), not watchdog's: the inotify backend needs the same comparison for
directories that it cannot watch, and watchdog's emitter ends when the root vanishes, takes an inode that is used again
for a rename, and gives no account of directories that it may not list.
"""

from __future__ import annotations

import time

from watcher.events import Event
from watcher.files.root import Excluded, RootedBackend, nothing
from watcher.files.snapshot import RECENT_SECONDS, Snapshot, compare, take


class PollingBackend(RootedBackend):
    """Looks at every entry below the root, and again `poll_interval` seconds after it has finished."""

    def __init__(self, root: bytes, excluded: Excluded = nothing, poll_interval: float = 30.0) -> None:
        super().__init__(root, excluded)
        self._poll_interval = poll_interval
        self._snapshot: Snapshot = {}
        self._next_poll = 0.0

    def _watch(self) -> None:
        time.sleep(RECENT_SECONDS)  # else what was written just before would be said to have changed
        self._snapshot = self._take({})

    def _unwatch(self) -> None:
        self._snapshot = {}

    def _collect(self, timeout: float) -> tuple[list[Event], str | None]:
        time.sleep(min(timeout, max(0.0, self._next_poll - time.monotonic())))
        if time.monotonic() < self._next_poll:
            return [], None
        before, after = self._snapshot, self._take(self._snapshot)
        # Looked at afterwards: had it vanished meanwhile, everything in it would seem to be gone.
        if lost := self._look():
            return [], lost
        self._snapshot = after
        return list(compare(before, after)), None

    def _take(self, before: Snapshot) -> Snapshot:
        snapshot = take(self.root, b"", self._excluded, before)
        self._next_poll = time.monotonic() + self._poll_interval
        return snapshot
