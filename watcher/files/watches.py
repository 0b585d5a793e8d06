"""Keeps every directory below the root watched: finds new ones, follows renamed ones, polls those that it cannot watch.

A directory is watched before it is listed, so each new entry is in the listing, in an event, or in both. Events
describe the past, while a path leads to the current directory. So a directory is opened from the directory above it, by
descriptors, and only if the path of that one still leads to the watched directory. If it leads elsewhere, or if a new
name leads to a directory with another place in the tree, later events explain why. Until they are read, the place is
in doubt and is checked again.

A node's place in the tree was right when it was added, and only later renames change it: a watched directory reports by
its own watch that it was moved (the names alone do not identify the directory).
"""

from __future__ import annotations

import errno
import os
from collections.abc import Collection
from contextlib import suppress

from inotify_simple import INotify

from ingest.paths import prefix_of
from watcher.events import Directory, Discarded, Event, Gone, Missed, Moved, Written
from watcher.files.kernel import PATH_MAX, Marks, closing, entries, identity, open_directory
from watcher.files.root import Excluded, nothing
from watcher.files.snapshot import compare, take
from watcher.files.tree import Doubt, Node, Place, Tree

MAX_FOUND = 100_000
"""Entries of a new tree that are reported one by one; beyond that a scan is requested."""
MAX_LOOKS = 3
"""How often a place is checked again while no events are waiting, before the tree is taken to be wrong."""

_GONE = (errno.ENOENT, errno.ENOTDIR, errno.ELOOP)


