"""The zone and sources that are out of reach, and when to try them again."""

from __future__ import annotations

import time
from collections.abc import Callable
from dataclasses import dataclass

from consumer.protocol import Unavailable
from ingest.service.backoff import Backoff, Waits
from ingest.service.logs import Logger

BACK_OFF = Waits(1.0, 60.0)
"""Seconds to wait if the zone or a source is out of reach: at first, and at most."""
_PROBE_SECONDS = 5.0
"""Seconds between two tasks that try a source again: a try may take long."""
_PUT_OFF = 0.25
"""The share of the outage for which other tasks of the source are put off: each delay costs a message."""
_MAX_SECONDS = 300.0
"""Seconds for which they are put off at most."""


@dataclass
class _Source:
    """A source that is out of reach: since when, when it is to be tried again, and when it was tried."""

    since: float
    until: float
    tried: float = 0.0


class OutOfReach:
    """If the zone is out of reach, nothing is handed out. If a source is, only tasks of its job are put off."""

    def __init__(self, log: Logger, clock: Callable[[], float] = time.monotonic) -> None:
        """`clock`: seconds that never go back."""
        self._log = log
        self._clock = clock
        self._zone_until = 0.0
        self._sources: dict[str, _Source] = {}  # by job, until a task of it has come to its end
        self._outages: dict[str, Backoff] = {}

    @property
    def of_zone(self) -> bool:
        """Whether it is too early to try the zone again."""
        return self._clock() < self._zone_until

    @property
    def reasons(self) -> dict[str, str]:
        """The reason of the outage for each waiting job."""
        return {job: outage.reason for job, outage in self._outages.items()}

    def met(self, job: str, unavailable: Unavailable, *, known: bool) -> float:
        """A task found the zone or its source out of reach. Returns the seconds until it should be tried again.

        `known`: all work waits for another outage anyway; this one is neither logged nor counted.
        """
        now = self._clock()
        source = self._sources.setdefault(job, _Source(now, 0.0)) if unavailable.only_source else None
        until = source.until if source else self._zone_until
        if now >= until and not known:
            outage = self._outages.setdefault(job, Backoff(self._log.bind(job=job), BACK_OFF))
            until = now + outage.failed(unavailable.reason)
        if source:
            source.until = until
        else:
            self._zone_until = until
        return max(0.0, until - now)

    def over(self, job: str) -> None:
        """A task of the job has finished, so the zone and the source are within reach."""
        self._sources.pop(job, None)
        if outage := self._outages.pop(job, None):
            outage.succeeded()

    def put_off(self, job: str) -> float:
        """The seconds for which to put off a task because its source is out of reach; 0: let it try."""
        source = self._sources.get(job)
        if source is None:
            return 0.0
        now = self._clock()
        wait = max(source.until, source.tried + _PROBE_SECONDS) - now
        if wait <= 0:
            source.tried = now
            return 0.0
        return max(wait, min(_MAX_SECONDS, _PUT_OFF * (now - source.since)))
