"""Between the thread that receives notifications and whoever reads the events in them."""

from __future__ import annotations

import threading
import time
from collections import deque
from collections.abc import Sequence
from typing import Generic, TypeVar

from watcher.events import Event, Missed

MOST = 100_000
"""Events that wait to be read."""

Receipt = TypeVar("Receipt")


class Inbox(Generic[Receipt]):
    """Events in the order of their arrival, each batch with what acknowledges it to its sender."""

    def __init__(self) -> None:
        self._arrived = threading.Condition()
        self._waiting: deque[tuple[Sequence[Event], Receipt | None]] = deque()
        self._number = 0
        self._taken: list[Receipt] = []

    def put(self, events: Sequence[Event], receipt: Receipt | None = None) -> None:
        """Take what has arrived. When nobody reads, what waits gives way to a scan of all."""
        with self._arrived:
            if self._number + len(events) > MOST:
                self._taken += [each for _, each in self._waiting if each is not None]
                self._waiting.clear()
                self._number, events = 0, [Missed(b"", f"more than {MOST} notifications waited")]
            self._waiting.append((events, receipt))
            self._number += len(events)
            self._arrived.notify_all()

    def take(self, timeout: float) -> list[Event]:
        """All that has arrived; waits up to `timeout` seconds for the first event."""
        end = time.monotonic() + timeout
        events: list[Event] = []
        with self._arrived:
            while not events and self._arrived.wait_for(lambda: bool(self._waiting), max(0.0, end - time.monotonic())):
                while self._waiting:
                    some, receipt = self._waiting.popleft()
                    events += some
                    if receipt is not None:
                        self._taken.append(receipt)
            self._number = 0
        return events

    def receipts(self) -> list[Receipt]:
        """What acknowledges all that was taken since the last call."""
        with self._arrived:
            taken, self._taken = self._taken, []
        return taken
