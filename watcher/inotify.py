"""The backend of choice on Linux: inotify, emptied by a thread of its own and decoded when somebody reads.

What it cannot see: a file system that is mounted over a directory below the root, and remote writes.
"""

from __future__ import annotations

import errno
import os
import stat
import time
from typing import NamedTuple

from inotify_simple import INotify, flags

from ingest.errors import Refused
from watcher.drain import MOST_BYTES, Q_OVERFLOW, Drain, Raw, decode
from watcher.events import Event, Gone, Missed, Moved, Written
from watcher.root import Excluded, RootedBackend, nothing
from watcher.tree import Node
from watcher.watches import Watches

PAIR_SECONDS = 0.2
"""How long the first half of a rename waits for the second. The kernel queues one right after the other."""

CREATE, DELETE, MODIFY = int(flags.CREATE), int(flags.DELETE), int(flags.MODIFY)
ATTRIB, CLOSE_WRITE = int(flags.ATTRIB), int(flags.CLOSE_WRITE)
MOVED_FROM, MOVED_TO = int(flags.MOVED_FROM), int(flags.MOVED_TO)
ISDIR, IGNORED, UNMOUNT = int(flags.ISDIR), int(flags.IGNORED), int(flags.UNMOUNT)
ROOT_GONE = int(flags.DELETE_SELF | flags.MOVE_SELF | flags.UNMOUNT | flags.IGNORED)


class Leaving(NamedTuple):
    """The first half of a rename: what had this name in this directory, and until when the second half may come."""

    directory: Node
    name: bytes
    is_directory: bool
    deadline: float


