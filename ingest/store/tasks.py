"""The passes of jobs and their tasks. A task changes in one atomic step."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Protocol

import msgspec

from ingest.broker import Outgoing
from ingest.job import Counts, Problem
from ingest.messages import Candidate
from ingest.store.cache import Cached
from ingest.store.moves import Names

WATCH = "watch"
"""The task of a live pass that stays outstanding until the job is stopped: every batch of changes is a part of it."""


class Child(msgspec.Struct, frozen=True):
    """A new task, the message that hands it out after `delay` seconds, and the names of a move."""

    task: str
    message: Outgoing
    move: Names | None = None
    delay: float = 0.0


class Redelivery(msgspec.Struct, frozen=True):
    """Hands a task out once more, after `wait` seconds. From now on, the messages of its earlier rounds are void."""

    wait: float
    round: int
    message: Outgoing


class Step(msgspec.Struct, frozen=True, kw_only=True):
    """The outcome of a task, or of a part of a task. The store takes all of it, or nothing.

    With `again` or a `cursor` the task stays outstanding; otherwise it is done. When the last outstanding task is done,
    `closing` becomes the next task; without `closing` the pass ends. `error` ends the pass at once and says why.

    `after` is the cursor from which a part of a listing went on; it prevents that a part is taken twice.
    The problems of `solved` paths are dropped before `problems` are added. `candidates` are added to the deletion
    candidates of the pass, `judged` ones are removed. The path cache first forgets the logical directories and names
    in `uncached`, then it takes `cached`.
    """

    job: str
    pass_id: str
    task: str
    round: int
    counts: Counts = Counts()
    children: Sequence[Child] = ()
    again: Redelivery | None = None
    after: bytes | msgspec.UnsetType | None = msgspec.UNSET
    cursor: bytes | None = None
    problems: Sequence[Problem] = ()
    solved: Sequence[bytes] = ()
    cached: Sequence[Cached] = ()
    uncached: Sequence[tuple[bytes, bytes]] = ()
    candidates: Sequence[Candidate] = ()
    judged: Sequence[Candidate] = ()
    closing: Child | None = None
    error: str | None = None


class Outstanding(msgspec.Struct, frozen=True):
    """An outstanding task, its round, and the message that hands it out in this round."""

    pass_id: str
    task: str
    round: int
    message: Outgoing


class Tasks(Protocol):
    """The accounting of passes and tasks: a task is outstanding from the step that adds it to the step that ends it."""

    def begin_pass(
        self,
        name: str,
        pass_id: str,
        opening: Child,
        *,
        next_in: float | None = None,
        following: Outgoing | None = None,
        keep_problems: bool = False,
    ) -> bool:
        """Begin a pass, and schedule the pass after it.

        Args:
            name: The job.
            pass_id: The id of the new pass.
            opening: The first task, the only one so far.
            next_in: The seconds until the pass after this one is due.
            following: The message that starts the pass after this one. It is scheduled only with `next_in`.
            keep_problems: Keep the problems of the pass before, which are dropped otherwise.

        Returns:
            False when the job is not active, this pass has begun before, or another pass of the job is running. A pass
            that finds another one running counts as skipped; the pass after it is scheduled all the same.
        """

    def outstanding(self, pass_id: str, task: str, round_: int) -> bool:
        """Return whether the task is still to be done, and `round_` is its latest round."""

    def unsettled(self, pass_id: str, tasks: Sequence[str]) -> frozenset[str]:
        """Return those of the tasks that are still outstanding, in any round."""

    def messages(self, name: str, limit: int) -> list[Outstanding]:
        """Return outstanding tasks of a job that have a message (WATCH has none), at most `limit`."""

    def cursor(self, pass_id: str, task: str) -> bytes | None:
        """Return the cursor of a listing that is outstanding; None when it has not begun, or is done."""

    def settle(self, step: Step) -> bool:
        """Take a step. If the job was stopped meanwhile, only the files that were done are counted.

        Args:
            step: The outcome of (a part of) a task.

        Returns:
            False when the task is not outstanding in this round, or its cursor is not `step.after`.
        """
