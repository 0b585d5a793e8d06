"""Publishes the work in the spool to the live pass of a job: each batch is one step of the store, taken once.

The number of the batch is the cursor of the step. The spool records it before the step is sent to the store. So a step
that is sent twice, because an answer was lost or a watcher was killed, is published once and counted once.

A move waits for the tasks in flight on its names, and later work on these names waits for the move; other work passes
both. In the same way a directory and a file of the same name wait for each other.
"""

from __future__ import annotations

import secrets
import threading
import time

from ingest import tasks
from ingest.job import Counts, Job
from ingest.messages import UNKNOWN, Change, path_to_wire
from ingest.paths import split
from ingest.store import WATCH, Child, Step, Store
from watcher import metrics
from watcher.events import MakeDirectory, Move, Rescan, Sync, Vanish, Work
from watcher.in_flight import InFlight, RelatedPaths, Single, paths_of
from watcher.scans import Scans, Stopped, status_of
from watcher.spool import Spool

BATCH = 1_000
"""Pieces of work that are read from the spool at a time."""
WAITING = 10_000
"""Pieces of work that wait for others while later work passes them. Beyond that, all later work waits, too."""
IN_FLIGHT = 400
"""Tasks in flight; further work waits in the spool, on disk."""


class Publisher:
    """Publishes the work in the spool. For one thread; `lock` guards the spool.

    Its methods raise Unreachable when the store does not answer, and Stopped when the job is not active any more.
    """

    def __init__(self, store: Store, job: Job, spool: Spool, lock: threading.Lock, scans: Scans) -> None:
        self._store = store
        self._job = job
        self._spool = spool
        self._lock = lock
        self._scans = scans
        self._flight = InFlight()
        self._waiting: list[tuple[int, Single]] = []
        self._held = RelatedPaths()
        self._settled_some = False
        self._read = 0
        self._unsure: Step | None = None
        live = store.jobs.watch(job.name, secrets.token_hex(8))
        if live is None:
            raise Stopped(job.name)
        self._pass_id = live
        self._cursor = store.tasks.cursor(live, WATCH)
        with lock:
            spool.done(int(self._cursor or 0))
        self._foreign_tasks = True
        self._waits_until = time.monotonic() + scans.patience

    def turn(self) -> bool:
        """Publish a batch. Returns False if there is no work, or if all of it must wait."""
        if self._unsure is None:
            self._remove_settled()
            self._unsure = self._next_step()
        if self._unsure is not None:  # perhaps still from before an outage
            self._take(self._unsure)
            self._unsure = None
            return True
        moving = self._flight.moving or any(isinstance(work, Move) for _, work in self._waiting)
        self._scans.turn(self._store, self._job, hold=moving or self._foreign_tasks)
        return False

    def check(self) -> None:
        """Raises Stopped when the job is not active any more."""
        status_of(self._store, self._job)

    def _remove_settled(self) -> None:
        """Remove the tasks that are settled."""
        if len(self._flight):
            settled = self._flight.keep_only(self._store.tasks.unsettled(self._pass_id, self._flight.tasks))
            self._settled_some = self._settled_some or settled
        if self._foreign_tasks:  # tasks of an earlier watcher, whose paths are unknown
            left = status_of(self._store, self._job).live.remaining_tasks > 1
            self._foreign_tasks = left and time.monotonic() < self._waits_until

    def _next_step(self) -> Step | None:
        """The step for what can be published now."""
        if self._foreign_tasks or len(self._flight) >= IN_FLIGHT:
            return None
        numbers: list[int] = []
        batch: list[Single] = []
        ahead = InFlight()
        for number, work in self._candidates():
            if isinstance(work, Rescan):
                self._scans.want(work)
            elif isinstance(work, Vanish) and self._job.max_delete is not None:
                self._scans.want(Rescan(split(work.path)[0], deep=False))  # it judges all vanished files together
            elif self._held.has(paths_of(work)) or self._flight.blocks(work) or ahead.blocks(work):
                self._waiting.append((number, work))
                self._held.add(paths_of(work))
                continue
            else:
                batch.append(work)
                ahead.add(str(number), paths_of(work), type(work))
            numbers.append(number)
        return self._step(numbers, batch) if numbers else None

    def _candidates(self) -> list[tuple[int, Work]]:
        """The work that may be published now: waiting work, if a task has settled since, and new work of the spool."""
        waited: list[tuple[int, Work]] = []
        if self._settled_some:
            waited += self._waiting
            self._settled_some, self._waiting, self._held = False, [], RelatedPaths()
        elif len(self._waiting) >= WAITING:
            return []
        with self._lock:
            new = self._spool.after(self._read, BATCH)
        self._read = new[-1][0] if new else self._read
        return waited + new

    def _step(self, numbers: list[int], batch: list[Single]) -> Step:
        """The step that publishes this batch; its tasks are in flight from now on."""
        number = int(self._cursor or 0) + 1
        with self._lock:
            self._spool.choose(numbers, number)
        changes = [_change(work) for work in batch if isinstance(work, Sync | Vanish)]
        children = []
        for paths, child in tasks.files_with_paths(self._job, self._pass_id, changes):
            self._flight.add(child.task, paths, Sync)
            children.append(child)
        for work in batch:
            if isinstance(work, Move | MakeDirectory):
                children.append(self._task(work))
                self._flight.add(children[-1].task, paths_of(work), type(work))
        return Step(
            job=self._job.name,
            pass_id=self._pass_id,
            task=WATCH,
            round=0,
            counts=Counts(files=len(changes)),
            children=children,
            after=self._cursor,
            cursor=str(number).encode(),
        )

    def _task(self, work: Move | MakeDirectory) -> Child:
        if isinstance(work, Move):
            return tasks.move(self._job, self._pass_id, work.old, work.new, directory=work.directory)
        return tasks.listing(self._job, self._pass_id, work.path, reach="collection")

    def _take(self, step: Step) -> None:
        """Have the store take the step. It may have taken it before, if its answer was lost."""
        if not self._store.tasks.settle(step) and self._store.tasks.cursor(self._pass_id, WATCH) != step.cursor:
            raise Stopped(self._job.name)
        metrics.PUBLISHED.inc(len(step.children))
        self._cursor = step.cursor
        with self._lock:
            self._spool.done(int(step.cursor or 0))


def _change(work: Sync | Vanish) -> Change:
    absent = isinstance(work, Sync) and work.new
    return Change(path_to_wire(work.path), [] if absent else UNKNOWN, gone=isinstance(work, Vanish))