class InotifyBackend(RootedBackend):
    """Watches a directory and all below it.

    Directories that cannot be watched, because of the limit of the system or of `max_watches`, are looked at every
    `poll_interval` seconds. More than `most_bytes` of events that nobody reads are dropped, with a Missed.
    """

    def __init__(
        self,
        root: bytes,
        excluded: Excluded = nothing,
        poll_interval: float = 30.0,
        *,
        max_watches: int | None = None,
        most_bytes: int = MOST_BYTES,
    ) -> None:
        super().__init__(root, excluded)
        self._poll_interval = poll_interval
        self._max_watches = max_watches
        self._most_bytes = most_bytes
        self._next_poll = 0.0
        self._leaving: dict[int, Leaving] = {}

    def _watch(self) -> None:
        try:
            self._inotify = INotify()
        except OSError as error:
            if error.errno != errno.EMFILE:
                raise
            raise Refused(
                "cannot watch: too many inotify instances or open files;"
                " raise the sysctl fs.inotify.max_user_instances (often 128) or the limit of open files"
            ) from error
        self._watches = Watches(self._inotify, self.root, self._excluded, self._max_watches)
        self._drain = Drain(self._inotify, self._most_bytes)
        try:
            self._watches.begin()
        except OSError:
            self._unwatch()
            raise
        self._after_polling()

    def _unwatch(self) -> None:
        self._drain.close()
        self._inotify.close()
        self._leaving.clear()

    def _collect(self, timeout: float) -> tuple[list[Event], str | None]:
        if self._leaving:
            timeout = min(timeout, PAIR_SECONDS)
        if self._watches.tree.polled:
            timeout = min(timeout, max(0.0, self._next_poll - time.monotonic()))
        data = self._drain.take(timeout)
        events: list[Event] = []
        for raw in decode(data):
            if lost := self._event(raw, events):
                return events, lost
        if not data:
            self._give_up_on_pairs(events)
        if self._watches.tree.polled and time.monotonic() >= self._next_poll:
            self._watches.poll(events)
            self._after_polling()
        self.unwatched = self._watches.tree.unwatched
        return _without_repeated(events), None

    def _after_polling(self) -> None:
        self._next_poll = time.monotonic() + self._poll_interval
        self.unwatched = self._watches.tree.unwatched

    def _event(self, raw: Raw, events: list[Event]) -> str | None:
        """Say what one event means; gives a reason when the root is lost."""
        tree = self._watches.tree
        node = tree.by_watch.get(raw.watch)
        if node is None:
            if raw.mask & Q_OVERFLOW:
                return self._start_over("more happened at once than the queue of events holds", events)
        elif not raw.name:
            return self._about_directory_itself(node, raw.mask, events)
        else:
            directory = bool(raw.mask & ISDIR)
            path = tree.prefix(node) + raw.name
            if self._leaving and raw.mask & (CREATE | MOVED_FROM | MOVED_TO):
                self._give_up_on_pair(node, raw, events)
            if self._excluded(path, directory):
                if raw.mask & MOVED_TO and (leaving := self._leaving.pop(raw.cookie, None)):
                    self._gone(leaving, events)
            elif directory:
                self._about_directory(node, raw, events)
            else:
                self._about_file(node, raw, path, events)
            if self._watches.confused:
                return self._start_over("directories were renamed faster than could be followed", events)
        return None

    def _about_directory_itself(self, node: Node, mask: int, events: list[Event]) -> str | None:
        if node.parent is None:
            return "it was deleted, moved away or unmounted" if mask & ROOT_GONE else None
        if mask & UNMOUNT:
            self._watches.unmounted(node.parent, node.name, events)
        elif mask & IGNORED:
            self._watches.tree.lost_watch(node)  # the event that says that its name is gone is still to come
        return None

    def _about_directory(self, node: Node, raw: Raw, events: list[Event]) -> None:
        if raw.mask & CREATE:
            self._watches.enter(node, raw.name, events)
        elif raw.mask & DELETE:
            self._gone(Leaving(node, raw.name, True, 0.0), events)
        elif raw.mask & MOVED_FROM:
            self._leaving[raw.cookie] = Leaving(node, raw.name, True, time.monotonic() + PAIR_SECONDS)
        elif raw.mask & MOVED_TO:
            if leaving := self._leaving.pop(raw.cookie, None):
                self._watches.rename((leaving.directory, leaving.name), (node, raw.name), events)
            else:
                self._watches.enter(node, raw.name, events)

    def _about_file(self, node: Node, raw: Raw, path: bytes, events: list[Event]) -> None:
        if raw.mask & CLOSE_WRITE:
            events.append(Written(path, complete=True))
        elif raw.mask & (MODIFY | ATTRIB):
            events.append(Written(path))
        elif raw.mask & CREATE:
            events.append(Written(path, new=True, complete=self._never_closed(path)))
        elif raw.mask & DELETE:
            events.append(Gone(path, directory=False))
        elif raw.mask & MOVED_FROM:
            self._leaving[raw.cookie] = Leaving(node, raw.name, False, time.monotonic() + PAIR_SECONDS)
        elif leaving := self._leaving.pop(raw.cookie, None):
            events.append(Moved(self._path(leaving), path, directory=False))
        else:
            # Not `new`: what it replaced, if anything, may have been synced.
            events.append(Written(path, complete=True))

    def _never_closed(self, path: bytes) -> bool:
        """Whether it is a link, a FIFO or the like, which nobody writes and closes."""
        try:
            return not stat.S_ISREG(os.lstat(os.path.join(self.root, path)).st_mode)
        except OSError:
            return False

    def _path(self, leaving: Leaving) -> bytes:
        return self._watches.tree.prefix(leaving.directory) + leaving.name

    def _gone(self, leaving: Leaving, events: list[Event]) -> None:
        if leaving.is_directory:
            self._watches.leave(leaving.directory, leaving.name)
        events.append(Gone(self._path(leaving), leaving.is_directory))

    def _give_up_on_pair(self, node: Node, raw: Raw, events: list[Event]) -> None:
        """While a rename is going on the kernel lets nobody else change names in its directories."""
        for cookie, leaving in list(self._leaving.items()):
            if leaving.directory is node and cookie != raw.cookie:
                self._gone(self._leaving.pop(cookie), events)

    def _give_up_on_pairs(self, events: list[Event]) -> None:
        """What was moved out of the root: no second half came."""
        for cookie, leaving in list(self._leaving.items()):
            if time.monotonic() >= leaving.deadline:
                self._gone(self._leaving.pop(cookie), events)

    def _start_over(self, reason: str, events: list[Event]) -> str | None:
        """Watch what is there now; gives a reason when the root is not there."""
        self._leaving.clear()
        events.append(Missed(b"", reason))
        try:
            self._watches.begin()
        except OSError as error:
            return error.strerror or str(error)
        return None


def _without_repeated(events: list[Event]) -> list[Event]:
    """Of what says that a file was written to, and no more, each only once as long as nothing else happened to it."""
    said: set[bytes] = set()
    kept: list[Event] = []
    for event in events:
        if not isinstance(event, Written):
            said.clear()
        elif event.new or event.complete:
            said.discard(event.path)
        elif event.path in said:
            continue
        else:
            said.add(event.path)
        kept.append(event)
    return kept
