"""Settling: what has happened to a path becomes one piece of work, once the path has been left alone for a while.

Moves and new directories are published at once, so that what lies below them can follow; everything else waits. Whoever
does the work looks at the source again, perhaps much later. So the work need not tell what happened in every detail: it
must name every path about which the catalog may be wrong, at a time when the source shows what is right.
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
"""Seconds that may pass between a scan being asked for and its looking at a file."""

MAX_LEFT = 200_000
"""How many names that were left are remembered; what is forgotten may cost an object that stays until the next pass."""


class Settler:
    """Takes events and gives work; times are seconds of any clock that never goes back. Does nothing by itself.

    `quiet`: seconds for which a path must be left alone. `temporary`: what has a temporary name is not published.
    `markers`: those without which files are not published. `most`: how many paths may wait; when more wait, the
    earliest are due although they are settled less. `ordered`: events come in the order in which things happened; else
    a file of which it was said that it is gone stays a doubtful one.
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
        self._making: set[bytes] = set()  # the paths of each MakeDirectory that may still be taken back
        self._waiting = WaitingRoom(quiet)
        self._left: OrderedDict[bytes, None] = OrderedDict()  # names that were left: they may be taken again

    def __len__(self) -> int:
        return len(self._at_once) + len(self._waiting)

    def add(self, event: Event, now: float) -> None:
        """Take an event."""
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
        """What is to be published by now, in this order; it waits no longer."""
        work, self._at_once = self._at_once, []
        self._making.clear()
        while (first := self._waiting.first()) and (first.due <= now or len(self._waiting) > self._most):
            self._waiting.leave()
            work.append(first.work)
        if any(isinstance(each, Move | Rescan) for each in work):  # a move that cannot be made becomes two rescans
            self.scanned(now)
        return work

    def next_due(self) -> float | None:
        """When there will be work if nothing else happens (perhaps a time that has passed); None: never."""
        if self._at_once or len(self._waiting) > self._most:
            return self._latest
        first = self._waiting.first()
        return first.due if first else None

    def scanned(self, now: float) -> None:
        """A scan is under way, or has just been asked for: it may bring what waits here into the catalog before us.

        For LONGEST_SCAN from now, a new file that vanishes or is renamed while it waits is taken for one that may be in
        the catalog.
        """
        self._scanned = now

    def _written(self, path: bytes, now: float, *, new: bool = False, complete: bool = False) -> None:
        if self._waits(path, Vanish) and not self._ordered:
            return  # whoever looks whether it is gone syncs it when it is not
        if self._waiting.file(path) is not None:
            new = self._is_new(path)
        elif (file := self._markers.file_of(path)) is not None:
            if split(file)[1]:  # It may have come long ago, before this process.
                self._written(file, now, complete=True)
            return
        elif self._temporary(path, False) or not (complete or self._markers.is_complete(path)):
            return
        # A vanishing that was published may be looked at when the name is taken again, and then do nothing.
        self._waiting.put_file(Sync(path, new and path not in self._left), now)

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
        """Whether a file waits here of which nothing was published under this name."""
        waiting = self._waiting.file(path)
        return waiting is not None and isinstance(waiting.work, Sync) and waiting.work.new

    def _unknown(self, path: bytes) -> bool:
        """Whether a new file waits here that no scan can have brought into the catalog either."""
        waiting = self._waiting.file(path)
        return waiting is not None and self._is_new(path) and self._unseen(waiting.since)

    def _unseen(self, since: float) -> bool:
        """Whether no scan can have come across what has been here since then."""
        return since > self._scanned + LONGEST_SCAN

    def _file_moved(self, old: bytes, new: bytes, now: float) -> None:
        """What was complete is so under its other name; the marker may follow, or may have gone ahead."""
        files = self._markers.file_of(old) or old, self._markers.file_of(new) or new
        both = self._markers.other_half(*files)
        complete = both or self._waits(old, Sync) or self._markers.is_complete(old)
        if complete and not self._is_new(old) and not self._hidden(old) and not self._hidden(new):
            self._move_file(old, new, now)
            return
        self._file_gone(old, now)
        self._written(new, now)
        if both and files[0] != old and self._waits(files[0], Vanish):  # nobody knew then that it was complete
            self._move_file(*files, now)

    def _move_file(self, old: bytes, new: bytes, now: float) -> None:
        self._waiting.pop_file(old)
        self._waiting.pop_file(new)
        self._remember(old)
        self._at_once.append(Move(old, new, directory=False))
        # Even when nothing waited: a late sync of the old name may have met another file there, which is moved now.
        self._waiting.put_file(Sync(new, new=False), now)

    def _hidden(self, path: bytes) -> bool:
        """Whether no file of this name is ever published."""
        return self._temporary(path, False) or self._markers.file_of(path) is not None

    def _directory(self, path: bytes, now: float) -> None:
        if self._temporary(path, True) or path in self._making:
            return
        self._clear_the_way(path)
        self._at_once.append(MakeDirectory(path))
        self._making.add(path)
        if path in self._left:  # the catalog may still have what was in the other directory of this name
            del self._left[path]
            self._waiting.put_rescan(path, now, deep=True)

    def _clear_the_way(self, path: bytes) -> None:
        """The name of a file is now a directory's: the data object must go before the collection can come."""
        unknown = self._unknown(path)
        if self._waiting.pop_file(path) is not None and not unknown:
            self._at_once.append(Vanish(path))

    def _directory_gone(self, path: bytes, now: float) -> None:
        self._forget_below(path)
        if not self._temporary(path, True):
            self._remember(path)
            self._waiting.put_rescan(split(path)[0], now, deep=False)

    def _directory_moved(self, old: bytes, new: bytes, now: float) -> None:
        """In any case what is below the new name is scanned afterwards, and the directory that the old one was in.

        A file that was published under the old name may have been looked for when it had the new one already, and the
        catalog may refuse the move; neither would be noticed below the directory, nor that the old collection stays.
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
            self._make_elsewhere(old, new)
            if not self._unseen(now):
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
        """Directories that were to be made at and below `old` are to be made at `new`, after what is to be done now."""
        for path in self._take_back(old):
            self._at_once.append(MakeDirectory(new + path[len(old) :]))
            self._making.add(new + path[len(old) :])

    def _take_back(self, path: bytes) -> list[bytes]:
        """Make no directories at and below `path`; which ones were to be made, parents first."""
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
        """Drop what waits below a directory, its own rescan and its making."""
        self._take_back(path)
        self._waiting.forget_below(path)

    def _remember(self, name: bytes) -> None:
        self._left[name] = None
        self._left.move_to_end(name)
        if len(self._left) > MAX_LEFT:
            self._left.popitem(last=False)
