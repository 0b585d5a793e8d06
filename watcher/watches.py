"""Keeps every directory below the root watched: finds new ones, follows renamed ones, polls those that it cannot watch.

A directory is watched before it is listed, so whatever is made in it is in the listing, in an event, or in both. The
events that are read tell of the past, but a watch always lands on what has the name now: wherever the two may differ
the watch descriptor, which is the same as long as the directory is the same, decides. What has gone before it could be
watched may only have been renamed, together with a directory above: after each rename it is looked for again.
"""

from __future__ import annotations

import errno
import math
import os
from collections.abc import Iterable
from contextlib import suppress

from inotify_simple import INotify, flags

from ingest import logs
from watcher.events import Directory, Event, Gone, Missed, Moved, Written
from watcher.root import Excluded, nothing
from watcher.snapshot import compare, take
from watcher.tree import Node, Tree

LIMITS = ("fs.inotify.max_user_watches", "user.max_inotify_watches")
"""Names of sysctls. Outside of containers they are one and the same; in a user namespace the second is its own."""
MOST_FOUND = 100_000
"""Entries of a tree that appeared at once that are named one by one; beyond that a scan is asked for."""

_ENTRIES = (
    flags.CREATE | flags.DELETE | flags.MODIFY | flags.ATTRIB | flags.CLOSE_WRITE | flags.MOVED_FROM | flags.MOVED_TO
)
_BELOW = int(_ENTRIES | flags.ONLYDIR | flags.DONT_FOLLOW | flags.EXCL_UNLINK)
_ROOT = int(_ENTRIES | flags.ONLYDIR | flags.EXCL_UNLINK | flags.DELETE_SELF | flags.MOVE_SELF)
_GONE = (errno.ENOENT, errno.ENOTDIR)


