"""The default backend on Linux: inotify. A thread of its own empties the queue; events are decoded when they are read.

Inotify does not see writes of other hosts. Mounts below the root are found in the list of mounts.
"""

from __future__ import annotations

import errno
import time
from dataclasses import dataclass

from inotify_simple import INotify, flags

from ingest.errors import Refused
from watcher.events import Event, Gone, Missed, Moved, Written
from watcher.files.drain import MAX_BYTES, Q_OVERFLOW, Drain, Raw, decode
from watcher.files.root import Excluded, RootedBackend, nothing
from watcher.files.tree import Node, Place
from watcher.files.watches import Watches

PAIR_SECONDS = 0.2
"""Seconds that the first event of a rename waits for the others. The kernel queues them one right after the other."""
DOUBT_SECONDS = 0.05
"""Seconds between checks of places where it is unknown whether the directory is watched."""

CREATE, DELETE, MODIFY = int(flags.CREATE), int(flags.DELETE), int(flags.MODIFY)
ATTRIB, CLOSE_WRITE = int(flags.ATTRIB), int(flags.CLOSE_WRITE)
MOVED_FROM, MOVED_TO, MOVE_SELF = int(flags.MOVED_FROM), int(flags.MOVED_TO), int(flags.MOVE_SELF)
ISDIR, IGNORED, UNMOUNT = int(flags.ISDIR), int(flags.IGNORED), int(flags.UNMOUNT)
ROOT_GONE = int(flags.DELETE_SELF | flags.MOVE_SELF | flags.UNMOUNT | flags.IGNORED)


@dataclass(slots=True)
class Renaming:
    """A rename whose further events are still to be read: directory and old name, and the time until when to wait.

    The event of the new name (`to`) comes next, if that is below the root. The event of the renamed directory itself
    comes last, if it is watched.
    """

    directory: Node
    name: bytes
    is_directory: bool
    deadline: float
    to: Place | None = None


