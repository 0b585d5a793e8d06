"""Until when the group certainly keeps a member: one session after the last sign of life that it has answered."""

from __future__ import annotations

import time
from typing import Any

from ingest.boot_clock import boot_seconds

_NEVER = float("-inf")
_SLEPT_SECONDS = 0.1
"""The machine has slept if the boot clock is ahead of the monotonic clock, which kafka-python uses, by this much."""


class Lease:
    """Follows the heartbeats of a consumer of kafka-python.

    A heartbeat counts from when it was sent, and a join from before the poll before the one that ended it: the answer
    may have waited while this process was suspended.
    """

    def __init__(self, consumer: Any, session_seconds: float) -> None:
        self._coordinator = consumer._coordinator
        self._session_seconds = session_seconds
        self._generation = self._coordinator._generation.generation_id
        self._ahead = boot_seconds() - time.monotonic()
        self._trusted = time.monotonic()
        self._polls = (self._trusted, self._trusted)  # the ends of the last two
        self._alive = _NEVER

    @property
    def until(self) -> float:
        """The end of the lease by the boot clock, in seconds; 0 while the consumer is in no group."""
        if self._alive == _NEVER or self._coordinator._generation.is_lost():
            return 0.0
        return self._alive + self._session_seconds + self._ahead

    def renew(self) -> None:
        """Look for signs of life. Call it after each poll."""
        now = time.monotonic()
        ahead = boot_seconds() - now
        if ahead - self._ahead > _SLEPT_SECONDS:  # the session may have ended meanwhile
            self._ahead, self._trusted, self._alive = ahead, now, _NEVER
        heartbeat = self._coordinator.heartbeat
        sent = heartbeat.last_send
        if self._trusted <= sent <= heartbeat.last_receive:
            self._alive = max(self._alive, sent)
        generation = self._coordinator._generation.generation_id
        if generation != self._generation and self._coordinator.stable():
            self._generation = generation
            if self._polls[0] >= self._trusted:
                self._alive = max(self._alive, self._polls[0])
        self._polls = (self._polls[1], now)
