"""Retries of something that is out of reach: the waits double up to a maximum, and an outage is logged once."""

from __future__ import annotations

from typing import NamedTuple

from ingest.service.logs import Logger


class Waits(NamedTuple):
    """Seconds to wait before a retry: after the first failure, and at most. Each failure doubles them."""

    first: float = 0.5
    maximum: float = 15.0


WAITS = Waits()
"""The waits where a constructor is given no others."""
NO_WAITS = Waits(0.0, 0.0)
"""For callers that wait by other means and need only the warnings."""


class Doubling:
    """Waits that double with each failure."""

    def __init__(self, waits: Waits = WAITS) -> None:
        self._waits = waits
        self._wait = waits.first

    def failed(self) -> float:
        """Note a failure. Returns the seconds to wait before the next try."""
        seconds, self._wait = self._wait, min(2 * self._wait, self._waits.maximum)
        return seconds

    def succeeded(self) -> None:
        """Note a success: the next wait is the first one again."""
        self._wait = self._waits.first


class Backoff:
    """Counts the failures of one thing in a row, logs the first of them and the recovery, and says how long to wait."""

    def __init__(self, log: Logger, waits: Waits = WAITS) -> None:
        self._log = log
        self._waits = Doubling(waits)
        self.reason = ""
        """The reason of the first failure of an outage; empty while there is no outage."""

    def failed(self, reason: str) -> float:
        """Note a failure. Returns the seconds to wait before the next try."""
        seconds = self._waits.failed()
        if self.reason:
            self._log.info("still out of reach", reason=reason, seconds=seconds)
        else:
            self.reason = reason
            self._log.warning("out of reach, waiting", reason=reason)
        return seconds

    def succeeded(self) -> None:
        """Note a success: the next failure begins a new outage."""
        if self.reason:
            self._log.warning("within reach again", after=self.reason)
        self.reason = ""
        self._waits.succeeded()
