"""What is out of reach, zone or sources, and how long it is left alone before it is tried again."""

from __future__ import annotations

import time
from typing import Any

from consumer.protocol import Away
from ingest.outage import Outage

BACK_OFF = (1.0, 60.0)
"""Seconds to wait when zone or source are out of reach: at first, and at most."""
_PROBE_SECONDS = 5.0
"""How long the others wait while one task looks whether a source is there again."""


class Absences:
    """The zone is every job's: without it nothing is handed out. A source is missing to its own job only."""

    def __init__(self, log: Any) -> None:
        self._log = log
        self._zone_until = 0.0
        self._until: dict[str, float] = {}  # of a job's source, until a task of the job has come to its end
        self._outages: dict[str, Outage] = {}

    @property
    def of_zone(self) -> bool:
        """Whether the zone is to be left alone now."""
        return time.monotonic() < self._zone_until

    @property
    def reasons(self) -> dict[str, str]:
        """What the jobs wait for."""
        return {job: outage.reason for job, outage in self._outages.items()}

    def met(self, job: str, away: Away, *, known: bool) -> float:
        """A task has found something out of reach; the seconds until it should be tried again.

        `known`: it was met while everything waited anyway, and is no news.
        """
        now = time.monotonic()
        until = self._until.get(job, 0.0) if away.only_source else self._zone_until
        if now >= until and not known:
            outage = self._outages.setdefault(job, Outage(self._log.bind(job=job), BACK_OFF))
            until = now + outage.met(away.reason)
            if away.only_source:
                self._until[job] = until
            else:
                self._zone_until = until
        return max(0.0, until - now)

    def over(self, job: str) -> None:
        """A task of the job has come to its end: whatever it needs is there."""
        self._until.pop(job, None)
        if outage := self._outages.pop(job, None):
            outage.over()

    def seconds(self, job: str, *, at_work: bool) -> float:
        """For how long nothing of the job is to be handed out for lack of its source; `at_work`: a task of it is."""
        until = self._until.get(job)
        if until is None:
            return 0.0
        return max(until - time.monotonic(), _PROBE_SECONDS if at_work else 0.0)
