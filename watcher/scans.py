"""The scans of a watch job: of the whole source at intervals, of parts of it when changes may have been missed."""

from __future__ import annotations

import math
import secrets
import time
from collections.abc import Callable
from typing import NamedTuple

from ingest import tasks
from ingest.job import Job, JobState, JobStatus
from ingest.messages import Scope, path_to_wire
from ingest.service.backoff import Doubling, Waits
from ingest.store import Store
from watcher.events import Rescan

PATIENCE_SECONDS = 30.0
"""The longest time that moves delay scans: retries take hours."""
PAUSES = Waits(5.0, 300.0)
"""Seconds to wait after a failed pass: after the first failure, and at most. Each failure doubles them."""
LOST_SECONDS = 600.0
"""Seconds after which a scan that has not begun is requested again: its message may be lost."""
_LOOK_SECONDS = 0.2


class Stopped(Exception):  # noqa: N818 - it is no error
    """The job is not active any more."""


class WritesLost(Exception):  # noqa: N818 - the watcher copes with it
    """The store has lost its last writes: it was restored from an older copy, or restarted with one."""


def status_of(store: Store, job: Job) -> JobStatus:
    """The status of an active job. Raises Stopped, WritesLost if the store does not know the job, and Unreachable."""
    status = store.jobs.get(job.name)
    if status is None:
        raise WritesLost(f"the store does not know job {job.name} any more")
    if not status.state.active:
        raise Stopped(job.name)
    return status


class _Asked(NamedTuple):
    pass_id: str | None
    """None: the first pass of the job, or one that an earlier watcher requested."""
    scope: dict[bytes, bool]
    skipped: int
    """How many passes of the job were skipped before."""
    since: float = math.inf
    """The time of the request; infinity for one that this watcher has not made."""


class Scans:
    """Requests passes, one at a time. Scans that are wanted meanwhile belong to the next pass. For one thread.

    Wanted scans are kept in memory only: a watcher that starts has the whole source scanned.
    """

    def __init__(self, patience: float = PATIENCE_SECONDS, pauses: Waits = PAUSES) -> None:
        self.patience = patience
        self._pauses = Doubling(pauses)
        self._not_before = 0.0
        self._held_since: float | None = None
        self._wanted: dict[bytes, bool] = {}
        self._asked: _Asked | None = _Asked(None, {b"": True}, 0)
        self._looked = 0.0

    @property
    def under_way(self) -> bool:
        """Whether a pass is requested or running."""
        return self._asked is not None

    def want(self, scan: Rescan) -> None:
        """Have a directory scanned by a pass that begins after now."""
        self._wanted[scan.path] = scan.deep or self._wanted.get(scan.path, False)

    def turn(self, store: Store, job: Job, *, hold: Callable[[], bool]) -> None:
        """Check the requested pass, and request the next one.

        While `hold` returns true, the next request is delayed, but no longer than `patience`. Raises Unreachable and
        Stopped.
        """
        now = time.monotonic()
        if not (self.under_way or self._wanted) or now - self._looked < _LOOK_SECONDS:
            return
        self._looked = now
        held = bool(self._wanted) and hold()
        if not held or self._held_since is None:
            self._held_since = now
        hold_up = held and now < self._held_since + self.patience
        status = status_of(store, job)
        self._see(status)
        if self._may_ask(hold_up) and status.state is JobState.WAITING:
            self._ask(store, job, status)

    def _may_ask(self, held: bool) -> bool:
        return self._asked is None and bool(self._wanted) and not held and time.monotonic() >= self._not_before

    def _see(self, status: JobStatus) -> None:
        asked = self._asked
        if status.state is not JobState.WAITING or asked is None:
            return
        ours = asked.pass_id in (None, status.pass_id)
        if not ours and status.passes_skipped == asked.skipped and time.monotonic() - asked.since < LOST_SECONDS:
            return
        self._asked = None
        if ours and not status.error:
            self._pauses.succeeded()
            return
        for path, deep in asked.scope.items():  # it was skipped because another pass was running, or it failed
            self.want(Rescan(path, deep))
        if ours:
            self._not_before = time.monotonic() + self._pauses.failed()

    def _ask(self, store: Store, job: Job, status: JobStatus) -> None:
        scope, pass_id = self._wanted, secrets.token_hex(8)
        whole = scope.get(b"", False)
        scopes = [] if whole else [Scope(path_to_wire(path), deep) for path, deep in scope.items()]
        if store.outbox.send(job.name, tasks.restart(job, "watch", scope=scopes, pass_id=pass_id)):
            self._wanted, self._asked = {}, _Asked(pass_id, scope, status.passes_skipped, time.monotonic())
