"""Memory that a consumer shares with one of its workers: whether the worker may still act.

A consumer that was suspended may have lost the partition of the record in work, and another consumer then works on the
same path. So a worker looks at the fence before each call to iRODS. A look reads memory and a clock.
"""

from __future__ import annotations

import math
import mmap
import os
import tempfile
import time

from ingest.boot_clock import boot_seconds

LOST_STATUS = 75
"""The exit status of a worker that lost its partition."""
_LOST = -1.0
_CELLS = 2
_BYTES = 8 * _CELLS
_WAIT = 0.02


class Fence:
    """The shared memory. The consumer makes it and changes it; the worker opens it by its descriptor."""

    def __init__(self, descriptor: int | None = None) -> None:
        """`descriptor`: the one of the consumer's fence, in the worker; None makes a new fence, which is open."""
        self.descriptor = _new_memory() if descriptor is None else descriptor
        self._memory = mmap.mmap(self.descriptor, _BYTES)
        self._cells = memoryview(self._memory).cast("d")  # each is read and written as a whole
        if descriptor is None:
            self.open()

    def open(self) -> None:
        """Let the worker act without a bound: it has no task."""
        self._cells[0], self._cells[1] = math.inf, 0.0

    def hold_until(self, until: float) -> None:
        """Let the worker act until this time of the boot clock, in seconds. Then it waits for a later one."""
        self._cells[0] = until

    def close(self) -> None:
        """End the worker before its next call: its partition is lost."""
        self._cells[0] = _LOST

    def ask_back(self) -> None:
        """Ask the worker to hand its task back after the path in work."""
        self._cells[1] = 1.0

    @property
    def asked_back(self) -> bool:
        """Whether the consumer wants the task back."""
        return self._cells[1] > 0

    def check(self) -> None:
        """Return if this worker may act. Wait while that is uncertain; end the process if its partition is lost."""
        while (until := self._cells[0]) <= boot_seconds():
            if until == _LOST:
                os._exit(LOST_STATUS)  # no handler of an exception may act any more
            time.sleep(_WAIT)

    def discard(self) -> None:
        """Give up the memory, in the consumer."""
        self._cells.release()
        self._memory.close()
        os.close(self.descriptor)


def _new_memory() -> int:
    if hasattr(os, "memfd_create"):
        descriptor = os.memfd_create("fence")
    else:
        with tempfile.TemporaryFile() as file:
            descriptor = os.dup(file.fileno())
    os.ftruncate(descriptor, _BYTES)
    return descriptor
