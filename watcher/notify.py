"""Telling systemd that the service is ready, alive, or ending: the sd_notify protocol (sd_notify(3))."""

from __future__ import annotations

import os
import socket
import time
from contextlib import suppress


class Notifier:
    """Says to the socket that NOTIFY_SOCKET names, if any; what cannot be said is not said."""

    def __init__(self) -> None:
        self._path = os.environ.get("NOTIFY_SOCKET")
        usec = os.environ.get("WATCHDOG_USEC", "")
        ours = os.environ.get("WATCHDOG_PID") in (None, str(os.getpid()))
        self._every = int(usec) / 2_000_000 if usec.isdecimal() and ours else None
        self._last = 0.0

    def ready(self) -> None:
        """The watches are set."""
        self._say("READY=1")

    def alive(self, status: str) -> None:
        """Sign of life, as often as systemd wants it, with a line for `systemctl status`."""
        if self._every is not None and time.monotonic() - self._last >= self._every:
            self._last = time.monotonic()
            self._say(f"WATCHDOG=1\nSTATUS={status}")

    def stopping(self) -> None:
        """The service has been told to end."""
        self._say("STOPPING=1")

    def _say(self, text: str) -> None:
        if not self._path:
            return
        address = "\0" + self._path[1:] if self._path.startswith("@") else self._path
        with suppress(OSError), socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM | socket.SOCK_CLOEXEC) as out:
            out.connect(address)
            out.send(text.encode())
