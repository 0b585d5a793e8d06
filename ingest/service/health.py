"""How a service is, as its loops say it: systemd is told, and whoever asks `/livez` and `/readyz` (metrics.py)."""

from __future__ import annotations

import threading
import time
from collections.abc import Callable
from contextlib import suppress

from ingest.service.systemd import Notifier

STILL_ALIVE = 60.0
"""Seconds without a turn of its loop after which a service counts as hung; it turns many times a second."""


class _Loop:
    """When it was last heard of, what it said, and how much processor time its thread had used."""

    def __init__(self) -> None:
        self.heard: float | None = None
        self.ready = False
        self.text = ""
        self._clock: int | None = None
        self._used = 0.0

    def heartbeat(self, heard: float, text: str, *, ready: bool) -> None:
        self.heard, self.text, self.ready = heard, " ".join(text.split()), ready
        if self._clock is None and hasattr(time, "pthread_getcpuclockid"):
            self._clock = time.pthread_getcpuclockid(threading.get_ident())

    def hangs(self, now: float, limit: float) -> bool:
        """Whether it was not heard of in time, and is not busy either: to look at a large tree may take long."""
        if self.heard is not None and now - self.heard > limit and self._clock is not None:
            with suppress(OSError):  # the thread has ended
                used = time.clock_gettime(self._clock)
                if used > self._used:
                    self._used, self.heard = used, now
        return self.heard is not None and now - self.heard > limit


class Health:
    """Hears of the loops of a service, that may run in threads of their own, and tells how they are.

    Whichever loop comes round feeds systemd's watchdog, but only while all of them go on: one that hangs has the
    service restarted. To wait for a queue or store that is out of reach is to go on.
    """

    def __init__(self, *loops: str, now: Callable[[], float] = time.monotonic) -> None:
        """The names of all its loops."""
        self.measured = False
        """Whether metrics are served, so that those are looked up, too, that cost something."""
        self._loops = {name: _Loop() for name in loops}
        self._now = now
        self._notifier = Notifier(now)
        self._once = threading.Lock()
        self._started = self._ended = False

    def started(self) -> None:
        """The service does from now on what it is for. A second time is fine."""
        with self._once:
            if self._started:
                return
            for loop in self._loops.values():
                loop.heard = self._now()
            self._notifier.ready()
            self._started = True

    def heartbeat(self, name: str, text: str = "", *, ready: bool = True, rest: float = 0.0) -> None:
        """The loop of the calling thread has come round, and will not be heard of for `rest` seconds.

        `ready`: queue and store answer. `text`: in a few words, what it does.
        """
        self._loops[name].heartbeat(self._now() + rest, text, ready=ready)
        if self._started and self._notifier.due:
            hanging = self._hanging(self._notifier.limit or STILL_ALIVE)
            texts = [f"the {each} hangs" for each in hanging] or [each.text for each in self._loops.values()]
            self._notifier.status("; ".join(filter(None, texts)), alive=not hanging)

    def ended(self) -> None:
        """The service has been told to end. A second time is fine."""
        with self._once:
            if not self._ended:
                self._notifier.stopping()
            self._ended = True

    @property
    def alive(self) -> bool:
        """Whether all loops turn, those excepted that have not begun to."""
        return not self._hanging(STILL_ALIVE)

    @property
    def ready(self) -> bool:
        """Whether all loops turn and have what they need."""
        return self.alive and all(each.ready for each in self._loops.values())

    def _hanging(self, limit: float) -> list[str]:
        now = self._now()
        return [name for name, each in self._loops.items() if each.hangs(now, limit)]
