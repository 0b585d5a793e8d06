"""Notifies systemd that a service is ready, alive or stopping: the sd_notify protocol (sd_notify(3))."""

from __future__ import annotations

import os
import socket
from collections.abc import Callable
from contextlib import suppress

_EVERY_SECONDS = 5.0
_TIMEOUT_SECONDS = 1.0
"""How long a notification waits for a receiver that does not read."""


class Notifier:
    """Sends to the socket in NOTIFY_SOCKET, if that is set; errors are ignored. `now`: a clock."""

    def __init__(self, now: Callable[[], float]) -> None:
        self._path = os.environ.get("NOTIFY_SOCKET")
        usec = os.environ.get("WATCHDOG_USEC", "")
        ours = os.environ.get("WATCHDOG_PID") in (None, str(os.getpid()))
        self._now = now
        self.limit = int(usec) / 1e6 if usec.isdecimal() and int(usec) and ours else None
        """The seconds that systemd's watchdog waits for a notification; None without a watchdog."""
        self._every = min(_EVERY_SECONDS, self.limit / 4) if self.limit else _EVERY_SECONDS
        self._last = now() - self._every

    @property
    def due(self) -> bool:
        """Whether it is time for the next `status`."""
        return self._path is not None and self._now() - self._last >= self._every

    def ready(self) -> None:
        """Report that the service is ready."""
        self._send("READY=1")

    def status(self, text: str, *, alive: bool) -> None:
        """Report a line for `systemctl status`; with `alive`, feed the watchdog."""
        self._last = self._now()
        self._send(f"STATUS={text}\nWATCHDOG=1" if alive and self.limit else f"STATUS={text}")

    def stopping(self) -> None:
        """Report that the service is stopping."""
        self._send("STOPPING=1")

    def _send(self, text: str) -> None:
        if not self._path:
            return
        address = "\0" + self._path[1:] if self._path.startswith("@") else self._path
        with suppress(OSError), socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM | socket.SOCK_CLOEXEC) as out:
            out.settimeout(_TIMEOUT_SECONDS)
            out.connect(address)
            out.send(text.encode())