class Watches:
    """The watches of one root; at most `max_watches` of them if given. Methods append the events that they find."""

    def __init__(self, inotify: INotify, root: bytes, excluded: Excluded, max_watches: int | None) -> None:
        self.tree = Tree()
        self.confused = False
        """The order of renames is lost: start again, and have everything scanned."""
        self.doubts: dict[Place, Doubt] = {}
        """Places where a directory may not be watched."""
        self._marks = Marks(inotify, self.tree.by_watch, max_watches)
        self._root = root
        self._base = prefix_of(root)
        self._excluded = excluded

    def begin(self) -> None:
        """Watch the whole tree. Raises OSError when the root is absent."""
        root, discarded = self.tree.root, Discarded()
        with closing(open_directory(self._root)) as directory:
            root.identity = identity(directory)
            try:
                self.tree.watched(root, self._marks.add(directory), root.identity)
            except OSError as error:
                self._poll_instead(root, error, discarded)
                return
            self._enter_all(root, self._list(root, directory, discarded), discarded)

    def enter(self, parent: Node, name: bytes, events: list[Event]) -> None:
        """Handle a new directory: watch it and all directories below it, and report their entries."""
        if self._counts((parent, name)):
            self._enter_all(parent, [name], events)

    def leave(self, parent: Node, name: bytes, events: list[Event]) -> None:
        """Handle that the directory at this name is absent, or was replaced by an unknown one."""
        events.append(Gone(self.tree.prefix(parent) + name, directory=True))
        self._forget(parent, name)

    def move(self, node: Node, parent: Node, name: bytes, events: list[Event]) -> None:
        """Handle the rename of a watched directory; an earlier directory at the new name is absent now."""
        if self.tree.is_below(parent, node):
            self.confused = True
            return
        old = self.tree.path(node)
        self._forget(parent, name)
        self.tree.move(node, parent, name)
        events.append(Moved(old, self.tree.path(node), directory=True))
        if self._excluded is not nothing:
            self._apply_rules(node, old, events)

    def rename(self, old: Place, new: Place, events: list[Event]) -> None:
        """Handle the rename of an unwatched directory; the tree may have a watched one at the old name."""
        node = old[0].children.get(old[1])
        if node is not None and node.polled is not None and self.tree.holds(new[0]):
            self.move(node, *new, events)
            return
        if self.tree.holds(old[0]) and (node is None or not self._is_there(node)):
            self.leave(*old, events)
            self.doubts.setdefault(old, Doubt())
        self.enter(*new, events)

    def follow(self, node: Node, events: list[Event]) -> None:
        """Handle the rename of a watched directory without an event of its new name; a doubt may know that."""
        for place, doubt in self.doubts.items():
            if doubt.known is node and self._counts(place) and self._is_there(node, place):
                del self.doubts[place]
                self.move(node, *place, events)
                return
        self.lost(node, events)

    def lost(self, node: Node, events: list[Event]) -> None:
        """Handle that a directory, not the root, has left its place or is hidden; another one may have its name."""
        if node.parent:
            self.leave(node.parent, node.name, events)
            self.enter(node.parent, node.name, events)

    def mounted(self, path: bytes, events: list[Event]) -> None:
        """Handle a mount at this path: watch the mounted directory, unless it is watched already."""
        node = self.tree.find(path)
        if node and node.identity and self._found(node.parent, node.name) not in (None, node.identity):
            self.lost(node, events)

    def look_again(self, renaming: Collection[Place], events: list[Event], *, calm: bool) -> None:
        """Check the places in doubt, except for those of renames (`renaming`) whose further events are awaited.

        `calm`: no events are waiting that could explain the doubts.
        """
        doubts, self.doubts = self.doubts, {}
        for place, doubt in doubts.items():
            if place in renaming:
                self.doubts[place] = doubt
            elif self._counts(place):
                self._enter_all(place[0], [place[1]], events, at_last=calm and doubt.looks >= MAX_LOOKS)
                if again := self.doubts.get(place):
                    again.looks = doubt.looks + calm

    def _counts(self, place: Place) -> bool:
        """Whether a directory at this place is to be watched."""
        parent, name = place
        return self.tree.holds(parent) and not self._excluded(self.tree.prefix(parent) + name, True)

    def poll(self, events: list[Event]) -> None:
        """Poll the directories that are not watched, and watch them if that is possible now."""
        for node in list(self.tree.polled):
            if (before := node.polled) is None:
                continue  # handled together with another one
            if node.parent and (above := self._open(node.parent)) is not None:
                os.close(above)
            elif node.parent:
                continue  # events with its new place must be read first
            self._watch_if_possible(node)
            after = take(self._root, self.tree.path(node), self._excluded, before)
            if node.polled is not None:
                self.tree.polls(node, after)
            events.extend(compare(before, after, self.tree.path(node), at_once=node.polled is None))

    def _enter_all(self, parent: Node, names: list[bytes], events: list[Event], *, at_last: bool = False) -> None:
        found = Discarded() if isinstance(events, Discarded) else list[Event]()
        top = self.tree.prefix(parent) + names[0] if len(names) == 1 else self.tree.path(parent)
        pending = [(parent, names)] if names else []
        while pending:
            node, below = pending.pop()
            if (above := self._open(node)) is None:
                self._astray(node, below, found, at_last=at_last)
                continue
            with closing(above):
                arrived = (self._arrive(above, node, name, found, at_last=at_last) for name in below)
                pending.extend(new for new in arrived if new and new[1])
            if len(found) > MAX_FOUND:
                missed = Missed(top, f"more than {MAX_FOUND} entries appeared at once")
                found = [*(event for event in found if isinstance(event, Gone)), missed]
        events.extend(found)

    def _astray(self, node: Node, names: list[bytes], events: list[Event], *, at_last: bool) -> None:
        """The path of a directory leads elsewhere by now, so these names in it cannot be reported."""
        if at_last and node.parent:
            self.leave(node.parent, node.name, events)
            self.doubts.setdefault((node.parent, node.name), Doubt())
        else:
            for name in names:
                self.doubts.setdefault((node, name), Doubt())

    def _arrive(
        self, above: int, parent: Node, name: bytes, events: list[Event], *, at_last: bool
    ) -> tuple[Node, list[bytes]] | None:
        """Watch the directory `name` in `above`. If it is new here, returns its node and its sub-directories."""
        there = parent.children.get(name)
        path = self.tree.prefix(parent) + name
        if len(self._base + path) >= PATH_MAX:
            self._marks.log_too_deep()
            return None
        try:
            with closing(open_directory(name, above)) as directory:
                watch = self._marks.add(directory)
                known = self.tree.by_watch.get(watch)
                if known is not None and known is there:
                    return None
                if known is not None and not at_last:
                    self.doubts[parent, name] = Doubt(known)
                    return None
                if there is not None:
                    self.leave(parent, name, events)
                events.append(Directory(path))
                if known is not None and self._is_there(known):  # a bind mount
                    self._poll_instead(self.tree.below(parent, name), None, events)
                    return None
                if known is not None and known.parent:
                    self.leave(known.parent, known.name, events)
                    watch = self._marks.add(directory)
                node = self.tree.below(parent, name)
                self.tree.watched(node, watch, identity(directory))
                return node, self._list(node, directory, events)
        except OSError as error:
            if error.errno not in _GONE and (there is None or there.polled is None):
                self.leave(parent, name, events)
                events.append(Directory(path))
                self._poll_instead(self.tree.below(parent, name), error, events)
        return None

    def _open(self, node: Node) -> int | None:
        """A descriptor of the directory, if its path leads to it now."""
        try:
            directory = open_directory(self._base + self.tree.path(node))
        except OSError:
            return None
        if identity(directory) == node.identity:
            return directory
        os.close(directory)
        return None

    def _is_there(self, node: Node, place: Place | None = None) -> bool:
        """Whether the directory, not the root, is at its place (or at `place`) now."""
        return node.identity is not None and self._found(*(place or (node.parent, node.name))) == node.identity

    def _found(self, parent: Node | None, name: bytes) -> tuple[int, int] | None:
        """Device and inode of the entry at this place now."""
        if parent and (above := self._open(parent)) is not None:
            with closing(above), suppress(OSError):
                found = os.stat(name, dir_fd=above, follow_symlinks=False)
                return found.st_dev, found.st_ino
        return None

    def _list(self, node: Node, directory: int, events: list[Event]) -> list[bytes]:
        """Report the files in a new directory. Returns the names of its directories, which the caller enters."""
        prefix = self.tree.prefix(node)
        directories = []
        try:
            for name, is_directory in entries(directory):
                if self._excluded(prefix + name, is_directory):
                    continue
                if is_directory:
                    directories.append(name)
                else:
                    events.append(Written(prefix + name, new=True))
        except OSError as error:
            events.append(Missed(prefix[:-1], f"it cannot be listed: {error.strerror}"))
        return directories

    def _apply_rules(self, top: Node, old: bytes, events: list[Event]) -> None:
        """After a rename, watch and report entries that are not excluded any more, and drop newly excluded ones."""
        pending = [(top, old)]
        while pending:
            node, before = pending.pop()
            if node.watch is None:
                continue
            if (directory := self._open(node)) is None:
                self.lost(node, events)
                continue
            appeared = []
            with closing(directory), suppress(OSError):
                for name, is_directory in entries(directory):
                    was, now = os.path.join(before, name), self.tree.prefix(node) + name
                    child = node.children.get(name)
                    was_excluded, excluded = self._excluded(was, is_directory), self._excluded(now, is_directory)
                    if is_directory and excluded and child:
                        self.leave(node, name, events)
                    elif is_directory and child:
                        pending.append((child, was))
                    elif is_directory and not excluded:
                        appeared.append(name)
                    elif excluded and not was_excluded:
                        events.append(Gone(now, is_directory))
                    elif was_excluded and not excluded:
                        events.append(Written(now, new=True))
            self._enter_all(node, appeared, events)

    def _watch_if_possible(self, node: Node) -> None:
        """Watch a polled directory and all directories below it, without reporting their entries."""
        discarded = Discarded()
        with suppress(OSError), closing(open_directory(self._base + self.tree.path(node))) as directory:
            watch = self._marks.add(directory)
            if watch not in self.tree.by_watch:
                self.tree.watched(node, watch, identity(directory))
                self._enter_all(node, self._list(node, directory, discarded), discarded)

    def _forget(self, parent: Node, name: bytes) -> None:
        if node := parent.children.get(name):
            self._marks.remove(self.tree.remove(node))

    def _poll_instead(self, node: Node, error: OSError | None, events: list[Event]) -> None:
        if error and error.errno == errno.ENOSPC:
            self._marks.log_limit()
        snapshot = take(self._root, self.tree.path(node), self._excluded, {})
        self.tree.polls(node, snapshot)
        events.extend(compare({}, snapshot, self.tree.path(node)))
