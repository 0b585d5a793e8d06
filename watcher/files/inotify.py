"""The backend of choice on Linux: inotify, emptied by a thread of its own and decoded when somebody reads.

What it cannot see: remote writes. What is mounted below the root it learns from the list of mounts.
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
"""How long the first part of a rename waits for the others. The kernel queues one right after the other."""
DOUBT_SECONDS = 0.05
"""How often places are looked at again of which it is in doubt whether all that is there is watched."""

CREATE, DELETE, MODIFY = int(flags.CREATE), int(flags.DELETE), int(flags.MODIFY)
ATTRIB, CLOSE_WRITE = int(flags.ATTRIB), int(flags.CLOSE_WRITE)
MOVED_FROM, MOVED_TO, MOVE_SELF = int(flags.MOVED_FROM), int(flags.MOVED_TO), int(flags.MOVE_SELF)
ISDIR, IGNORED, UNMOUNT = int(flags.ISDIR), int(flags.IGNORED), int(flags.UNMOUNT)
ROOT_GONE = int(flags.DELETE_SELF | flags.MOVE_SELF | flags.UNMOUNT | flags.IGNORED)


@dataclass(slots=True)
class Renaming:
    """A rename of which there is more to be read: what had this name in this directory, and until when to wait.

    First comes the second name, `to`, if it is below the root, then the word of the directory itself, if it is watched.
    """

    directory: Node
    name: bytes
    is_directory: bool
    deadline: float
    to: Place | None = None


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
                return self._start_over("more happened at once than the queue of events holds", events)
            if lost := self._event(raw, events):
                return events, lost
        self._give_up_on_late(pending, events)
        if watches.doubts and time.monotonic() >= self._next_look_again:
            unsaid = {(each.directory, each.name) for each in self._renaming.values()}
            watches.look_again(unsaid, events, calm=not data and not unsaid)
            self._next_look_again = time.monotonic() + DOUBT_SECONDS
        if watches.confused:
            return self._start_over("directories were renamed faster than could be followed", events)
        if watches.tree.polled and time.monotonic() >= self._next_poll:
            watches.poll(events)
            self._after_polling()
        self.unwatched = watches.tree.unwatched
        return _without_repeated(events), None

    def _mounted(self, path: bytes, events: list[Event]) -> None:
        self._watches.mounted(path, events)
        super()._mounted(path, events)

    def _patience(self, timeout: float) -> float:
        """How long to wait for events before there is something to be done without any."""
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
        """Say what one event means; gives a reason when the root is lost."""
        tree = self._watches.tree
        node = tree.by_watch.get(raw.watch)
        if node is None:
            return None
        if not raw.name:
            return self._about_directory_itself(node, raw.mask, events)
        directory = bool(raw.mask & ISDIR)
        path = tree.prefix(node) + raw.name
        if self._renaming and raw.mask & (CREATE | MOVED_FROM | MOVED_TO):
            self._give_up_on_others(node, raw, events)
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
            self._watches.tree.lost_watch(node)  # the event that says that its name is gone is still to come
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
        """The last part of the rename of a directory that is watched."""
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
            # We have met the directory that takes its place before the event of that, which is to say so.
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
            # Not `new`: what it replaced, if anything, may have been synced.
            events.append(Written(path))

    def _pop(self, cookie: int) -> Renaming | None:
        """The rename of that cookie, if its first part was read and the directory of that is still in the tree."""
        renaming = self._renaming.pop(cookie, None)
        return renaming if renaming and self._watches.tree.holds(renaming.directory) else None

    def _gone(self, directory: Node, name: bytes, is_directory: bool, events: list[Event]) -> None:
        if is_directory:
            self._watches.leave(directory, name, events)
        else:
            events.append(Gone(self._watches.tree.prefix(directory) + name, directory=False))

    def _end(self, renaming: Renaming, events: list[Event]) -> None:
        """There is no more to be read of this rename."""
        if renaming.to:
            self._watches.rename((renaming.directory, renaming.name), renaming.to, events)
        elif self._watches.tree.holds(renaming.directory):
            self._gone(renaming.directory, renaming.name, renaming.is_directory, events)

    def _give_up_on_others(self, node: Node, raw: Raw, events: list[Event]) -> None:
        """While a rename is going on the kernel lets nobody else change names in its directories."""
        for cookie, renaming in list(self._renaming.items()):
            if cookie != raw.cookie and node in (renaming.directory, *(renaming.to or ())):
                del self._renaming[cookie]
                self._end(renaming, events)

    def _give_up_on_late(self, pending: list[int], events: list[Event]) -> None:
        """What was moved out of the root: no second part came, neither in time nor before other events."""
        for cookie in pending:
            if (renaming := self._renaming.get(cookie)) and time.monotonic() >= renaming.deadline:
                del self._renaming[cookie]
                self._end(renaming, events)

    def _start_over(self, reason: str, events: list[Event]) -> tuple[list[Event], str | None]:
        """Watch what is there now, with nothing left of what was to be read; a reason when the root is not there."""
        self._unwatch()
        try:
            self._watch()
        except (OSError, Refused) as error:
            self._identity = None  # nothing is left to be given back
            return events, str(error)
        return [*events, Missed(b"", reason)], None


def _without_repeated(events: list[Event]) -> list[Event]:
    """Of what says that a file was written each only once, as long as nothing happened but writing."""
    said: set[bytes] = set()
    kept: list[Event] = []
    for event in events:
        if not isinstance(event, Written):
            said.clear()
        elif event.path in said:
            continue
        else:
            said.add(event.path)
        kept.append(event)
    return kept
