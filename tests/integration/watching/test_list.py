"""`list` on a terminal: what becomes of a watch job beside its scans, for people."""

from __future__ import annotations

import os
import pty
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest
from irods.session import iRODSSession

from tests.conftest import CommandLine
from tests.support.integration import wait_until
from tests.support.watching import Watching, at_rest, in_step


def on_a_terminal(scan: CommandLine, *arguments: str) -> str:
    """What a command shows on a terminal that is wide enough."""
    ours, theirs = pty.openpty()
    environ = {**scan.environ, "COLUMNS": "250", "TERM": "xterm"}
    with subprocess.Popen(
        [sys.executable, "-m", "scanner", *arguments], env=environ, stdin=theirs, stdout=theirs, stderr=theirs
    ) as process:
        os.close(theirs)
        shown = b""
        try:
            while more := os.read(ours, 65536):
                shown += more
        except OSError:  # how a terminal of Linux ends
            pass
        os.close(ours)
        assert process.wait() == 0
    return shown.decode().replace("\r\n", "\n")


@pytest.fixture
def watching(scan: CommandLine, source: Path, home: str, irods: iRODSSession, tmp_path: Path) -> Iterator[Watching]:
    """A watcher that has taken over three files of one directory, and polls another directory."""
    (source / "a [red] name").mkdir()
    (source / "polled").mkdir()
    options = ("--quiet", "0.2", "--workers", "1", "--max-watches", "2", "--poll-interval", "0.3")
    watching = Watching(scan, source, home, *options, "--job_name", "lab [1]", log=tmp_path / "watcher.log")
    wait_until(at_rest(watching))
    for number in range(3):
        (source / f"f{number}").write_text("x")
    wait_until(lambda: in_step(irods, source, home))
    wait_until(at_rest(watching))
    yield watching
    watching.kill()


def row(shown: str, job: str) -> list[str]:
    """The cells of a job in the table."""
    (line,) = [line for line in shown.splitlines() if line.startswith("│") and job in line]
    return [cell.strip() for cell in line.strip("│").split("│")]


def test_a_watched_job_is_shown_with_what_happened_and_its_watcher(
    watching: Watching, scan: CommandLine, source: Path, home: str
) -> None:
    wait_until(lambda: (watching.job["watcher"]["unwatched"], watching.job["watcher"]["settling"]) == (1, 0))
    shown = on_a_terminal(scan, "list")
    assert row(shown, "lab [1]")[:3] == ["lab [1]", "watching", f"{source} → {home}"]
    assert "Job lab [1] live changes: 3 synced, 0 to do\n" in shown
    assert f"  watched on {os.uname().nodename}: 0 paths settling, 0 to be published\n" in shown
    assert "  directories that cannot be watched and are polled: 1\n" in shown
    assert "not visible" not in shown


def test_a_source_that_is_out_of_sight_is_said(watching: Watching, scan: CommandLine, source: Path) -> None:
    source.rename(source.with_name("away"))
    wait_until(lambda: bool(watching.job["watcher"]["away"]))
    shown = on_a_terminal(scan, "list")
    assert row(shown, "lab [1]")[1] == "not visible"
    assert "  the source is not visible: it was deleted, moved away or unmounted\n" in shown


def test_a_job_whose_watcher_has_ended_says_that_nobody_watches(watching: Watching, scan: CommandLine) -> None:
    assert watching.end()[0] == 0
    shown = on_a_terminal(scan, "list")
    assert row(shown, "lab [1]")[1] == "no watcher"
    assert "  no watcher is running; run the same ingest-watch to continue (it last ran on " in shown
    assert scan("stop", "lab [1]").status == 0
    shown = on_a_terminal(scan, "list")
    assert row(shown, "lab [1]")[1] == "stopped"
    assert "no watcher" not in shown
