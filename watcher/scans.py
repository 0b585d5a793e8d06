"""The scans of a watch job: of the whole source now and then, of parts of it when something may have been missed."""

from __future__ import annotations

import secrets
import time
from typing import NamedTuple

from ingest import tasks
from ingest.job import Job, JobState, JobStatus
from ingest.messages import Scope, path_to_wire
from ingest.store import Store
from watcher.events import Rescan

_LOOK_SECONDS = 0.2


class Stopped(Exception):  # noqa: N818 - somebody wanted it so
    """The job is not active any more: there is nothing to watch for."""


def status_of(store: Store, job: Job) -> JobStatus:
    """The status of an active job. Raises Stopped, and Unreachable."""
    status = store.job(job.name)
    if status is None or not status.state.active:
        raise Stopped(job.name)
    return status


class _Asked(NamedTuple):
    pass_id: str
    scope: dict[bytes, bool]
    skipped: int
    """How many passes of the job had been skipped before."""


class Scans:
    """Asks for passes, one at a time; what is wanted meanwhile is the next one's. Not for several threads.

    What is wanted and not done is in memory only: a watcher that starts has the whole source scanned.
    """

    def __init__(self) -> None:
        self._wanted: dict[bytes, bool] = {}
        self._asked: _Asked | None = None
        self._looked = 0.0
        self._others = True  # until the job is seen at rest: its first pass, or one that an earlier watcher wanted

    @property
    def under_way(self) -> bool:
        """Whether a pass is asked for or running."""
        return self._others or self._asked is not None

    def want(self, scan: Rescan) -> None:
        """Have a directory scanned, by a pass that begins after now."""
        self._wanted[scan.path] = scan.deep or self._wanted.get(scan.path, False)

    def turn(self, store: Store, job: Job, *, hold: bool) -> None:
        """Look after the pass that was asked for, and ask for the next one unless it is to be held back.

        Raises Unreachable and Stopped.
        """
        idle = not self.under_way and (hold or not self._wanted)
        if idle or time.monotonic() - self._looked < _LOOK_SECONDS:
            return
        self._looked = time.monotonic()
        status = status_of(store, job)
        self._see(status)
        if self._asked is None and self._wanted and not hold and status.state is JobState.WAITING:
            self._ask(store, job, status)

    def _see(self, status: JobStatus) -> None:
        if status.state is not JobState.WAITING:
            return
        self._others, asked = False, self._asked
        if asked is None:
            return
        if status.pass_id == asked.pass_id:
            self._asked = None
        elif status.passes_skipped > asked.skipped:  # another one ran when ours came
            self._asked = None
            for path, deep in asked.scope.items():
                self.want(Rescan(path, deep))

    def _ask(self, store: Store, job: Job, status: JobStatus) -> None:
        scope, pass_id = self._wanted, secrets.token_hex(8)
        whole = scope.get(b"", False)
        scopes = [] if whole else [Scope(path_to_wire(path), deep) for path, deep in scope.items()]
        if store.send(job.name, tasks.restart(job, "watch", scope=scopes, pass_id=pass_id)):
            self._wanted, self._asked = {}, _Asked(pass_id, scope, status.passes_skipped)
