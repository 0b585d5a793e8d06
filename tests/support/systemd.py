"""The socket on which systemd would hear a service, in a file or abstract (`@name`)."""

from __future__ import annotations

import secrets
import socket
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path

SECONDS = 60


class NotifySocket:
    """Hears a service that was started with `environ`; `said` is all that was heard, a set of lines each time."""

    def __init__(self, bound: socket.socket, name: str) -> None:
        self._bound = bound
        self.environ = {"NOTIFY_SOCKET": name}
        self.said: list[set[str]] = []

    def hear(self, seconds: float = SECONDS) -> set[str] | None:
        """What is said next; None when nothing is for so long."""
        self._bound.settimeout(seconds)
        try:
            lines = set(self._bound.recv(65536).decode().split("\n"))
        except (TimeoutError, BlockingIOError):
            return None
        self.said.append(lines)
        return lines

    def until(self, wanted: Callable[[set[str]], bool]) -> set[str]:
        """The first thing said from now on that is wanted; fails when nothing more is said."""
        while (lines := self.hear()) is not None:
            if wanted(lines):
                return lines
        raise AssertionError(f"not among {self.said[-5:]}")

    def times(self, line: str) -> int:
        """How often a line was heard."""
        return sum(line in lines for lines in self.said)


@contextmanager
def notify_socket(folder: Path, *, abstract: bool = False) -> Iterator[NotifySocket]:
    """Such a socket."""
    name = f"@ingest-test-{secrets.token_hex(8)}" if abstract else str(folder / "notify")
    with socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM) as bound:
        bound.bind("\0" + name[1:] if abstract else name)
        yield NotifySocket(bound, name)
