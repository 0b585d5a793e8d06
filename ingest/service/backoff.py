"""Something that is out of reach for a while: tried again ever more slowly, but said once."""

from __future__ import annotations

from typing import Any


class Outage:
    """Whether something is out of reach. It is logged when that begins and when it has ended."""

    def __init__(self, log: Any, back_off: tuple[float, float]) -> None:
        """`back_off`: seconds to wait after the first failure, and at most; each failure doubles them."""
        self._log = log
        self._first, self._most = back_off
        self._wait = self._first
        self.reason = ""
        """Why it is out of reach, as it was first said; empty when it is not."""

    def met(self, reason: str) -> float:
        """It was out of reach just now; the seconds to wait before the next try."""
        seconds, self._wait = self._wait, min(2 * self._wait, self._most)
        if self.reason:
            self._log.info("still out of reach", reason=reason, seconds=seconds)
        else:
            self.reason = reason
            self._log.warning("out of reach, waiting", reason=reason)
        return seconds

    def over(self) -> None:
        """It is in reach."""
        if self.reason:
            self._log.warning("in reach again", after=self.reason)
        self.reason, self._wait = "", self._first
