"""The moves of a job that are published and not settled, and the tasks of the job that are in work.

A move owns its names from the step that publishes it until it is settled. No other task begins with a path that a move
owns. A move begins when no task in work has one of its names, and after the earlier moves of these names. So no two
tasks ever act on one path, or below a moving directory, at one time, whatever the order of their messages.
"""

from __future__ import annotations

from collections.abc import Collection, Iterable, Sequence
from typing import NamedTuple, Protocol

from ingest.paths import renamed


class Names(NamedTuple):
    """What a move renames in the source: `old` to `new`; with `directory` all that is below, too."""

    old: bytes
    new: bytes
    directory: bool


class Subject(NamedTuple):
    """A path that a task acts on; with `deep`, the task acts on everything below it, too."""

    path: bytes
    deep: bool = False


class Moves(Protocol):
    """The moves that are published and not settled. They are added with their tasks (see `Child`)."""

    def begin(
        self,
        job: str,
        pass_id: str,
        task: str,
        round_: int,
        subjects: Sequence[Subject],
        owner: str,
        alive: Collection[str],
    ) -> bool:
        """Note that a task is in work, if no other task stands in its way. The step of the task ends the note.

        Args:
            job: The job.
            pass_id: The pass of the task.
            task: The task.
            round_: The round of the task.
            subjects: What the task acts on.
            owner: The consumer that has the task.
            alive: The consumers that are alive; read for moves only. What others had in work does not count.

        Returns:
            False when the task must wait: a move owns one of its paths, or another task has a name of this move.
        """

    def later(self, job: str, task: str) -> list[Names]:
        """Return the moves of a job that were published after this one and are not settled, in their order."""

    def pending(self, job: str) -> bool:
        """Return whether the job has a move that is published and not settled."""


def follow(path: bytes, moves: Iterable[Names]) -> bytes:
    """Return where the moves, one after the other, have brought what was at `path`."""
    for old, new, directory in moves:
        if path == old:
            path = new
        elif directory:
            path = renamed(path, old, new)
    return path


def meets(one: Subject, other: Subject) -> bool:
    """Return whether two subjects have a path in common."""
    return (
        one.path == other.path
        or (one.deep and other.path.startswith(one.path + b"/"))
        or (other.deep and one.path.startswith(other.path + b"/"))
    )
