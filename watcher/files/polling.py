"""The polling backend, for file systems on which the kernel reports no events of other hosts: NFS, Lustre.

It compares our own snapshots (`snapshot.py`), not watchdog's. The inotify backend needs the same comparison for
directories that it cannot watch. Watchdog's emitter ends when the root vanishes, takes a reused inode for a rename, and
does not report directories that it may not list.
"""

from __future__ import annotations

import time

from watcher.events import Event
from watcher.files.root import Excluded, RootedBackend, nothing
from watcher.files.snapshot import RECENT_SECONDS, Snapshot, compare, take


class PollingBackend(RootedBackend):
    """Looks at every entry below the root, and again `poll_interval` seconds after the end of each round."""

    def __init__(self, root: bytes, excluded: Excluded = nothing, poll_interval: float = 30.0) -> None:
        super().__init__(root, excluded)
        self._poll_interval = poll_interval
        self._snapshot: Snapshot = {}
        self._next_poll = 0.0

    def _watch(self) -> None:
        time.sleep(RECENT_SECONDS)  # otherwise files that were written just before would count as changed
        self._snapshot = self._take({})

    def _unwatch(self) -> None:
        self._snapshot = {}

    def _collect(self, timeout: float) -> tuple[list[Event], str | None]:
        time.sleep(min(timeout, max(0.0, self._next_poll - time.monotonic())))
        if time.monotonic() < self._next_poll:
            return [], None
        before, after = self._snapshot, self._take(self._snapshot)
        # Check the root after the snapshot: had it vanished meanwhile, all its entries would seem to be deleted.
        if lost := self._look():
            return [], lost
        self._snapshot = after
        return list(compare(before, after)), None

    def _take(self, before: Snapshot) -> Snapshot:
        snapshot = take(self.root, b"", self._excluded, before)
        self._next_poll = time.monotonic() + self._poll_interval
        return snapshot