class InotifyBackend(RootedBackend):
    """Watches a directory and all below it.

    Directories beyond the limit of the system or of `max_watches` are polled every `poll_interval` seconds. When more
    than `most_bytes` of events wait to be read, all are dropped and replaced by a Missed.
    """

    def __init__(
        self,
        root: bytes,
        excluded: Excluded = nothing,
        poll_interval: float = 30.0,
        *,
        max_watches: int | None = None,
        most_bytes: int = MAX_BYTES,
    ) -> None:
        super().__init__(root, excluded)
        self._poll_interval = poll_interval
        self._max_watches = max_watches
        self._most_bytes = most_bytes
        self._next_poll = 0.0
        self._next_look_again = 0.0
        self._renaming: dict[int, Renaming] = {}

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
        self._renaming.clear()

    def _collect(self, timeout: float) -> tuple[list[Event], str | None]:
        watches = self._watches
        pending = list(self._renaming)
        data = self._drain.take(self._patience(timeout))
        events: list[Event] = []
        for raw in decode(data):
            if raw.mask & Q_OVERFLOW:
                return self._start_over("the queue of events has overflowed", events)
            if lost := self._event(raw, events):
                return events, lost
        self._end_late(pending, events)
        if watches.doubts and time.monotonic() >= self._next_look_again:
            renaming = {(each.directory, each.name) for each in self._renaming.values()}
            watches.look_again(renaming, events, calm=not data and not renaming)
            self._next_look_again = time.monotonic() + DOUBT_SECONDS
        if watches.confused:
            return self._start_over("directories were renamed faster than the watcher could follow", events)
        if watches.tree.polled and time.monotonic() >= self._next_poll:
            watches.poll(events)
            self._after_polling()
        self.unwatched = watches.tree.unwatched
        return _without_repeated(events), None

    def _mounted(self, path: bytes, events: list[Event]) -> None:
        self._watches.mounted(path, events)
        super()._mounted(path, events)

    def _patience(self, timeout: float) -> float:
        """The seconds to wait for events before other work is due."""
        if self._renaming:
            timeout = min(timeout, PAIR_SECONDS)
        if self._watches.doubts:
            timeout = min(timeout, DOUBT_SECONDS)
        if self._watches.tree.polled:
            timeout = min(timeout, max(0.0, self._next_poll - time.monotonic()))
        return timeout

    def _after_polling(self) -> None:
        self._next_poll = time.monotonic() + self._poll_interval
        self.unwatched = self._watches.tree.unwatched

    def _event(self, raw: Raw, events: list[Event]) -> str | None:
        """Translate one event. Returns the reason if the root is lost."""
        tree = self._watches.tree
        node = tree.by_watch.get(raw.watch)
        if node is None:
            return None
        if not raw.name:
            return self._about_directory_itself(node, raw.mask, events)
        directory = bool(raw.mask & ISDIR)
        path = tree.prefix(node) + raw.name
        if self._renaming and raw.mask & (CREATE | MOVED_FROM | MOVED_TO):
            self._end_others(node, raw, events)
        if self._excluded(path, directory):
            if raw.mask & MOVED_TO and (renaming := self._pop(raw.cookie)):
                self._gone(renaming.directory, renaming.name, renaming.is_directory, events)
        elif directory:
            self._about_directory(node, raw, events)
        else:
            self._about_file(node, raw, path, events)
        return None

    def _about_directory_itself(self, node: Node, mask: int, events: list[Event]) -> str | None:
        if node.parent is None:
            return "it was deleted, moved away or unmounted" if mask & ROOT_GONE else None
        if mask & MOVE_SELF:
            self._moved(node, events)
        elif mask & UNMOUNT:
            path = self._watches.tree.path(node)
            self._watches.lost(node, events)
            events.append(Missed(path, "a file system was unmounted"))
            self._mounts.clear()
        elif mask & IGNORED:
            self._watches.tree.lost_watch(node)  # the event of its name follows
        return None

    def _about_directory(self, node: Node, raw: Raw, events: list[Event]) -> None:
        if raw.mask & CREATE:
            self._watches.enter(node, raw.name, events)
        elif raw.mask & DELETE:
            self._watches.leave(node, raw.name, events)
        elif raw.mask & MOVED_FROM:
            self._renaming[raw.cookie] = Renaming(node, raw.name, True, time.monotonic() + PAIR_SECONDS)
        elif raw.mask & MOVED_TO:
            if renaming := self._pop(raw.cookie):
                renaming.to = node, raw.name
                there = renaming.directory.children.get(renaming.name)
                if there is not None and there.watch is not None:
                    self._renaming[raw.cookie] = renaming
                else:
                    self._end(renaming, events)
            else:
                self._watches.enter(node, raw.name, events)

    def _moved(self, node: Node, events: list[Event]) -> None:
        """Handle the last event of the rename of a watched directory."""
        for cookie, renaming in self._renaming.items():
            if renaming.directory is node.parent and renaming.name == node.name:
                del self._renaming[cookie]
                if renaming.to and self._watches.tree.holds(renaming.to[0]):
                    self._watches.move(node, *renaming.to, events)
                    return
                break
        self._watches.follow(node, events)

    def _about_file(self, node: Node, raw: Raw, path: bytes, events: list[Event]) -> None:
        if raw.name in node.children:
            # A directory that replaces the file was found earlier than its own event, which follows.
            self._watches.leave(node, raw.name, events)
        if raw.mask & (CLOSE_WRITE | MODIFY | ATTRIB):
            events.append(Written(path))
        elif raw.mask & CREATE:
            events.append(Written(path, new=True))
        elif raw.mask & DELETE:
            events.append(Gone(path, directory=False))
        elif raw.mask & MOVED_FROM:
            self._renaming[raw.cookie] = Renaming(node, raw.name, False, time.monotonic() + PAIR_SECONDS)
        elif renaming := self._pop(raw.cookie):
            old = self._watches.tree.prefix(renaming.directory) + renaming.name
            events.append(Moved(old, path, directory=False))
        else:
            # Not `new`: it may have replaced a file that was synced.
            events.append(Written(path))

    def _pop(self, cookie: int) -> Renaming | None:
        """The rename of that cookie, if its first event was read and its directory is still in the tree."""
        renaming = self._renaming.pop(cookie, None)
        return renaming if renaming and self._watches.tree.holds(renaming.directory) else None

    def _gone(self, directory: Node, name: bytes, is_directory: bool, events: list[Event]) -> None:
        if is_directory:
            self._watches.leave(directory, name, events)
        else:
            events.append(Gone(self._watches.tree.prefix(directory) + name, directory=False))

    def _end(self, renaming: Renaming, events: list[Event]) -> None:
        """Finish a rename that has no further events."""
        if renaming.to:
            self._watches.rename((renaming.directory, renaming.name), renaming.to, events)
        elif self._watches.tree.holds(renaming.directory):
            self._gone(renaming.directory, renaming.name, renaming.is_directory, events)

    def _end_others(self, node: Node, raw: Raw, events: list[Event]) -> None:
        """Finish other renames: during a rename, the kernel allows no other change of names in its directories."""
        for cookie, renaming in list(self._renaming.items()):
            if cookie != raw.cookie and node in (renaming.directory, *(renaming.to or ())):
                del self._renaming[cookie]
                self._end(renaming, events)

    def _end_late(self, pending: list[int], events: list[Event]) -> None:
        """Finish renames out of the root: no second event came in time or before other events."""
        for cookie in pending:
            if (renaming := self._renaming.get(cookie)) and time.monotonic() >= renaming.deadline:
                del self._renaming[cookie]
                self._end(renaming, events)

    def _start_over(self, reason: str, events: list[Event]) -> tuple[list[Event], str | None]:
        """Drop all waiting events and watch the tree as it is now. Returns a reason if the root is absent."""
        self._unwatch()
        try:
            self._watch()
        except (OSError, Refused) as error:
            self._identity = None  # `_unwatch` has freed everything
            return events, str(error)
        return [*events, Missed(b"", reason)], None


def _without_repeated(events: list[Event]) -> list[Event]:
    """Drop repeated Written events of a file, as long as there are no other events between them."""
    kept_paths: set[bytes] = set()
    kept: list[Event] = []
    for event in events:
        if not isinstance(event, Written):
            kept_paths.clear()
        elif event.path in kept_paths:
            continue
        else:
            kept_paths.add(event.path)
        kept.append(event)
    return kept
