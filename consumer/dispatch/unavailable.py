"""What is out of reach, zone or sources, and how long it is left alone before it is tried again."""

from __future__ import annotations

import time
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

from consumer.protocol import Unavailable
from ingest.service.backoff import Backoff, Waits

BACK_OFF = Waits(1.0, 60.0)
"""Seconds to wait when zone or source are out of reach: at first, and at most."""
_PROBE_SECONDS = 5.0
"""How often one task at most looks whether a source is there again: it may take long to find out."""
_PUT_OFF = 0.25
"""For which share of the time that a source is away its other tasks are put off: each time costs a message."""
_MAX_SECONDS = 300.0
"""For how long they are put off at most."""


@dataclass
class _Source:
    """A source that is out of reach: since when, when it is to be tried again, and when it was tried."""

    since: float
    until: float
    tried: float = 0.0


class Unavailabilities:
    """The zone is every job's: without it nothing is handed out. A source is missing to its own job only."""

    def __init__(self, log: Any, clock: Callable[[], float] = time.monotonic) -> None:
        """`clock`: seconds that never go back."""
        self._log = log
        self._clock = clock
        self._zone_until = 0.0
        self._sources: dict[str, _Source] = {}  # by job, until a task of it has come to its end
        self._outages: dict[str, Backoff] = {}

    @property
    def of_zone(self) -> bool:
        """Whether the zone is to be left alone now."""
        return self._clock() < self._zone_until

    @property
    def reasons(self) -> dict[str, str]:
        """What the jobs wait for."""
        return {job: outage.reason for job, outage in self._outages.items()}

    def met(self, job: str, away: Unavailable, *, known: bool) -> float:
        """A task has found something out of reach; the seconds until it should be tried again.

        `known`: it was met while everything waited anyway, and is no news.
        """
        now = self._clock()
        source = self._sources.setdefault(job, _Source(now, 0.0)) if away.only_source else None
        until = source.until if source else self._zone_until
        if now >= until and not known:
            outage = self._outages.setdefault(job, Backoff(self._log.bind(job=job), BACK_OFF))
            until = now + outage.failed(away.reason)
        if source:
            source.until = until
        else:
            self._zone_until = until
        return max(0.0, until - now)

    def over(self, job: str) -> None:
        """A task of the job has come to its end: whatever it needs is there."""
        self._sources.pop(job, None)
        if outage := self._outages.pop(job, None):
            outage.succeeded()

    def put_off(self, job: str) -> float:
        """For how many seconds a task of the job is not to be handed out for lack of its source; 0: let it try."""
        source = self._sources.get(job)
        if source is None:
            return 0.0
        now = self._clock()
        wait = max(source.until, source.tried + _PROBE_SECONDS) - now
        if wait <= 0:
            source.tried = now
            return 0.0
        return max(wait, min(_MAX_SECONDS, _PUT_OFF * (now - source.since)))
