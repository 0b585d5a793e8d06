"""The queue between the thread that receives notifications and the thread that reads their events."""

from __future__ import annotations

import threading
import time
from collections import deque
from collections.abc import Sequence
from typing import Generic, TypeVar

from watcher.events import Event, Missed

MAX_EVENTS = 100_000
"""Events that may wait to be read."""

Receipt = TypeVar("Receipt")


class Inbox(Generic[Receipt]):
    """Events in the order of their arrival, each batch with a receipt that acknowledges it to its sender."""

    def __init__(self) -> None:
        self._arrived = threading.Condition()
        self._waiting: deque[tuple[Sequence[Event], Receipt | None]] = deque()
        self._number = 0
        self._taken: list[Receipt] = []

    def put(self, events: Sequence[Event], receipt: Receipt | None = None) -> None:
        """Add events that have arrived. If too many wait to be read, a Missed of the whole source replaces them."""
        with self._arrived:
            if self._number + len(events) > MAX_EVENTS:
                self._taken += [each for _, each in self._waiting if each is not None]
                self._waiting.clear()
                self._number, events = 0, [Missed(b"", f"more than {MAX_EVENTS} notifications waited")]
            self._waiting.append((events, receipt))
            self._number += len(events)
            self._arrived.notify_all()

    def take(self, timeout: float) -> list[Event]:
        """Remove and return all events that have arrived; waits up to `timeout` seconds for the first."""
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
        """The receipts of all batches that were taken since the last call."""
        with self._arrived:
            taken, self._taken = self._taken, []
        return taken
