"""A root, its backend, everything that was heard of it, and the tree that somebody who acts on it has by now."""

from __future__ import annotations

import os
import stat
import time
from collections.abc import Callable, Sequence

from msgspec.structs import astuple

from ingest.paths import is_within
from watcher.events import Backend, Directory, Event, Gone, Missed, Moved, RootLost, Written

PATIENCE = 20.0
"""Seconds after which what a test waits for is taken not to happen."""

Look = tuple[bool, bytes]


def looks(root: bytes, path: bytes) -> Look | None:
    """Whether it is a directory, and the content of what is none; None for nothing."""
    place = os.path.join(root, path)
    try:
        mode = os.lstat(place).st_mode
        if stat.S_ISLNK(mode):
            return False, os.readlink(place)
        if stat.S_ISREG(mode):
            with open(place, "rb") as file:
                return False, file.read()
    except OSError:
        return None
    return stat.S_ISDIR(mode), b""


def tree(root: bytes, top: bytes = b"") -> dict[bytes, Look]:
    """Everything below the directory `top` of the root."""
    found = {}
    for folder, directories, files in os.walk(os.path.join(root, top)):
        for name in (*directories, *files):
            path = os.path.relpath(os.path.join(folder, name), root)
            if look := looks(root, path):
                found[path] = look
    return found


class Heard:
    """Reads from a backend, and acts on what it hears at once, by looking at the source again.

    It looks only at names that it was told of, unless something was missed: so nothing is found by chance. What it has
    been told of a directory that is renamed is looked at again under the new name.
    """

    def __init__(self, root: bytes, backend: Backend) -> None:
        self.root = root
        self.backend = backend
        self.events: list[Event] = []
        self._told: dict[bytes, Look | None] = {**tree(root)}

    @property
    def mirror(self) -> dict[bytes, Look]:
        """The tree that acting on the events has led to."""
        return {path: look for path, look in self._told.items() if look}

    def until(self, condition: Callable[[], bool]) -> None:
        """Read until the condition holds."""
        end = time.monotonic() + PATIENCE
        while not condition():
            assert time.monotonic() < end, f"it never came to that; last heard: {self.events[-20:]}"
            self.take(self.backend.read(0.1))

    def take(self, events: Sequence[Event]) -> None:
        """Act on events."""
        self.events.extend(events)
        for event in events:
            self._act(event)

    def until_in_step(self) -> None:
        """Read until acting on what was heard has led to the tree that is there."""
        self.until(lambda: self.mirror == tree(self.root))

    def until_written(self, path: bytes) -> None:
        """Read until a file was written that has this path."""
        self.until(lambda: any(isinstance(event, Written) and event.path == path for event in self.events))

    def until_heard(self, *events: Event) -> None:
        """Read until all of these have come."""
        self.until(lambda: all(event in self.events for event in events))

    def paths(self, kind: type[Written] | type[Directory]) -> set[bytes]:
        """The paths of all events of a kind."""
        return {event.path for event in self.events if isinstance(event, kind)}

    def about(self, path: bytes) -> list[Event]:
        """The events that name this path."""
        return [event for event in self.events if path in astuple(event)]

    def forget(self) -> None:
        """Ask no more for what was heard so far."""
        self.events.clear()

    def _act(self, event: Event) -> None:
        if isinstance(event, Moved):
            self._move(event.old, event.new)
        elif isinstance(event, Missed):
            self._scan(event.path)
        elif isinstance(event, Gone):
            self._drop(event.path)
        elif not isinstance(event, RootLost):  # of a new directory all that is in it is still to be told
            self._drop(event.path)
            self._told[event.path] = looks(self.root, event.path)

    def _move(self, old: bytes, new: bytes) -> None:
        """What has the old name by now is for another event to say."""
        self._drop(new)
        for path in [each for each in self._told if is_within(each, old)]:
            del self._told[path]
            renamed = new + path[len(old) :]
            self._told[renamed] = looks(self.root, renamed)
        self._told[new] = looks(self.root, new)

    def _scan(self, path: bytes) -> None:
        look = looks(self.root, path)
        if look and look[0]:
            self._drop(path)
            self._told |= tree(self.root, path)
            if path:
                self._told[path] = look

    def _drop(self, path: bytes) -> None:
        for each in [each for each in self._told if is_within(each, path)]:
            del self._told[each]
