"""What is published and not settled: a move must not overtake the work on its names, nor that work the move."""

from __future__ import annotations

from collections import Counter
from collections.abc import Collection, Iterable, Iterator

from watcher.events import MakeDirectory, Move, Sync, Vanish

Single = Sync | Vanish | MakeDirectory | Move
"""Work on certain paths, whose order matters."""


def paths_of(work: Single) -> tuple[bytes, ...]:
    """The paths that the work is about."""
    return (work.old, work.new) if isinstance(work, Move) else (work.path,)


class Kin:
    """Paths, and whether others are related to them: the same, above or below."""

    def __init__(self) -> None:
        self._paths: Counter[bytes] = Counter()
        self._above: Counter[bytes] = Counter()

    def add(self, paths: Iterable[bytes]) -> None:
        """Add paths; each counts as often as it is added."""
        for path in paths:
            self._paths[path] += 1
            self._above.update(_lineage(path))

    def remove(self, paths: Iterable[bytes]) -> None:
        """Take paths away, once each."""
        for path in paths:
            _take(self._paths, path)
            for each in _lineage(path):
                _take(self._above, each)

    def has(self, paths: Iterable[bytes]) -> bool:
        """Whether one of the paths is related to one that was added."""
        return any(path in self._above or any(each in self._paths for each in _lineage(path)) for path in paths)


def _lineage(path: bytes) -> Iterator[bytes]:
    """A path and all that are above it, to the root."""
    yield path
    while path:
        path = path.rpartition(b"/")[0]
        yield path


def _take(counts: Counter[bytes], path: bytes) -> None:
    counts[path] -= 1
    if not counts[path]:
        del counts[path]


class Flight:
    """The tasks that are under way, with the paths that they are about."""

    def __init__(self) -> None:
        self._tasks: dict[str, tuple[tuple[bytes, ...], bool]] = {}
        self._all = Kin()
        self._moves = Kin()
        self._moving = 0

    def __len__(self) -> int:
        return len(self._tasks)

    @property
    def tasks(self) -> list[str]:
        """Their names."""
        return list(self._tasks)

    @property
    def moving(self) -> bool:
        """Whether a move is among them."""
        return self._moving > 0

    def add(self, task: str, paths: Iterable[bytes], *, move: bool) -> None:
        """A task is published."""
        paths = tuple(paths)
        self._tasks[task] = paths, move
        self._all.add(paths)
        if move:
            self._moves.add(paths)
            self._moving += 1

    def keep_only(self, tasks: Collection[str]) -> bool:
        """All others are settled; whether there were any."""
        settled = self._tasks.keys() - tasks
        for task in settled:
            paths, move = self._tasks.pop(task)
            self._all.remove(paths)
            if move:
                self._moves.remove(paths)
                self._moving -= 1
        return bool(settled)

    def holds_up(self, work: Single) -> bool:
        """Whether this work must wait until some of the tasks are settled."""
        return (self._all if isinstance(work, Move) else self._moves).has(paths_of(work))
