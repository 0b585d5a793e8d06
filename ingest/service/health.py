"""The health of a service by the heartbeats of its loops; for systemd, and for `/livez` and `/readyz` (metrics.py)."""

from __future__ import annotations

import threading
import time
from collections.abc import Callable
from contextlib import suppress

from ingest.service.systemd import Notifier

STILL_ALIVE = 60.0
"""Seconds without a heartbeat of a loop after which a service counts as hung; a loop runs many times a second."""


class _Loop:
    """The last heartbeat of a loop: its time and text, and the processor time of the thread until then."""

    def __init__(self) -> None:
        self.last: float | None = None
        self.ready = False
        self.text = ""
        self._clock: int | None = None
        self._used = 0.0

    def heartbeat(self, last: float, text: str, *, ready: bool) -> None:
        self.last, self.text, self.ready = last, " ".join(text.split()), ready
        if self._clock is None and hasattr(time, "pthread_getcpuclockid"):
            self._clock = time.pthread_getcpuclockid(threading.get_ident())

    def hangs(self, now: float, limit: float) -> bool:
        """Whether the heartbeat is late and the thread is not busy: a look at a large tree may take long."""
        if self.last is not None and now - self.last > limit and self._clock is not None:
            with suppress(OSError):  # the thread has ended
                used = time.clock_gettime(self._clock)
                if used > self._used:
                    self._used, self.last = used, now
        return self.last is not None and now - self.last > limit


class Health:
    """Receives the heartbeats of the loops of a service, which may run in several threads.

    A heartbeat of any loop feeds systemd's watchdog while no loop hangs; if one hangs, systemd restarts the service. A
    loop that waits for a queue or store out of reach sends heartbeats, too.
    """

    def __init__(self, *loops: str, now: Callable[[], float] = time.monotonic) -> None:
        """`loops`: the names of all loops."""
        self.measured = False
        """Whether metrics are served. If not, expensive ones need not be computed."""
        self._loops = {name: _Loop() for name in loops}
        self._now = now
        self._notifier = Notifier(now)
        self._once = threading.Lock()
        self._started = self._ended = False

    def started(self) -> None:
        """Note that the service is ready for work. A second call does nothing."""
        with self._once:
            if self._started:
                return
            for loop in self._loops.values():
                loop.last = self._now()
            self._notifier.ready()
            self._started = True

    def heartbeat(self, name: str, text: str = "", *, ready: bool = True, rest: float = 0.0) -> None:
        """Note that a loop of the calling thread runs; its next heartbeat may be `rest` seconds later than usual.

        `ready`: queue and store answer. `text`: what the loop does, in a few words.
        """
        self._loops[name].heartbeat(self._now() + rest, text, ready=ready)
        if self._started and self._notifier.due:
            hanging = self._hanging(self._notifier.limit or STILL_ALIVE)
            texts = [f"the {each} hangs" for each in hanging] or [each.text for each in self._loops.values()]
            self._notifier.status("; ".join(filter(None, texts)), alive=not hanging)

    def ended(self) -> None:
        """Note that the service is stopping. A second call does nothing."""
        with self._once:
            if not self._ended:
                self._notifier.stopping()
            self._ended = True

    @property
    def alive(self) -> bool:
        """Whether no loop hangs; a loop that has not started yet does not count."""
        return not self._hanging(STILL_ALIVE)

    @property
    def ready(self) -> bool:
        """Whether no loop hangs and all have what they need."""
        return self.alive and all(each.ready for each in self._loops.values())

    def _hanging(self, limit: float) -> list[str]:
        now = self._now()
        return [name for name, each in self._loops.items() if each.hangs(now, limit)]