class Watches:
    """The watches of one root; at most `max_watches` of them if given. Methods add what they find to `events`."""

    def __init__(self, inotify: INotify, root: bytes, excluded: Excluded, max_watches: int | None) -> None:
        self.tree = Tree()
        self.confused = False
        """The order of renames could not be followed: `begin` again, and have everything scanned."""
        self._in_vain: set[tuple[Node, bytes]] = set()
        self._inotify = inotify
        self._root = root
        self._base = root.rstrip(b"/") + b"/"
        self._excluded = excluded
        self._max_watches = max_watches
        self._said = False

    def begin(self) -> None:
        """Watch everything there is, and nothing else any more. Raises OSError when the root is not there."""
        before = self.tree.by_watch
        self.tree = Tree()
        self.confused = False
        self._in_vain.clear()
        unsaid: list[Event] = []
        try:
            self.tree.watched(self.tree.root, self._add(b""))
            self._enter_all(self._list(self.tree.root, unsaid))
        except OSError as error:
            if error.errno in _GONE:
                raise
            self._poll_instead(self.tree.root, error, unsaid)
        self._give_back(before.keys() - self.tree.by_watch.keys())

    def enter(self, parent: Node, name: bytes, events: list[Event]) -> None:
        """A directory has appeared: watch it and all below it, and say what is there."""
        found: list[Event] = []
        pending = [(parent, name)]
        while pending:
            if node := self._arrive(*pending.pop(), found):
                pending.extend(self._list(node, found))
            if len(found) > MOST_FOUND:
                found[1:] = [Missed(self.tree.prefix(parent) + name, "more entries appeared at once than are named")]
        events.extend(found)

    def leave(self, parent: Node, name: bytes) -> None:
        """No directory has this name any more."""
        if node := parent.children.get(name):
            self._give_back(self.tree.remove(node))

    def rename(self, old: tuple[Node, bytes], new: tuple[Node, bytes], events: list[Event]) -> None:
        """A directory was renamed, and what had the new name is gone."""
        old_path, new_path = (self.tree.prefix(parent) + name for parent, name in (old, new))
        node = old[0].children.get(old[1])
        if node is None or (node.watch is not None and self._watch_at(new_path) not in (None, node.watch)):
            # What has the new name by now is another directory, and another event says where this one is.
            if node is None or self._watch_at(old_path) != node.watch:
                events.append(Gone(old_path, directory=True))
            self.enter(*new, events)
            return
        events.append(Moved(old_path, new_path, directory=True))
        self._put(node, *new, events)
        if self._excluded is not nothing:
            self.leave(*new)
            self._enter_all([new])
            events.append(Missed(new_path, "other names may be left out where the directory is now"))

    def settle(self) -> None:
        """All events were read: what had gone before it could be watched has not just been renamed."""
        self._in_vain.clear()

    def unmounted(self, parent: Node, name: bytes, events: list[Event]) -> None:
        """What was mounted on a directory or above it is gone; what was hidden may have its name."""
        events.append(Missed(self.tree.prefix(parent) + name, "a file system was unmounted"))
        self.leave(parent, name)
        self._enter_all([(parent, name)])

    def poll(self, events: list[Event]) -> None:
        """Look at what cannot be watched, and watch it if that is possible now."""
        for node in list(self.tree.polled):
            if (before := node.polled) is None:
                continue  # taken care of together with another one
            if self._can_watch_now(node):
                self._enter_all(self._list(node, []))
            after = take(self._root, self.tree.path(node), self._excluded, before)
            if node.polled is not None:
                self.tree.polls(node, after)
            events.extend(compare(before, after, self.tree.path(node)))

    def _enter_all(self, places: Iterable[tuple[Node, bytes]]) -> None:
        """Watch without saying what is there, because that is known or will be scanned."""
        for parent, name in places:
            self.enter(parent, name, [])

    def _arrive(self, parent: Node, name: bytes, events: list[Event]) -> Node | None:
        """Watch what has the name; the node if nothing is known yet of what is in it."""
        path = self.tree.prefix(parent) + name
        there = parent.children.get(name)
        try:
            watch = self._add(path)
        except OSError as error:
            if error.errno not in _GONE and (there is None or there.polled is None):
                self.leave(parent, name)
                events.append(Directory(path))
                self._poll_instead(self.tree.below(parent, name), error, events)
            elif error.errno in _GONE:
                self._in_vain.add((parent, name))
            return None
        if parent.parent and parent.watch is not None and self._watch_at(self.tree.path(parent)) != parent.watch:
            self._in_vain.add((parent, name))  # the path leads elsewhere by now
            return None
        known = self.tree.by_watch.get(watch)
        if there is not None and there is known:
            return None
        if there is not None:
            self.leave(parent, name)
            return self._arrive(parent, name, events)
        if known is not None:
            self._met_again(known, parent, name, events)
            return None
        node = self.tree.below(parent, name)
        self.tree.watched(node, watch)
        events.append(Directory(path))
        return node

    def _met_again(self, known: Node, parent: Node, name: bytes, events: list[Event]) -> None:
        """A directory that is watched under another name has this one too (a bind mount), or instead."""
        old, new = self.tree.path(known), self.tree.prefix(parent) + name
        with suppress(OSError):
            if os.path.samestat(os.lstat(self._base + old), os.lstat(self._base + new)):
                events.append(Directory(new))
                self._poll_instead(self.tree.below(parent, name), None, events)
                return
        events.append(Moved(old, new, directory=True))
        self._put(known, parent, name, events)

    def _put(self, node: Node, parent: Node, name: bytes, events: list[Event]) -> None:
        """Give a node another place; what is there is gone."""
        if _is_below(parent, node):
            self.confused = True
        elif parent.children.get(name) is not node:
            self.leave(parent, name)
            self.tree.move(node, parent, name)
            for place in list(self._in_vain):
                if _is_below(place[0], node):
                    self._in_vain.discard(place)
                    self.enter(*place, events)

    def _watch_at(self, path: bytes) -> int | None:
        """The watch descriptor of the directory that has this path now, if one can be had."""
        try:
            return self._add(path)
        except OSError:
            return None

    def _can_watch_now(self, node: Node) -> bool:
        watch = self._watch_at(self.tree.path(node))
        if watch is None or watch in self.tree.by_watch:
            return False
        self.tree.watched(node, watch)
        return True

    def _list(self, node: Node, events: list[Event]) -> list[tuple[Node, bytes]]:
        """Say what is in a directory that is new; the sub-directories are for the caller to enter."""
        prefix = self.tree.prefix(node)
        directories = []
        try:
            with os.scandir(self._base + prefix) as entries:
                for entry in entries:
                    directory = entry.is_dir(follow_symlinks=False)
                    if self._excluded(prefix + entry.name, directory):
                        continue
                    if directory:
                        directories.append((node, entry.name))
                    else:
                        complete = not entry.is_file(follow_symlinks=False)
                        events.append(Written(prefix + entry.name, new=True, complete=complete))
        except OSError as error:
            if error.errno not in _GONE:
                events.append(Missed(prefix[:-1], f"it cannot be listed: {error.strerror}"))
        if node.parent and node.watch is not None and self._watch_at(prefix[:-1]) != node.watch:
            self._in_vain.add((node.parent, node.name))
            self.leave(node.parent, node.name)
            return []
        return directories

    def _poll_instead(self, node: Node, error: OSError | None, events: list[Event]) -> None:
        if error and error.errno == errno.ENOSPC:
            self._say_limit()
        snapshot = take(self._root, self.tree.path(node), self._excluded, {})
        self.tree.polls(node, snapshot)
        events.extend(compare({}, snapshot, self.tree.path(node)))

    def _say_limit(self) -> None:
        """One line, once: every further directory has the same cause."""
        if self._said:
            return
        self._said = True
        limit = f"max_watches={self._max_watches}"
        if len(self.tree.by_watch) != self._max_watches:
            now, name = min((_sysctl(name), name) for name in LIMITS)
            limit = f"sysctl {name}={now}, raise it to {max(2 * now, 524_288)} or more"
        logs.get("watcher").warning("directories beyond the limit of watches are polled", limit=limit)

    def _add(self, path: bytes) -> int:
        """The watch descriptor for what has the path now; the same as before if it is watched already."""
        watch = int(self._inotify.add_watch(self._base + path, _BELOW if path else _ROOT))
        known = self.tree.by_watch
        if self._max_watches is not None and len(known) >= self._max_watches and watch not in known:
            self._give_back([watch])
            raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))
        return watch

    def _give_back(self, watches: Iterable[int]) -> None:
        for watch in watches:
            with suppress(OSError):  # the system has taken it away with the directory
                self._inotify.rm_watch(watch)


def _sysctl(name: str) -> float:
    with suppress(OSError), open(f"/proc/sys/{name.replace('.', '/')}") as file:
        return int(file.read())
    return math.inf


def _is_below(node: Node | None, above: Node) -> bool:
    """Whether it is the same node or one below it."""
    while node is not None and node is not above:
        node = node.parent
    return node is not None
