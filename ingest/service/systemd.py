"""Telling systemd that a service is ready, alive, or ending: the sd_notify protocol (sd_notify(3))."""

from __future__ import annotations

import os
import socket
from collections.abc import Callable
from contextlib import suppress

_EVERY_SECONDS = 5.0
_PATIENCE_SECONDS = 1.0
"""For how long somebody who does not listen may keep us waiting."""


class Notifier:
    """Speaks to the socket that NOTIFY_SOCKET names, if any; what cannot be said is not said. `now`: a clock."""

    def __init__(self, now: Callable[[], float]) -> None:
        self._path = os.environ.get("NOTIFY_SOCKET")
        usec = os.environ.get("WATCHDOG_USEC", "")
        ours = os.environ.get("WATCHDOG_PID") in (None, str(os.getpid()))
        self._now = now
        self.limit = int(usec) / 1e6 if usec.isdecimal() and int(usec) and ours else None
        """For how many seconds systemd's watchdog waits for a sign of life; None: it does not."""
        self._every = min(_EVERY_SECONDS, self.limit / 4) if self.limit else _EVERY_SECONDS
        self._said = now() - self._every

    @property
    def due(self) -> bool:
        """Whether it is time for the next `status`."""
        return self._path is not None and self._now() - self._said >= self._every

    def ready(self) -> None:
        """The service does from now on what it is for."""
        self._say("READY=1")

    def status(self, text: str, *, alive: bool) -> None:
        """A line for `systemctl status`, and whether all is well, so that the watchdog is fed."""
        self._said = self._now()
        self._say(f"STATUS={text}\nWATCHDOG=1" if alive and self.limit else f"STATUS={text}")

    def stopping(self) -> None:
        """The service ends."""
        self._say("STOPPING=1")

    def _say(self, text: str) -> None:
        if not self._path:
            return
        address = "\0" + self._path[1:] if self._path.startswith("@") else self._path
        with suppress(OSError), socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM | socket.SOCK_CLOEXEC) as out:
            out.settimeout(_PATIENCE_SECONDS)
            out.connect(address)
            out.send(text.encode())
