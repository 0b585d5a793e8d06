"""The watcher: the events of a backend are settled, spooled and published until the watcher stops.

Two threads: one reads events and never waits for the network; one publishes and may wait for queue and store.
"""

from __future__ import annotations

import math
import random
import socket
import threading
import time
from collections import deque
from collections.abc import Callable, Sequence
from contextlib import suppress
from typing import Protocol

from ingest.errors import Unreachable
from ingest.job import Watching
from ingest.service import logs
from ingest.service.backoff import WAITS, Backoff, Waits
from ingest.service.health import Health
from ingest.store import Store
from watcher import metrics
from watcher.events import Backend, Missed, Rescan, RootLost, Work
from watcher.publish import Publisher
from watcher.scans import Scans, Stopped, WritesLost
from watcher.settle import Settler
from watcher.spool import Spool

_LISTEN_SECONDS = 0.1
_PUBLISH_SECONDS = 0.05
_REPORT_SECONDS = 1.5
_ALIVE_SECONDS = 6.0
"""Seconds for which a report of the watcher is valid."""
_NOTES = 20
LOOPS = ("listener", "publisher")
"""The loops of a watcher, as `Health` names them."""
_SPREAD = 0.1
"""The share of the interval by which reconciling scans vary, so that many watchers do not scan at once."""
_NOTE_SCAN_SECONDS = 120.0
"""Seconds between notes to the settler that a scan is under way."""


class Start(Protocol):
    """Connects the publishing thread to a store of its own, and makes a publisher with it.

    Submits the job again if the store does not know it any more.
    """

    def __call__(self, spool: Spool, lock: threading.Lock, scans: Scans) -> tuple[Store, Publisher]: ...  # noqa: D102


