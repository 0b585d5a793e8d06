"""Publishes the work in the spool to the live pass of a job: each batch is one step of the store, taken once.

The number of the batch is the cursor of the step. The spool records it before the step is sent to the store. So a step
that is sent twice, because an answer was lost or a watcher was killed, is published once and counted once.

The order of the work does not matter to the consumers: each task looks at the source again, and a move owns its names
in the store until it is settled (see `ingest.store.moves`).
"""

from __future__ import annotations

import secrets
import threading

from ingest import tasks
from ingest.job import Counts, Job
from ingest.messages import UNKNOWN, Change, path_to_wire
from ingest.paths import split
from ingest.store import WATCH, Child, Step, Store
from watcher import metrics
from watcher.events import MakeDirectory, Move, Rescan, Single, Sync, Vanish
from watcher.scans import Scans, Stopped, WritesLost, status_of
from watcher.spool import Spool

BATCH = 1_000
"""Pieces of work that are published at a time."""
OUTSTANDING = 400
"""Tasks of the live pass that may be outstanding; further work waits in the spool, on disk."""


class Publisher:
    """Publishes the work in the spool. For one thread; `lock` guards the spool.

    Its methods raise Unreachable when the store does not answer, Stopped when the job is not active any more, and
    WritesLost when the store has not what this or an earlier publisher has written: then a new one must begin.
    """

    def __init__(self, store: Store, job: Job, spool: Spool, lock: threading.Lock, scans: Scans) -> None:
        self._store = store
        self._job = job
        self._spool = spool
        self._lock = lock
        self._scans = scans
        self._read = 0
        self._unsure: Step | None = None
        live = store.jobs.watch(job.name, secrets.token_hex(8))
        if live is None:
            status_of(store, job)  # it says whether the job has ended
            raise Stopped(job.name)
        self._pass_id = live
        self._cursor = store.tasks.cursor(live, WATCH)
        with lock:
            spool.done(int(self._cursor or 0))

    def turn(self) -> bool:
        """Publish a batch. Returns False if there is no work, or if all of it must wait."""
        if self._unsure is None:
            self._unsure = self._next_step()
        if self._unsure is not None:  # perhaps still from before an outage
            self._take(self._unsure)
            self._unsure = None
            return True
        self._scans.turn(
            self._store, self._job, hold=lambda: bool(self._spool) or self._store.moves.pending(self._job.name)
        )
        return False

    def check(self) -> None:
        """Check that the job is active, and that the store has what was published."""
        live = status_of(self._store, self._job).live_pass
        if live != self._pass_id or (self._unsure is None and self._stored() != self._cursor):
            raise WritesLost(f"the store has not what was published for job {self._job.name}")

    def _next_step(self) -> Step | None:
        """The step for what can be published now."""
        with self._lock:
            work = self._spool.after(self._read, BATCH)
        if not work or status_of(self._store, self._job).live.remaining_tasks > OUTSTANDING:
            return None
        self._read = work[-1][0]
        batch = list[Single]()
        for _, each in work:
            if isinstance(each, Rescan):
                self._scans.want(each)
            elif isinstance(each, Vanish) and self._job.max_delete is not None:
                self._scans.want(Rescan(split(each.path)[0], deep=False))  # it judges all vanished files together
            else:
                batch.append(each)
        return self._step([number for number, _ in work], batch)

    def _step(self, numbers: list[int], batch: list[Single]) -> Step:
        """The step that publishes this batch. Moves come first: they own their names from then on."""
        number = int(self._cursor or 0) + 1
        with self._lock:
            self._spool.choose(numbers, number)
        changes = [_change(work) for work in batch if isinstance(work, Sync | Vanish)]
        children = [self._task(work) for work in batch if isinstance(work, Move | MakeDirectory)]
        children += tasks.files(self._job, self._pass_id, changes)
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
        if not self._store.tasks.settle(step) and self._stored() != step.cursor:
            status_of(self._store, self._job)  # it says whether the job has ended
            raise WritesLost(f"the store has not what was published for job {self._job.name}")
        metrics.PUBLISHED.inc(len(step.children))
        self._cursor = step.cursor
        with self._lock:
            self._spool.done(int(step.cursor or 0))

    def _stored(self) -> bytes | None:
        """The number of the last batch in the store."""
        return self._store.tasks.cursor(self._pass_id, WATCH)


def _change(work: Sync | Vanish) -> Change:
    absent = isinstance(work, Sync) and work.new
    return Change(path_to_wire(work.path), [] if absent else UNKNOWN, gone=isinstance(work, Vanish))
