"""Watchdog's native observer as a backend, for macOS. On Linux, `inotify.py` is the better choice.

On Linux, watchdog loses directories that are renamed while it lists them, keeps watching directories that were moved
out, does not report directories that it cannot watch, and reports a queue overflow only in its log, from version 7 on.
So this backend lists new directories itself. After the rename or deletion of a directory it starts a fresh observer,
which walks the tree. A warning in watchdog's log becomes a Missed.
"""

from __future__ import annotations

import logging
import os
import queue
from collections.abc import Iterator
from contextlib import suppress
from itertools import islice

from watchdog.events import FileSystemEvent, FileSystemEventHandler
from watchdog.observers import Observer
from watchdog.observers.api import BaseObserver

from ingest.paths import ancestors, prefix_of
from watcher.events import Directory, Event, Gone, Missed, Moved, Written
from watcher.files.root import Excluded, RootedBackend, nothing
from watcher.files.snapshot import compare, take

MAX_WAITING = 300_000
"""How many events may wait to be read; beyond that all are dropped and replaced by a Missed."""
MAX_AT_ONCE = 10_000


class _Handler(FileSystemEventHandler):
    """Puts events into a queue; if events are lost, puts the reason into it."""

    def __init__(self) -> None:
        self.waiting: queue.Queue[FileSystemEvent | str] = queue.Queue()

    def on_any_event(self, event: FileSystemEvent) -> None:
        part_of_another = event.event_type == "moved" and event.is_synthetic
        if part_of_another or event.event_type in ("opened", "closed_no_write"):
            return
        if self.waiting.qsize() >= MAX_WAITING:
            self.waiting = queue.Queue()
            self.waiting.put("too many events waited to be read")
        self.waiting.put(event)


class _Warnings(logging.Handler):
    def __init__(self, handler: _Handler) -> None:
        super().__init__(logging.WARNING)
        self._handler = handler

    def emit(self, record: logging.LogRecord) -> None:
        self._handler.waiting.put(f"watchdog: {record.getMessage()}")


class ObserverBackend(RootedBackend):
    """Watches a directory and all below it through watchdog."""

    def __init__(self, root: bytes, excluded: Excluded = nothing) -> None:
        super().__init__(root, excluded)
        self._base = prefix_of(root)
        self._stale = False
        self._doubtful: set[bytes] = set()

    def _watch(self) -> None:
        self._handler = _Handler()
        self._observer = Observer()
        self._observer.schedule(self._handler, os.fsdecode(self.root), recursive=True)
        try:
            self._observer.start()
        except OSError:
            _stop(self._observer)
            raise
        self._warnings = _Warnings(self._handler)
        logging.getLogger("watchdog").addHandler(self._warnings)

    def _unwatch(self) -> None:
        logging.getLogger("watchdog").removeHandler(self._warnings)
        _stop(self._observer)

    def _collect(self, timeout: float) -> tuple[list[Event], str | None]:
        events: list[Event] = []
        for each in islice(_waiting(self._handler, timeout), MAX_AT_ONCE):
            if isinstance(each, str):
                events.append(Missed(b"", each))
            elif each.event_type == "deleted" and not self._path(each.src_path):
                return events, "it was deleted"
            else:
                self._event(each, events)
        return self._renew(events) if self._stale else (events, None)

    def _renew(self, events: list[Event]) -> tuple[list[Event], str | None]:
        """Replace the observer, which may have lost track of directories, by a fresh one."""
        before, warnings, handler = self._observer, self._warnings, self._handler
        try:
            self._watch()
        except OSError as error:
            return events, error.strerror or str(error)
        logging.getLogger("watchdog").removeHandler(warnings)
        _stop(before)
        for each in _waiting(handler, 0.0):
            if not isinstance(each, str):
                self._event(each, events)
        events.extend(Missed(path, "changes may have been missed during its rename") for path in sorted(self._doubtful))
        self._stale = False
        self._doubtful.clear()
        return events, None

    def _event(self, event: FileSystemEvent, events: list[Event]) -> None:
        directory, path = event.is_directory, self._path(event.src_path)
        kind, left_out = event.event_type, self._left_out(path, directory)
        if directory and kind in ("moved", "deleted"):
            self._stale = True
        if kind == "moved":
            new = self._path(event.dest_path)
            if self._left_out(new, directory):
                kind = "deleted"
            elif left_out:
                kind, path, left_out = "created" if directory else "closed", new, False
            else:
                events.append(Moved(path, new, directory))
            if directory and kind != "deleted":
                self._doubtful.add(new)
        if left_out or not path:
            return
        if kind == "deleted":
            events.append(Gone(path, directory))
        elif directory and kind == "created":
            events.append(Directory(path))
            events.extend(compare({}, take(self.root, path, self._excluded, {}), path, at_once=True))
        elif not directory and kind in ("created", "modified", "attrib", "closed"):
            # Not `new`: it may have been moved here and have replaced a file that was synced.
            events.append(Written(path))

    def _path(self, path: bytes | str) -> bytes:
        """The path relative to the root."""
        return os.fsencode(path)[len(self._base) :]

    def _left_out(self, path: bytes, directory: bool) -> bool:
        """Whether the path or a directory above it is excluded; watchdog watches excluded directories, too."""
        if self._excluded is nothing:
            return False
        above = any(each and self._excluded(each, True) for each in ancestors(path))
        return above or self._excluded(path, directory)


def _waiting(handler: _Handler, timeout: float) -> Iterator[FileSystemEvent | str]:
    """The events in the handler's queue; waits up to `timeout` seconds for the first."""
    try:
        yield handler.waiting.get(timeout=timeout)
        while True:
            yield handler.waiting.get_nowait()
    except queue.Empty:
        return


def _stop(observer: BaseObserver) -> None:
    """Stop the observer, even if its record of its watches is inconsistent."""
    with suppress(KeyError):
        observer.stop()
