"""Telling systemd that a service is ready, alive, or ending: the sd_notify protocol (sd_notify(3))."""

from __future__ import annotations

import os
import socket
import threading
import time
from collections.abc import Callable
from contextlib import suppress

_EVERY_SECONDS = 5.0
_PATIENCE_SECONDS = 1.0
"""For how long somebody who does not listen may keep us waiting."""


class _Part:
    """A thread's part of the work: when it was last heard of, what it does, and the processor time it has used."""

    def __init__(self) -> None:
        self.heard = 0.0
        self.text = ""
        self._clock: int | None = None
        self._used = 0.0

    def beat(self, heard: float, text: str) -> None:
        self.heard, self.text = heard, " ".join(text.split())
        if self._clock is None and hasattr(time, "pthread_getcpuclockid"):
            self._clock = time.pthread_getcpuclockid(threading.get_ident())

    def goes_on(self, now: float, limit: float) -> bool:
        """Whether it was heard of in time, or is at least busy: to look at a large tree may take long."""
        if now - self.heard > limit and self._clock is not None:
            with suppress(OSError):  # the thread has ended
                used = time.clock_gettime(self._clock)
                if used > self._used:
                    self._used, self.heard = used, now
        return now - self.heard <= limit


class Notifier:
    """Speaks to the socket that NOTIFY_SOCKET names, if any; what cannot be said is not said.

    The process has some parts, each done by a thread that calls `beat` again and again. Any of them tells systemd's
    watchdog that the process is alive, but only while all of them go on: one that hangs has the process restarted.
    """

    def __init__(self, *parts: str, now: Callable[[], float] = time.monotonic) -> None:
        self._path = os.environ.get("NOTIFY_SOCKET")
        usec = os.environ.get("WATCHDOG_USEC", "")
        ours = os.environ.get("WATCHDOG_PID") in (None, str(os.getpid()))
        self._limit = int(usec) / 1e6 if usec.isdecimal() and int(usec) and ours else None
        self._every = min(_EVERY_SECONDS, self._limit / 4) if self._limit else _EVERY_SECONDS
        self._now = now
        self._said = now() - self._every
        self._stopping = False
        self._parts = {name: _Part() for name in parts}
        self._ready = False

    def ready(self) -> None:
        """Whatever the service is for, it does it from now on; beats before that count for nothing."""
        for each in self._parts.values():
            each.heard = self._now()
        self._say("READY=1")
        self._ready = True

    def beat(self, part: str, text: str, rest: float = 0.0) -> None:
        """The calling thread, whose part this is, goes on, and will not be heard of for `rest` seconds.

        `text` tells in a few words what it does, for `systemctl status`.
        """
        if not self._path or not self._ready:
            return
        now = self._now()
        self._parts[part].beat(now + rest, text)
        if now - self._said < self._every:
            return
        self._said = now
        limit = self._limit or float("inf")
        hanging = [name for name, each in self._parts.items() if not each.goes_on(now, limit)]
        texts = [f"the {name} hangs" for name in hanging] or [each.text for each in self._parts.values() if each.text]
        status = "STATUS=" + "; ".join(texts)
        self._say(status if hanging or not self._limit else f"WATCHDOG=1\n{status}")

    def until(self, part: str, text: Callable[[], str], told: Callable[[], bool]) -> Callable[[], bool]:
        """`told`, for a loop that asks it again and again: each time is a beat, and the last one says that it ends."""

        def ask() -> bool:
            self.beat(part, text())
            if told():
                self.stopping()
                return True
            return False

        return ask

    def stopping(self) -> None:
        """The service ends; said once."""
        if not self._stopping:
            self._stopping = True
            self._say("STOPPING=1")

    def _say(self, text: str) -> None:
        if not self._path:
            return
        address = "\0" + self._path[1:] if self._path.startswith("@") else self._path
        with suppress(OSError), socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM | socket.SOCK_CLOEXEC) as out:
            out.settimeout(_PATIENCE_SECONDS)
            out.connect(address)
            out.send(text.encode())
