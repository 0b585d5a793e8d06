"""From the spool to the live pass of a job: each batch of work is one step of the store, taken once.

The number of the last piece of work is the marker of the step. So whatever is told twice, because an answer was lost or
a watcher was killed, is published once, and counts once.
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
from watcher.flight import Flight
from watcher.scans import Scans, Stopped, status_of
from watcher.spool import Spool

BATCH = 1_000
"""Pieces of work in one step."""
IN_FLIGHT = 400
"""Tasks that are under way; what is beyond waits in the spool, on disk."""


class Publisher:
    """Publishes what is in the spool, in its order. For one thread; `lock` guards the spool.

    Its methods raise Unreachable when the store does not answer, and Stopped when the job is not active any more.
    """

    def __init__(self, store: Store, job: Job, spool: Spool, lock: threading.Lock, scans: Scans) -> None:
        self._store = store
        self._job = job
        self._spool = spool
        self._lock = lock
        self._scans = scans
        self._flight = Flight()
        self._unsure: tuple[Step, int] | None = None
        live = store.watch_job(job.name, secrets.token_hex(8), time.time())
        if live is None:
            raise Stopped(job.name)
        self._pass_id = live
        self._marker = store.marker(live, WATCH)
        with lock:
            published = int(self._marker or 0)
            spool.done(published)
            spool.start_after(published)
        self._strangers = True

    def turn(self) -> bool:
        """Publish a batch; False when there was nothing to publish, or what there is must wait."""
        if self._unsure is None:
            self._land()
            self._unsure = self._next_step()
        if self._unsure is not None:  # perhaps from before an outage
            self._take(*self._unsure)
            self._unsure = None
            return True
        self._scans.turn(self._store, self._job, hold=self._flight.moving or self._strangers)
        return False

    def check(self) -> None:
        """Raises Stopped when the job is not active any more."""
        status_of(self._store, self._job)

    def _land(self) -> None:
        """Forget the tasks that are settled."""
        if len(self._flight):
            self._flight.keep_only(self._store.unsettled(self._pass_id, self._flight.tasks))
        if self._strangers:  # tasks that a watcher before this one has published: nobody knows about which paths
            self._strangers = status_of(self._store, self._job).live.remaining_tasks > 1

    def _next_step(self) -> tuple[Step, int] | None:
        """The step for what can be published now, and the number of its last piece of work."""
        if self._strangers or len(self._flight) >= IN_FLIGHT:
            return None
        with self._lock:
            head = self._spool.head(BATCH)
        batch: list[Sync | Vanish | MakeDirectory | Move] = []
        last = 0
        for number, work in head:
            if isinstance(work, Rescan):
                self._scans.want(work)
            elif (rescan := self._instead(work)) is not None:
                self._scans.want(rescan)
            elif self._flight.holds_up(work) or (batch and isinstance(work, Move)):
                break
            else:
                batch.append(work)
            last = number
            if isinstance(work, Move):  # it travels alone
                break
        return (self._step(batch, last), last) if last else None

    def _instead(self, work: Work) -> Rescan | None:
        """With --max-delete a scan judges what has vanished, as a whole."""
        if isinstance(work, Vanish) and self._job.max_delete is not None:
            return Rescan(split(work.path)[0], deep=False)
        return None

    def _step(self, batch: list[Sync | Vanish | MakeDirectory | Move], last: int) -> Step:
        job, children = self._job, list[Child]()
        changes = []
        for work in batch:
            if isinstance(work, Move):
                child = tasks.move(job, self._pass_id, work.old, work.new, directory=work.directory)
                self._flight.add(child.task, (work.old, work.new), move=True)
                children.append(child)
            elif isinstance(work, MakeDirectory):
                child = tasks.listing(job, self._pass_id, work.path, reach="collection")
                self._flight.add(child.task, (work.path,), move=False)
                children.append(child)
            else:
                absent = isinstance(work, Sync) and work.new
                changes.append(
                    Change(path_to_wire(work.path), [] if absent else UNKNOWN, gone=isinstance(work, Vanish))
                )
        for paths, child in tasks.files_with_paths(job, self._pass_id, changes):
            self._flight.add(child.task, paths, move=False)
            children.append(child)
        return Step(
            job=job.name,
            pass_id=self._pass_id,
            task=WATCH,
            round=0,
            at=time.time(),
            counts=Counts(files=len(changes)),
            children=children,
            after=self._marker,
            marker=str(last).encode(),
        )

    def _take(self, step: Step, last: int) -> None:
        """Have the store take the step; it may have done so before, when its answer was lost."""
        if not self._store.settle(step) and self._store.marker(self._pass_id, WATCH) != step.marker:
            raise Stopped(self._job.name)
        metrics.PUBLISHED.inc(len(step.children))
        self._marker = step.marker
        with self._lock:
            self._spool.done(last)
