"""Work that waits until its path has been quiet: one piece per path, in the order in which it falls due."""

from __future__ import annotations

from collections import OrderedDict
from dataclasses import dataclass

from ingest.paths import ancestors, prefix_of, renamed
from watcher.events import Rescan, Sync, Vanish


@dataclass(slots=True)
class Waiting:
    """One piece of work, the time when it is due, and the time since when it waits."""

    work: Sync | Vanish | Rescan
    due: float
    since: float


class WaitingRoom:
    """Waiting work; a path has one place for its file and one for its rescan.

    A file waits for `quiet` seconds after its last event, a rescan after its first: it covers later changes, too.
    """

    def __init__(self, quiet: float) -> None:
        self._quiet = quiet
        # One constant wait: the order in which it began is that of the deadlines. The key of a rescan ends in a slash.
        self._places: OrderedDict[bytes, Waiting] = OrderedDict()

    def __len__(self) -> int:
        return len(self._places)

    def first(self) -> Waiting | None:
        """The work that is due next."""
        return next(iter(self._places.values())) if self._places else None

    def leave(self) -> None:
        """Remove the first."""
        self._places.popitem(last=False)

    def file(self, path: bytes) -> Waiting | None:
        """The work that waits for a file."""
        return self._places.get(path)

    def pop_file(self, path: bytes) -> Waiting | None:
        """Remove and return the work that waits for a file."""
        return self._places.pop(path, None)

    def put_file(self, work: Sync | Vanish, now: float) -> None:
        """Add work, in place of other work that waits for the file."""
        waiting = self._places.setdefault(work.path, Waiting(work, now, now))
        waiting.work, waiting.due = work, now + self._quiet
        self._places.move_to_end(work.path)

    def put_rescan(self, path: bytes, now: float, *, deep: bool) -> None:
        """Add a rescan, unless one that waits covers it.

        Further events do not delay it. So it precedes the syncs of files that take the names of deleted directories.
        """
        if any(self._scans_deep(above) for above in ancestors(path)):
            return
        key = path + b"/"
        if deep:
            below = prefix_of(path)
            for each in [each for each in self._places if each.endswith(b"/") and each.startswith(below)]:
                if each != key:
                    del self._places[each]
        waiting = self._places.setdefault(key, Waiting(Rescan(path, deep), now + self._quiet, now))
        if deep:
            waiting.work = Rescan(path, deep)

    def forget_below(self, path: bytes) -> None:
        """Drop the work that waits below a directory, and its own rescan."""
        below = prefix_of(path)
        for key in [key for key in self._places if key.startswith(below)]:
            del self._places[key]

    def rename_below(self, old: bytes, new: bytes) -> None:
        """Move the work that waits below `old` to `new`, where nothing waits; times stay the same."""
        places, self._places = self._places, OrderedDict()
        for key, each in places.items():
            other = renamed(key, old, new)
            if other != key:
                each.work = each.work._replace(path=new + each.work.path[len(old) :])
            self._places[other] = each

    def _scans_deep(self, path: bytes) -> bool:
        waiting = self._places.get(path + b"/")
        return waiting is not None and isinstance(waiting.work, Rescan) and waiting.work.deep
