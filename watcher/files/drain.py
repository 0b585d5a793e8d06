"""A thread that only empties an inotify descriptor, so that the queue of the kernel does not overflow."""

from __future__ import annotations

import os
import select
import threading
import time
from collections import deque
from collections.abc import Iterator
from struct import Struct
from typing import NamedTuple

from inotify_simple import INotify, flags

READ_BYTES = 256 * 1024
MAX_BYTES = 32 * 1024 * 1024
"""Bytes that may wait to be decoded, some 700,000 events. Beyond that all are dropped, as if the kernel had done so."""
GATHER_SECONDS = 0.002
"""Seconds that events gather before they are read: waking up for each event costs more than decoding it."""

Q_OVERFLOW = int(flags.Q_OVERFLOW)
_HEAD = Struct("iIII")


class Raw(NamedTuple):
    """An event in the form of inotify(7)."""

    watch: int
    mask: int
    cookie: int
    name: bytes


def decode(data: bytes) -> Iterator[Raw]:
    """The events in the result of one read."""
    at = 0
    while at < len(data):
        watch, mask, cookie, length = _HEAD.unpack_from(data, at)
        at += _HEAD.size + length
        yield Raw(watch, mask, cookie, data[at - length : at].rstrip(b"\0"))


_OVERFLOW = _HEAD.pack(-1, Q_OVERFLOW, 0, 0)


class Drain:
    """Reads from the descriptor until it is closed; for one reader. Dropped events are replaced by a Q_OVERFLOW."""

    def __init__(self, inotify: INotify, most_bytes: int = MAX_BYTES) -> None:
        self._descriptor = inotify.fileno()
        self._most_bytes = most_bytes
        self._waiting: deque[bytes] = deque()
        self._bytes = 0
        self._changed = threading.Condition()
        self._stop, self._stopped = os.pipe()
        self._thread = threading.Thread(target=self._run, name="inotify", daemon=True)
        self._thread.start()

    def take(self, timeout: float) -> bytes:
        """Return whole events, to be decoded; waits up to `timeout` seconds; b"" if there are none."""
        with self._changed:
            if not self._waiting:
                self._changed.wait(timeout)
            if not self._waiting:
                return b""
            taken = self._waiting.popleft()
            self._bytes -= len(taken)
            return taken

    def close(self) -> None:
        """End the thread; the descriptor stays open."""
        os.close(self._stopped)
        self._thread.join()
        os.close(self._stop)

    def _run(self) -> None:
        poll = select.poll()
        poll.register(self._descriptor, select.POLLIN)
        poll.register(self._stop, select.POLLIN)
        while self._stop not in {descriptor for descriptor, _ in poll.poll()}:
            time.sleep(GATHER_SECONDS)
            try:
                data = os.read(self._descriptor, READ_BYTES)
            except OSError:  # the reader of this event opens another descriptor
                data = _OVERFLOW
            with self._changed:
                self._add(data)
                self._changed.notify()

    def _add(self, data: bytes) -> None:
        if self._bytes + len(data) > self._most_bytes:
            self._waiting.clear()
            self._bytes = 0
            data = _OVERFLOW
        self._waiting.append(data)
        self._bytes += len(data)