class Watcher:
    """Watches until `until` of `run` is true, or the job is stopped. `run` raises errors of both threads."""

    def __init__(
        self,
        job: str,
        backend: Backend,
        settler: Settler,
        spool: Spool,
        *,
        reconcile_interval: float,
        start: Start,
        keep: Callable[[Store], None] = lambda _store: None,
        waits: Waits = WAITS,
    ) -> None:
        """`backend` has been started; `reconcile_interval`: seconds between scans of the whole source.

        `start` is called in the publishing thread, and again after `waits` while the store is out of reach, or when it
        has lost its last writes. `keep` is called there every few seconds; it raises Refused if another process watches
        the job.
        """
        self._job = job
        self._backend = backend
        self._settler = settler
        self._spool = spool
        self._lock = threading.Lock()
        self._interval = reconcile_interval
        self._scans = Scans()
        self._start = start
        self._keep = keep
        self._waits = waits
        self._wake = threading.Event()
        self._end = threading.Event()
        self._health = Health(*LOOPS)
        self._failed: Exception | None = None
        self._missed = 0
        self._root_lost = ""
        self._notes: deque[tuple[float, str]] = deque(maxlen=_NOTES)
        self._noted_scan = -math.inf
        self._reported = -math.inf
        self._log = logs.get("watcher").bind(job=job)
        self._publishing = threading.Thread(target=self._publish, name="publisher", daemon=True)

    def scan(self) -> None:
        """Have the whole source scanned."""
        self._put([Rescan(b"", deep=True)])

    def run(self, until: Callable[[], bool], health: Health | None = None) -> None:
        """Watch until `until` returns true; heartbeats go to `health`. Raises Refused."""
        self._health = health or self._health
        self._health.started()
        self._publishing.start()
        reconcile = self._next_reconcile()
        try:
            while not until() and self._failed is None:
                self._listen()
                if time.monotonic() >= reconcile:
                    self.scan()
                    reconcile = self._next_reconcile()
                self._health.heartbeat("listener", f"{len(self._settler)} settling, {len(self._spool)} to be published")
        finally:
            self._health.ended()
            self._put(self._settler.due(math.inf))
            self._backend.acknowledge()
            self._end.set()
            self._wake.set()
            self._publishing.join()
        if self._failed is not None and not isinstance(self._failed, Stopped):
            raise self._failed

    def _next_reconcile(self) -> float:
        return time.monotonic() + self._interval * random.uniform(1 - _SPREAD, 1 + _SPREAD)  # noqa: S311

    def _listen(self) -> None:
        due = self._settler.next_due()
        now = time.monotonic()
        timeout = _LISTEN_SECONDS if due is None else min(_LISTEN_SECONDS, max(0.0, due - now))
        events = self._backend.read(timeout)
        now = time.monotonic()
        metrics.EVENTS.inc(len(events))
        for event in events:
            if isinstance(event, Missed | RootLost):
                self._report(event)
            self._settler.add(event, now)
        if self._scans.under_way and now - self._noted_scan > _NOTE_SCAN_SECONDS:
            self._noted_scan = now
            self._settler.scanned(now)
        elif not self._scans.under_way:
            self._noted_scan = -math.inf
        self._put(self._settler.due(now))
        if not len(self._settler):
            self._backend.acknowledge()

    def _put(self, work: Sequence[Work]) -> None:
        if work:
            with self._lock:
                self._spool.put(work)
            self._wake.set()

    def _report(self, event: Missed | RootLost) -> None:
        self._missed += isinstance(event, Missed)
        if isinstance(event, RootLost) or event.path == b"":
            self._root_lost = event.reason if isinstance(event, RootLost) else ""
        (metrics.MISSED if isinstance(event, Missed) else metrics.LOST).inc()
        what = "events were lost, scanning instead" if isinstance(event, Missed) else "the source is not visible"
        self._log.warning(what, reason=event.reason)
        self._notes.append((time.time(), event.reason))

    def _publish(self) -> None:
        """The publishing thread."""
        outage, publisher = Backoff(self._log, self._waits), None
        store: Store | None = None
        while not self._end.is_set():
            try:
                if publisher is None or store is None:
                    store, publisher = self._start(self._spool, self._lock, self._scans)
                busy = self._publish_some(publisher, store, outage)
            except (Unreachable, WritesLost) as error:
                if isinstance(error, WritesLost):
                    self._begin_anew(store, str(error))
                    store = publisher = None
                self._wait_out(error, outage)
            except Exception as error:  # noqa: BLE001 - `run` raises it
                self._failed = error
                return
            else:
                if not busy:
                    self._wake.wait(_PUBLISH_SECONDS)
                    self._wake.clear()
        if store is not None:
            with suppress(Unreachable):
                store.jobs.note_watching(self._job, self._watching(), 0.0)
            store.close()

    def _publish_some(self, publisher: Publisher, store: Store, outage: Backoff) -> bool:
        """One turn of the publisher; False if there was nothing to publish."""
        busy = publisher.turn()
        if time.monotonic() - self._reported > _REPORT_SECONDS:
            self._reported = time.monotonic()
            self._keep(store)
            publisher.check()
            store.jobs.note_watching(self._job, self._watching(), _ALIVE_SECONDS)
            metrics.show(self._watching())
            outage.succeeded()  # a turn without work may not have asked the store
        if not outage.reason:
            self._health.heartbeat("publisher")
        return busy

    def _wait_out(self, error: Exception, outage: Backoff) -> None:
        """Wait until the store may be tried again."""
        if not outage.reason or isinstance(error, WritesLost):
            self._notes.append((time.time(), str(error)))
        metrics.UNREACHABLE.inc()
        metrics.show(self._watching())
        seconds = outage.failed(str(error))
        self._health.heartbeat("publisher", f"waits: {error}", ready=False, rest=seconds)
        self._end.wait(seconds)

    def _begin_anew(self, store: Store | None, reason: str) -> None:
        """Have the whole source scanned, because the store has lost what was published. The spool stays as it is."""
        if store is not None:
            store.close()
        self._log.warning("the store has lost its last writes, scanning instead", reason=reason)
        self._missed += 1
        self._scans = Scans()
        self.scan()

    def _watching(self) -> Watching:
        return Watching(
            host=socket.gethostname(),
            at=time.time(),
            spooled=len(self._spool),
            settling=len(self._settler),
            unwatched=self._backend.unwatched,
            missed=self._missed,
            away=self._root_lost,
            notes=tuple(self._notes),
        )
