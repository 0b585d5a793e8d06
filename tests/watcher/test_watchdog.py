"""systemd's watchdog starves when either thread of a watcher hangs, and is fed while a thread merely waits."""

from __future__ import annotations

import threading
from collections.abc import Callable, Iterator, Sequence
from pathlib import Path
from typing import NoReturn

import pytest

from ingest.errors import Unreachable
from ingest.store import Store
from tests.support.systemd import NotifySocket, notify_socket
from watcher.events import Event
from watcher.files.polling import PollingBackend
from watcher.publish import Publisher
from watcher.scans import Scans
from watcher.settle import Settler
from watcher.spool import Spool
from watcher.temporary import is_temporary
from watcher.watch import Watcher

LIMIT = 0.5


class Stuck(PollingBackend):
    """Hears nothing more once `hangs` is set, and does not come back."""

    def __init__(self, root: Path) -> None:
        super().__init__(bytes(root), poll_interval=0.1)
        self.hangs = threading.Event()
        self.released = threading.Event()

    def read(self, timeout: float) -> Sequence[Event]:
        if self.hangs.is_set():
            self.released.wait()
        return super().read(timeout)


@pytest.fixture
def systemd(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[NotifySocket]:
    """What systemd hears of this process, whose watchdog wants to be fed every half second."""
    with notify_socket(tmp_path) as heard:
        monkeypatch.setenv("NOTIFY_SOCKET", heard.environ["NOTIFY_SOCKET"])
        monkeypatch.setenv("WATCHDOG_USEC", str(int(LIMIT * 1e6)))
        yield heard


class Running:
    """A watcher that runs in a thread of the test; its publishing thread starts with `start`."""

    def __init__(self, root: Path, spool: Path, start: Callable[[], NoReturn]) -> None:
        def begin(spool: Spool, lock: threading.Lock, scans: Scans) -> tuple[Store, Publisher]:
            return start()

        self.backend = Stuck(root)
        self.backend.start()
        settler = Settler(0.1, is_temporary(lambda _path, _directory: False), None)
        self._watcher = Watcher("job", self.backend, settler, Spool(spool), reconcile_interval=3600, start=begin)
        self._end = threading.Event()
        self._thread = threading.Thread(target=self._watcher.run, args=(self._end.is_set,))
        self._thread.start()

    def end(self) -> None:
        self.backend.released.set()
        self._end.set()
        self._thread.join()
        self.backend.close()


def out_of_reach() -> NoReturn:
    raise Unreachable("Redis does not answer")


def starves(systemd: NotifySocket, part: str, times: int = 5) -> None:
    """Wait until systemd is told of the part that hangs; from then on it must not be told that all is well."""
    systemd.until(lambda lines: f"STATUS=the {part} hangs" in lines)
    assert not any("WATCHDOG=1" in (systemd.hear() or set()) for _ in range(times))


def test_a_publisher_that_waits_for_its_store_is_alive(systemd: NotifySocket, source: Path, tmp_path: Path) -> None:
    running = Running(source, tmp_path / "spool", out_of_reach)
    try:
        while systemd.times("WATCHDOG=1") < 20:  # five times as long as the watchdog is patient
            assert not any("hangs" in line for line in systemd.hear() or {"it hangs"})
        assert any("waits: Redis does not answer" in line for lines in systemd.said for line in lines)
    finally:
        running.end()
    assert systemd.until(lambda lines: "STOPPING=1" in lines) == {"STOPPING=1"}


def test_a_publisher_that_hangs_starves_the_watchdog(systemd: NotifySocket, source: Path, tmp_path: Path) -> None:
    released = threading.Event()

    def hang() -> NoReturn:
        released.wait()
        out_of_reach()

    running = Running(source, tmp_path / "spool", hang)
    try:
        starves(systemd, "publisher")
    finally:
        released.set()
        running.end()


def test_a_listener_that_hangs_starves_the_watchdog(systemd: NotifySocket, source: Path, tmp_path: Path) -> None:
    running = Running(source, tmp_path / "spool", out_of_reach)
    try:
        running.backend.hangs.set()
        starves(systemd, "listener", times=1)  # the publisher rests ever longer
    finally:
        running.end()
