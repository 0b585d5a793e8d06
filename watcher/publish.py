"""From the spool to the live pass of a job: each batch of work is one step of the store, taken once.

The number of the batch is the cursor of the step, and stands in the spool before the step is told. So whatever is told
twice, because an answer was lost or a watcher was killed, is published once, and counts once.

A move waits for what is under way on its names, and what comes later on them waits for the move; the rest passes both.
So do a directory that is to be made and the file of its name: the one waits for the other.
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
"""Pieces of work that wait for others and may be passed; when there are more, all behind them waits, too."""
IN_FLIGHT = 400
"""Tasks that are under way; what is beyond waits in the spool, on disk."""


class Publisher:
    """Publishes what is in the spool. For one thread; `lock` guards the spool.

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
        self._landed = False
        self._read = 0
        self._unsure: Step | None = None
        live = store.jobs.watch(job.name, secrets.token_hex(8), time.time())
        if live is None:
            raise Stopped(job.name)
        self._pass_id = live
        self._marker = store.tasks.cursor(live, WATCH)
        with lock:
            spool.done(int(self._marker or 0))
        self._strangers = True
        self._waits_until = time.monotonic() + scans.patience

    def turn(self) -> bool:
        """Publish a batch; False when there was nothing to publish, or what there is must wait."""
        if self._unsure is None:
            self._land()
            self._unsure = self._next_step()
        if self._unsure is not None:  # perhaps from before an outage
            self._take(self._unsure)
            self._unsure = None
            return True
        moving = self._flight.moving or any(isinstance(work, Move) for _, work in self._waiting)
        self._scans.turn(self._store, self._job, hold=moving or self._strangers)
        return False

    def check(self) -> None:
        """Raises Stopped when the job is not active any more."""
        status_of(self._store, self._job)

    def _land(self) -> None:
        """Forget the tasks that are settled."""
        if len(self._flight):
            settled = self._flight.keep_only(self._store.tasks.unsettled(self._pass_id, self._flight.tasks))
            self._landed = self._landed or settled
        if self._strangers:  # tasks that a watcher before this one has published: nobody knows about which paths
            left = status_of(self._store, self._job).live.remaining_tasks > 1
            self._strangers = left and time.monotonic() < self._waits_until

    def _next_step(self) -> Step | None:
        """The step for what can be published now."""
        if self._strangers or len(self._flight) >= IN_FLIGHT:
            return None
        numbers: list[int] = []
        batch: list[Single] = []
        ahead = InFlight()
        for number, work in self._candidates():
            if isinstance(work, Rescan):
                self._scans.want(work)
            elif isinstance(work, Vanish) and self._job.max_delete is not None:
                self._scans.want(Rescan(split(work.path)[0], deep=False))  # which judges what has vanished as a whole
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
        """What might be published now: what waited, if something has changed for it, and what is new in the spool."""
        waited: list[tuple[int, Work]] = []
        if self._landed:
            waited += self._waiting
            self._landed, self._waiting, self._held = False, [], RelatedPaths()
        elif len(self._waiting) >= WAITING:
            return []
        with self._lock:
            new = self._spool.after(self._read, BATCH)
        self._read = new[-1][0] if new else self._read
        return waited + new

    def _step(self, numbers: list[int], batch: list[Single]) -> Step:
        """The step that publishes this batch; it is under way from now on."""
        number = int(self._marker or 0) + 1
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
            at=time.time(),
            counts=Counts(files=len(changes)),
            children=children,
            after=self._marker,
            cursor=str(number).encode(),
        )

    def _task(self, work: Move | MakeDirectory) -> Child:
        if isinstance(work, Move):
            return tasks.move(self._job, self._pass_id, work.old, work.new, directory=work.directory)
        return tasks.listing(self._job, self._pass_id, work.path, reach="collection")

    def _take(self, step: Step) -> None:
        """Have the store take the step; it may have done so before, when its answer was lost."""
        if not self._store.tasks.settle(step) and self._store.tasks.cursor(self._pass_id, WATCH) != step.cursor:
            raise Stopped(self._job.name)
        metrics.PUBLISHED.inc(len(step.children))
        self._marker = step.cursor
        with self._lock:
            self._spool.done(int(step.cursor or 0))


def _change(work: Sync | Vanish) -> Change:
    absent = isinstance(work, Sync) and work.new
    return Change(path_to_wire(work.path), [] if absent else UNKNOWN, gone=isinstance(work, Vanish))
