"""What is published and not settled: a move must not overtake the work on its names, nor that work the move."""

from __future__ import annotations

from collections.abc import Collection, Iterable, Iterator

from watcher.events import MakeDirectory, Move, Sync, Vanish


class Flight:
    """The tasks that are under way, with the paths that they are about."""

    def __init__(self) -> None:
        self._paths: dict[str, tuple[bytes, ...]] = {}
        self._moves: dict[str, tuple[bytes, ...]] = {}

    def __len__(self) -> int:
        return len(self._paths) + len(self._moves)

    @property
    def tasks(self) -> list[str]:
        """Their names."""
        return [*self._paths, *self._moves]

    @property
    def moving(self) -> bool:
        """Whether a move is among them."""
        return bool(self._moves)

    def add(self, task: str, paths: Iterable[bytes], *, move: bool) -> None:
        """A task is published."""
        (self._moves if move else self._paths)[task] = tuple(paths)

    def keep_only(self, tasks: Collection[str]) -> None:
        """All others are settled."""
        for known in (self._paths, self._moves):
            for task in known.keys() - tasks:
                del known[task]

    def holds_up(self, work: Sync | Vanish | MakeDirectory | Move) -> bool:
        """Whether this work must wait until some of the tasks are settled."""
        if isinstance(work, Move):
            return _related((work.old, work.new), self._all(self._paths, self._moves))
        return _related((work.path,), self._all(self._moves))

    @staticmethod
    def _all(*known: dict[str, tuple[bytes, ...]]) -> Iterator[bytes]:
        for each in known:
            for paths in each.values():
                yield from paths


def _related(some: tuple[bytes, ...], others: Iterable[bytes]) -> bool:
    """Whether a path of the one is the same as one of the other, or above or below it."""
    ours = [path + b"/" for path in some]
    for other in others:
        path = other + b"/"
        if any(path.startswith(each) or each.startswith(path) for each in ours):
            return True
    return False
