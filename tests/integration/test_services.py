"""What systemd hears of the processes that it keeps running: that they are ready, alive, and end."""

from __future__ import annotations

import re
import signal
import subprocess
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path

import pytest
from irods.session import iRODSSession

from tests.conftest import CommandLine
from tests.support.integration import rows, wait_until
from tests.support.systemd import NotifySocket, notify_socket

WATCHDOG = {"WATCHDOG_USEC": "2000000"}
STATUS = re.compile(r"STATUS=\d+ settling, \d+ to be published; \d+ tasks in work, \d+ waiting")
DIRECTORIES = 2000
END_SECONDS = 30


@contextmanager
def service(
    scan: CommandLine, heard: NotifySocket, program: str, *arguments: str, **environ: str
) -> Iterator[subprocess.Popen[str]]:
    """A process of ours as systemd starts one."""
    process = scan.process(*arguments, program=program, **heard.environ, **environ)
    try:
        yield process
    finally:
        process.kill()
        process.communicate()


def end(process: subprocess.Popen[str]) -> int:
    process.send_signal(signal.SIGTERM)
    process.communicate(timeout=END_SECONDS)
    return process.returncode


def watches_of(process: int) -> int:
    """The directories that a process watches now."""
    number = 0
    for each in Path(f"/proc/{process}/fdinfo").iterdir():
        with suppress(FileNotFoundError):  # it is closed by now
            number += len(re.findall(r"^inotify wd:", each.read_text(), re.MULTILINE))
    return number


@pytest.mark.parametrize("abstract", [False, True], ids=["path", "abstract"])
def test_a_watcher_is_ready_when_everything_is_watched_and_then_alive_until_it_stops(
    scan: CommandLine, source: Path, home: str, irods: iRODSSession, tmp_path: Path, *, abstract: bool
) -> None:
    for number in range(DIRECTORIES):
        (source / f"d{number}").mkdir()
    with (
        notify_socket(tmp_path, abstract=abstract) as heard,
        service(scan, heard, "watcher", str(source), home, "--workers", "1", **WATCHDOG) as watcher,
    ):
        assert heard.hear() == {"READY=1"}
        assert watches_of(watcher.pid) == DIRECTORIES + 1
        heard.until(lambda lines: any(map(STATUS.fullmatch, lines)))
        while heard.times("WATCHDOG=1") < 5:
            assert heard.hear()
        assert end(watcher) == 0
        assert heard.until(lambda lines: "STOPPING=1" in lines)
        assert heard.hear(0) is None or "WATCHDOG=1" in heard.said[-1]
        assert heard.times("READY=1") == heard.times("STOPPING=1") == 1


def test_a_watcher_that_only_scans_is_alive_too(
    scan: CommandLine, source: Path, home: str, irods: iRODSSession, tmp_path: Path
) -> None:
    (source / "file").write_text("x")
    with (
        notify_socket(tmp_path) as heard,
        service(scan, heard, "watcher", str(source), home, "--no-events", "--workers", "1", **WATCHDOG) as watcher,
    ):
        assert heard.hear() == {"READY=1"}
        wait_until(lambda: bool(irods.collections.exists(home)) and "file" in rows(irods, home))
        heard.until(lambda lines: "WATCHDOG=1" in lines)
        end(watcher)
        heard.until(lambda lines: "STOPPING=1" in lines)


def test_a_consumer_is_ready_when_it_serves_and_then_alive_until_it_stops(scan: CommandLine, tmp_path: Path) -> None:
    with (
        notify_socket(tmp_path) as heard,
        service(scan, heard, "consumer", "--workers", "1", **WATCHDOG) as consumer,
    ):
        assert heard.hear() == {"READY=1"}
        while heard.times("WATCHDOG=1") < 5:
            assert heard.hear() == {"WATCHDOG=1", "STATUS=0 tasks in work, 0 waiting"}
        assert end(consumer) == 0
        assert heard.until(lambda lines: "STOPPING=1" in lines) == {"STOPPING=1"}


def test_a_service_that_is_refused_is_never_ready(scan: CommandLine, home: str, tmp_path: Path) -> None:
    with (
        notify_socket(tmp_path) as heard,
        service(scan, heard, "watcher", str(tmp_path / "nowhere"), home, **WATCHDOG) as watcher,
    ):
        assert watcher.wait(END_SECONDS) == 1
        assert heard.hear(0) is None
