"""Tasks that are published and not settled. A move and other work on its names keep their order.

A directory and a file of the same name keep their order, too.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Collection, Iterable

from ingest.paths import ancestors
from watcher.events import MakeDirectory, Move, Sync, Vanish

Single = Sync | Vanish | MakeDirectory | Move
"""Work on certain paths, whose order matters."""


def paths_of(work: Single) -> tuple[bytes, ...]:
    """The paths that the work is about."""
    return (work.old, work.new) if isinstance(work, Move) else (work.path,)


class RelatedPaths:
    """A collection of paths that answers whether other paths are related to them: the same, above or below."""

    def __init__(self) -> None:
        self._paths: Counter[bytes] = Counter()
        self._above: Counter[bytes] = Counter()

    def add(self, paths: Iterable[bytes]) -> None:
        """Add paths. A path that is added twice must be removed twice."""
        for path in paths:
            self._paths[path] += 1
            self._above.update((path, *ancestors(path)))

    def remove(self, paths: Iterable[bytes]) -> None:
        """Remove paths, each once."""
        for path in paths:
            _take(self._paths, path)
            for each in (path, *ancestors(path)):
                _take(self._above, each)

    def __bool__(self) -> bool:
        return bool(self._paths)

    def __contains__(self, path: bytes) -> bool:
        return path in self._paths

    def has(self, paths: Iterable[bytes]) -> bool:
        """Whether one of these paths is related to a path in the collection."""
        return any(
            path in self._above or any(each in self._paths for each in (path, *ancestors(path))) for path in paths
        )


def _take(counts: Counter[bytes], path: bytes) -> None:
    counts[path] -= 1
    if not counts[path]:
        del counts[path]


class InFlight:
    """The tasks in flight, with their paths."""

    def __init__(self) -> None:
        self._tasks: dict[str, tuple[tuple[bytes, ...], list[RelatedPaths]]] = {}
        self._all = RelatedPaths()
        self._moves = RelatedPaths()
        self._directories = RelatedPaths()

    def __len__(self) -> int:
        return len(self._tasks)

    @property
    def tasks(self) -> list[str]:
        """The ids of the tasks."""
        return list(self._tasks)

    @property
    def moving(self) -> bool:
        """Whether a move is in flight."""
        return bool(self._moves)

    def add(self, task: str, paths: Iterable[bytes], kind: type[Single]) -> None:
        """Add a task that is published."""
        paths = tuple(paths)
        groups = [self._all, *([self._moves] if kind is Move else [self._directories] if kind is MakeDirectory else [])]
        self._tasks[task] = paths, groups
        for each in groups:
            each.add(paths)

    def keep_only(self, tasks: Collection[str]) -> bool:
        """Remove all other tasks, which are settled. Returns whether there were any."""
        settled = self._tasks.keys() - tasks
        for task in settled:
            paths, groups = self._tasks.pop(task)
            for each in groups:
                each.remove(paths)
        return bool(settled)

    def blocks(self, work: Single) -> bool:
        """Whether this work must wait until tasks in flight are settled."""
        if isinstance(work, Move):
            return self._all.has(paths_of(work))
        same = self._all if isinstance(work, MakeDirectory) else self._directories
        return work.path in same or self._moves.has(paths_of(work))
