"""Settling: the events of a path become one piece of work once the path has been quiet for a while.

Moves and new directories are published at once, so that work below them can follow; all other work waits. The consumer
looks at the source again, perhaps much later. Work need not describe the change; it must name every path whose catalog
entry may be stale, at a time when the source has its new state.
"""

from __future__ import annotations

import math
from collections import OrderedDict

from ingest.paths import is_within, split
from watcher.events import (
    Directory,
    Event,
    Gone,
    MakeDirectory,
    Missed,
    Move,
    Moved,
    Rescan,
    Sync,
    Vanish,
    Work,
    Written,
)
from watcher.markers import Markers
from watcher.temporary import Temporary
from watcher.waiting import WaitingRoom

LONGEST_SCAN = 300.0
"""Seconds that may pass between the request for a scan and its look at a file."""

MAX_ABANDONED = 200_000
"""How many abandoned names are remembered. A forgotten one may leave a stale object until the next pass."""


class Settler:
    """Turns events into work; times are seconds of any clock that never goes back. It has no thread of its own.

    `quiet`: seconds without events after which a path is settled. `temporary`: files with temporary names are not
    published. `markers`: files without their marker are not published. `most`: how many paths may wait; beyond that the
    earliest are due sooner. `ordered`: events come in the order of the changes. If not, a file that was reported as
    deleted keeps its Vanish, whatever comes later.
    """

    def __init__(
        self,
        quiet: float,
        temporary: Temporary,
        markers: Markers | None = None,
        most: int = 200_000,
        *,
        ordered: bool = True,
    ) -> None:
        self._temporary = temporary
        self._markers = markers or Markers()
        self._most = most
        self._ordered = ordered
        self._latest = -math.inf  # the time of the last event
        self._scanned = -math.inf
        self._at_once: list[Work] = []
        self._making: set[bytes] = set()  # the paths of each MakeDirectory that may still be withdrawn
        self._replaced: set[bytes] = set()  # names in _making that a rename gave: an older directory may have had them
        self._waiting = WaitingRoom(quiet)
        self._abandoned: OrderedDict[bytes, None] = OrderedDict()  # abandoned names, which other files may take

    def __len__(self) -> int:
        return len(self._at_once) + len(self._waiting)

    def add(self, event: Event, now: float) -> None:
        """Add an event."""
        self._latest = now
        if isinstance(event, Written):
            self._written(event.path, now, new=event.new)
        elif isinstance(event, Directory):
            self._directory(event.path, now)
        elif isinstance(event, Gone):
            (self._directory_gone if event.directory else self._file_gone)(event.path, now)
        elif isinstance(event, Moved):
            (self._directory_moved if event.directory else self._file_moved)(event.old, event.new, now)
        elif isinstance(event, Missed):
            self.scanned(now)
            self._waiting.put_rescan(event.path, now, deep=True)

    def due(self, now: float) -> list[Work]:
        """Remove and return the work that is to be published by now, in its order."""
        work, self._at_once = self._at_once, []
        self._making.clear()
        self._replaced.clear()
        while (first := self._waiting.first()) and (first.due <= now or len(self._waiting) > self._most):
            self._waiting.leave()
            work.append(first.work)
        if any(isinstance(each, Move | Rescan) for each in work):  # a move that cannot be made becomes two rescans
            self.scanned(now)
        return work

    def next_due(self) -> float | None:
        """The time of the next work without further events, perhaps in the past; None: never."""
        if self._at_once or len(self._waiting) > self._most:
            return self._latest
        first = self._waiting.first()
        return first.due if first else None

    def scanned(self, now: float) -> None:
        """Note that a scan is under way or requested: it may add waiting files to the catalog first.

        For LONGEST_SCAN from now, a new file that vanishes or is renamed while it waits counts as one that may be in
        the catalog.
        """
        self._scanned = now

    def _written(self, path: bytes, now: float, *, new: bool = False, complete: bool = False) -> None:
        if self._waits(path, Vanish) and not self._ordered:
            return  # the consumer looks, and syncs the file if it exists
        if self._waiting.file(path) is not None:
            new = self._is_new(path)
        elif (file := self._markers.file_of(path)) is not None:
            if split(file)[1]:  # The file may have appeared before this process started.
                self._written(file, now, complete=True)
            return
        elif self._temporary(path, False) or not (complete or self._markers.is_complete(path)):
            return
        # A published Vanish does nothing if its name is taken again by then.
        self._waiting.put_file(Sync(path, new and path not in self._abandoned), now)

    def _file_gone(self, path: bytes, now: float) -> None:
        if self._markers.file_of(path) is not None:
            return
        if self._unknown(path):
            self._waiting.pop_file(path)
        elif not self._temporary(path, False):
            self._remember(path)
            self._waiting.put_file(Vanish(path), now)

    def _waits(self, path: bytes, kind: type[Sync | Vanish]) -> bool:
        """Whether such work waits for a file."""
        waiting = self._waiting.file(path)
        return waiting is not None and isinstance(waiting.work, kind)

    def _is_new(self, path: bytes) -> bool:
        """Whether a file waits here that was never published under this name."""
        waiting = self._waiting.file(path)
        return waiting is not None and isinstance(waiting.work, Sync) and waiting.work.new

    def _unknown(self, path: bytes) -> bool:
        """Whether a new file waits here that no scan can have added to the catalog."""
        waiting = self._waiting.file(path)
        return waiting is not None and self._is_new(path) and self._unseen(waiting.since)

    def _unseen(self, since: float) -> bool:
        """Whether no scan can have found a file that appeared at the time `since`."""
        return since > self._scanned + LONGEST_SCAN

    def _file_moved(self, old: bytes, new: bytes, now: float) -> None:
        """A complete file stays complete under its new name; its marker is renamed before or after it."""
        files = self._markers.file_of(old) or old, self._markers.file_of(new) or new
        both = self._markers.other_half(*files)
        complete = both or self._waits(old, Sync) or self._markers.is_complete(old)
        if complete and not self._is_new(old) and not self._never_published(old) and not self._never_published(new):
            self._move_file(old, new, now)
            return
        self._file_gone(old, now)
        self._written(new, now)
        if both and files[0] != old and self._waits(files[0], Vanish):  # the file was renamed before its marker
            self._move_file(*files, now)

    def _move_file(self, old: bytes, new: bytes, now: float) -> None:
        self._waiting.pop_file(old)
        self._waiting.pop_file(new)
        self._remember(old)
        self._at_once.append(Move(old, new, directory=False))
        # Even if no work waited: a late sync of the old name may have synced another file, now renamed.
        self._waiting.put_file(Sync(new, new=False), now)

    def _never_published(self, path: bytes) -> bool:
        """Whether no file of this name is ever published."""
        return self._temporary(path, False) or self._markers.file_of(path) is not None

    def _directory(self, path: bytes, now: float) -> None:
        if self._temporary(path, True) or path in self._making:
            return
        self._clear_the_way(path)
        self._at_once.append(MakeDirectory(path))
        self._making.add(path)
        if path in self._abandoned:  # the catalog may still have entries of an earlier directory of this name
            del self._abandoned[path]
            self._waiting.put_rescan(path, now, deep=True)

    def _clear_the_way(self, path: bytes) -> None:
        """A directory takes the name of a file: the data object must be deleted before the collection is made."""
        unknown = self._unknown(path)
        if self._waiting.pop_file(path) is not None and not unknown:
            self._at_once.append(Vanish(path))

    def _directory_gone(self, path: bytes, now: float) -> None:
        self._forget_below(path)
        if not self._temporary(path, True):
            self._remember(path)
            self._waiting.put_rescan(split(path)[0], now, deep=False)

    def _directory_moved(self, old: bytes, new: bytes, now: float) -> None:
        """Publish a move, and afterwards scan the tree below the new name and the directory of the old name.

        A consumer may look for a published file under the old name when it has the new one, and the catalog may refuse
        the move. No event would show either, nor that the old collection stays.
        """
        if self._temporary(old, True) or self._temporary(new, True):
            self._directory_gone(old, now)
            self._forget_below(new)
            self._directory(new, now)
            if not self._temporary(new, True):
                self._waiting.put_rescan(new, now, deep=True)
            return
        self._forget_below(new)
        self._clear_the_way(new)
        self._waiting.rename_below(old, new)
        if old in self._making and not self._moved_within(old):
            replaced = old in self._replaced
            self._make_elsewhere(old, new)
            if replaced or not self._unseen(now):
                self._waiting.put_rescan(split(old)[0], now, deep=False)
        else:
            self._making = {path for path in self._making if not is_within(path, old)}
            self._at_once.append(Move(old, new, directory=True))
            self._waiting.put_rescan(split(old)[0], now, deep=False)
        self._remember(old)
        self._waiting.put_rescan(new, now, deep=True)

    def _moved_within(self, path: bytes) -> bool:
        """Whether a move that is not yet published leads into the directory or out of it."""
        moves = (work for work in self._at_once if isinstance(work, Move))
        return any(is_within(move.old, path) or is_within(move.new, path) for move in moves)

    def _make_elsewhere(self, old: bytes, new: bytes) -> None:
        """Make the directories at and below `old` at `new` instead, behind all work that is due."""
        self._replaced.add(new)
        for path in self._withdraw(old):
            self._at_once.append(MakeDirectory(new + path[len(old) :]))
            self._making.add(new + path[len(old) :])

    def _withdraw(self, path: bytes) -> list[bytes]:
        """Withdraw the MakeDirectory work at and below `path`. Returns its paths, parents first."""
        kept: list[Work] = []
        taken: list[bytes] = []
        for work in self._at_once:
            if isinstance(work, MakeDirectory) and work.path in self._making and is_within(work.path, path):
                taken.append(work.path)
            else:
                kept.append(work)
        self._at_once = kept
        self._making.difference_update(taken)
        return taken

    def _forget_below(self, path: bytes) -> None:
        """Drop all work below a directory, and its own rescan and MakeDirectory."""
        self._withdraw(path)
        self._waiting.forget_below(path)

    def _remember(self, name: bytes) -> None:
        self._abandoned[name] = None
        self._abandoned.move_to_end(name)
        if len(self._abandoned) > MAX_ABANDONED:
            self._abandoned.popitem(last=False)
