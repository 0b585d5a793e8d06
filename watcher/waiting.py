"""Work that waits until its path has been left alone: one piece per path, in the order in which it falls due."""

from __future__ import annotations

from collections import OrderedDict
from dataclasses import dataclass

from ingest.paths import ancestors, is_below, renamed
from watcher.events import Rescan, Sync, Vanish


@dataclass(slots=True)
class Waiting:
    """One piece of work: when it is due, and since when it waits."""

    work: Sync | Vanish | Rescan
    due: float
    since: float


class WaitingRoom:
    """A path has one place for its file and one for its rescan.

    A file waits for `quiet` seconds after its last event, a rescan after its first, since it sees what came until then.
    """

    def __init__(self, quiet: float) -> None:
        self._quiet = quiet
        # One constant wait: the order in which it began is that of the deadlines. The key of a rescan ends in a slash.
        self._places: OrderedDict[bytes, Waiting] = OrderedDict()

    def __len__(self) -> int:
        return len(self._places)

    def first(self) -> Waiting | None:
        """What is due next."""
        return next(iter(self._places.values())) if self._places else None

    def leave(self) -> None:
        """The first has been published."""
        self._places.popitem(last=False)

    def file(self, path: bytes) -> Waiting | None:
        """What waits for a file."""
        return self._places.get(path)

    def pop_file(self, path: bytes) -> Waiting | None:
        """What waits for a file, which it does no longer."""
        return self._places.pop(path, None)

    def put_file(self, work: Sync | Vanish, now: float) -> None:
        """Let work wait in place of what waits for the file."""
        waiting = self._places.setdefault(work.path, Waiting(work, now, now))
        waiting.work, waiting.due = work, now + self._quiet
        self._places.move_to_end(work.path)

    def put_rescan(self, path: bytes, now: float, *, deep: bool) -> None:
        """Ask for a rescan, unless one that waits will do.

        It is not put off, so it comes before the syncs of files that take the names of directories that are gone.
        """
        if any(self._scans_deep(above) for above in ancestors(path)):
            return
        key = path + b"/"
        if deep:
            for each in [each for each in self._places if each.endswith(b"/") and is_below(each, path)]:
                if each != key:
                    del self._places[each]
        waiting = self._places.setdefault(key, Waiting(Rescan(path, deep), now + self._quiet, now))
        if deep:
            waiting.work = Rescan(path, deep)

    def forget_below(self, path: bytes) -> None:
        """Drop what waits below a directory, and its own rescan."""
        for key in [key for key in self._places if is_below(key, path)]:
            del self._places[key]

    def rename_below(self, old: bytes, new: bytes) -> None:
        """Let what waits below `old` wait below `new`, where nothing waits, as long as before."""
        places, self._places = self._places, OrderedDict()
        for key, each in places.items():
            other = renamed(key, old, new)
            if other != key:
                each.work = each.work._replace(path=new + each.work.path[len(old) :])
            self._places[other] = each

    def _scans_deep(self, path: bytes) -> bool:
        waiting = self._places.get(path + b"/")
        return waiting is not None and isinstance(waiting.work, Rescan) and waiting.work.deep
