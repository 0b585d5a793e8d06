"""How a service is, and what systemd hears of it at a real socket; the clock is the test's own."""

from __future__ import annotations

import itertools
import os
import threading
from collections.abc import Iterator
from pathlib import Path

import pytest

from ingest.service.health import STILL_ALIVE, Health
from tests.support.systemd import NotifySocket, notify_socket

LIMIT = 40.0


class Clock:
    """A clock that stands still until it is told to go on."""

    def __init__(self) -> None:
        self.seconds = 1000.0

    def __call__(self) -> float:
        return self.seconds


@pytest.fixture
def clock() -> Clock:
    return Clock()


@pytest.fixture(params=[False, True], ids=["path", "abstract"])
def systemd(request: pytest.FixtureRequest, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[NotifySocket]:
    """What systemd hears of this process, whose watchdog wants to be fed every 40 seconds."""
    with notify_socket(tmp_path, abstract=request.param) as heard:
        monkeypatch.setenv("NOTIFY_SOCKET", heard.environ["NOTIFY_SOCKET"])
        monkeypatch.setenv("WATCHDOG_USEC", str(int(LIMIT * 1e6)))
        monkeypatch.setenv("WATCHDOG_PID", str(os.getpid()))
        yield heard


def ready(systemd: NotifySocket, clock: Clock, *parts: str) -> Health:
    """A service that is ready, which was heard."""
    health = Health(*parts, now=clock)
    health.started()
    assert systemd.hear() == {"READY=1"}
    systemd.said.clear()
    return health


def test_a_service_is_ready_and_stops_once(systemd: NotifySocket) -> None:
    health = Health("one")
    health.heartbeat("one", "not yet")
    health.started()
    health.ended()
    health.ended()
    assert [systemd.hear(0) for _ in range(3)] == [{"READY=1"}, {"STOPPING=1"}, None]


def test_the_watchdog_is_fed_more_than_twice_as_often_as_it_wants(systemd: NotifySocket, clock: Clock) -> None:
    health = ready(systemd, clock, "one")
    heard_at = []
    for _ in range(2000):
        health.heartbeat("one", "works")
        if systemd.hear(0):
            heard_at.append(clock.seconds)
        clock.seconds += 0.1
    assert heard_at[0] == 1000.0
    assert max(late - early for early, late in itertools.pairwise(heard_at)) < LIMIT / 2
    assert len(heard_at) < 50
    assert systemd.said[0] == {"WATCHDOG=1", "STATUS=works"}


def test_the_status_is_one_line_of_all_parts(systemd: NotifySocket, clock: Clock) -> None:
    health = ready(systemd, clock, "one", "two", "three")
    health.heartbeat("one", "")
    clock.seconds += LIMIT / 2
    health.heartbeat("two", "two\nWATCHDOG=trigger")
    assert systemd.hear() == {"WATCHDOG=1", "STATUS="}
    assert systemd.hear() == {"WATCHDOG=1", "STATUS=two WATCHDOG=trigger"}
    clock.seconds += LIMIT / 2
    health.heartbeat("one", "one\n")
    assert systemd.hear() == {"WATCHDOG=1", "STATUS=one; two WATCHDOG=trigger"}


def test_the_watchdog_starves_when_one_part_hangs(systemd: NotifySocket, clock: Clock) -> None:
    health = ready(systemd, clock, "one", "two")
    blocked = threading.Event()

    def hang() -> None:
        health.heartbeat("two", "")
        blocked.wait()

    def seems_to_hang() -> bool:
        clock.seconds += LIMIT + 1
        health.heartbeat("one", "")
        return systemd.hear() == {"STATUS=the two hangs"}

    thread = threading.Thread(target=hang)
    thread.start()
    assert systemd.hear() == {"WATCHDOG=1", "STATUS="}
    assert any(seems_to_hang() for _ in range(5))  # what it had done before may count once
    assert seems_to_hang()
    blocked.set()
    thread.join()
    assert any(seems_to_hang() for _ in range(5))  # it has ended


def test_a_part_that_is_busy_for_long_goes_on(systemd: NotifySocket, clock: Clock) -> None:
    health = ready(systemd, clock, "one", "two")
    busy, rests, end = threading.Event(), threading.Event(), threading.Event()

    def work() -> None:
        health.heartbeat("two", "")
        while not end.is_set():
            busy.wait()
            busy.clear()
            sum(range(100_000))
            rests.set()

    thread = threading.Thread(target=work)
    thread.start()
    systemd.hear()
    for _ in range(5):
        busy.set()
        rests.wait()
        rests.clear()
        clock.seconds += LIMIT + 1
        health.heartbeat("one", "")
        assert systemd.hear() == {"WATCHDOG=1", "STATUS="}
    end.set()
    busy.set()
    thread.join()


def test_a_part_that_said_that_it_waits_is_not_missed(systemd: NotifySocket, clock: Clock) -> None:
    health = ready(systemd, clock, "one", "two")
    thread = threading.Thread(target=health.heartbeat, args=("two", "waits"), kwargs={"rest": 3 * LIMIT})
    thread.start()
    thread.join()
    systemd.hear()
    clock.seconds += 3 * LIMIT
    health.heartbeat("one", "")
    assert systemd.hear() == {"WATCHDOG=1", "STATUS=waits"}


def test_without_a_watchdog_there_is_a_status_only(
    systemd: NotifySocket, clock: Clock, monkeypatch: pytest.MonkeyPatch
) -> None:
    for name, value in (("WATCHDOG_PID", "1"), ("WATCHDOG_USEC", "nonsense"), ("WATCHDOG_USEC", "0")):
        monkeypatch.setenv(name, value)
        health = ready(systemd, clock, "one")
        health.heartbeat("one", "works")
        assert systemd.hear(0) == {"STATUS=works"}
        monkeypatch.delenv(name)


def test_without_a_socket_nothing_is_said(systemd: NotifySocket, clock: Clock, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("NOTIFY_SOCKET")
    health = Health("one", now=clock)
    health.started()
    health.heartbeat("one", "works")
    health.ended()
    assert systemd.hear(0) is None


def test_a_socket_that_nobody_listens_on_disturbs_nobody(
    clock: Clock, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("NOTIFY_SOCKET", str(tmp_path / "nobody"))
    health = Health("one", now=clock)
    health.started()
    health.heartbeat("one", "works")
    health.ended()


def test_what_has_not_started_is_alive_and_not_ready(clock: Clock) -> None:
    health = Health("one", "two", now=clock)
    clock.seconds += 2 * STILL_ALIVE
    assert (health.alive, health.ready) == (True, False)


def test_a_service_is_ready_when_all_its_loops_have_what_they_need(clock: Clock) -> None:
    health = Health("one", "two", now=clock)
    health.heartbeat("one")
    health.heartbeat("two", ready=False)
    assert (health.alive, health.ready) == (True, False)
    health.heartbeat("two")
    assert (health.alive, health.ready) == (True, True)


def test_a_service_one_loop_of_which_never_begins_is_dead_after_a_while(clock: Clock) -> None:
    health = Health("one", "two", now=clock)
    health.started()
    clock.seconds += STILL_ALIVE + 1
    health.heartbeat("one")
    assert (health.alive, health.ready) == (False, False)
