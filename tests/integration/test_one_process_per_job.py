"""One process works on a job, no more and no less: however it was begun, continued, retried or stopped."""

from __future__ import annotations

import json
import signal
import sqlite3
import subprocess
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
from irods.session import iRODSSession

from tests.conftest import CommandLine, HandlerFile
from tests.integration.test_served_jobs import served
from tests.support.integration import gated, handler, rows, wait_until

__all__ = ["served"]

END_SECONDS = 60
FILES = 60

Start = Callable[..., "subprocess.Popen[str]"]


@pytest.fixture
def options(handler_file: HandlerFile, tmp_path: Path) -> list[str | Path]:
    """The options of a job `j` whose files wait, after the first ten, until `released` is there."""
    return ["--job_name", "j", "--event_handler", handler_file(handler("REGISTER_SYNC", more=gated(tmp_path, 10)))]


@pytest.fixture
def start(scan: CommandLine, source: Path, home: str) -> Iterator[Start]:
    """Starts a job on a source with some files; what still runs at the end is killed."""
    for number in range(FILES):
        (source / f"f{number}").write_text(str(number))
    processes = []

    def begin(*options: str | Path) -> subprocess.Popen[str]:
        processes.append(scan.process("start", source, home, *options))
        return processes[-1]

    yield begin
    for each in processes:
        if each.poll() is None:
            each.kill()
        each.communicate(timeout=END_SECONDS)


@pytest.fixture
def interrupted(start: Start, options: list[str | Path], irods: iRODSSession, home: str, tmp_path: Path) -> None:
    """The job `j`, begun in a process of its own and killed in the middle."""
    process = start(*options)
    wait_until(lambda: len(rows(irods, home)) > 5, lambda: process.poll() is None)
    process.send_signal(signal.SIGKILL)
    process.wait(END_SECONDS)
    (tmp_path / "released").touch()


def failures(scan: CommandLine) -> list[str]:
    """The paths that `failures j` lists."""
    return [json.loads(line)["path"] for line in scan("failures", "j").out.splitlines()]


@pytest.mark.usefixtures("interrupted", "served")
def test_a_job_begun_alone_and_continued_beside_a_consumer_is_worked_on_by_the_command(
    scan: CommandLine, source: Path, home: str, options: list[str | Path], irods: iRODSSession
) -> None:
    ran = scan.ingest(source, home, *options)
    assert (ran.status, "Job j works in this process" in ran.err) == (0, True), ran
    assert len(rows(irods, home)) == FILES


@pytest.mark.usefixtures("interrupted")
def test_of_two_commands_that_continue_a_job_at_once_one_works_and_the_other_says_so(
    start: Start, options: list[str | Path], irods: iRODSSession, home: str
) -> None:
    commands = [start(*options) for _ in range(2)]
    ended = [(each.communicate(timeout=END_SECONDS), each.returncode) for each in commands]
    assert sorted(status for _, status in ended) == [0, 1], ended
    ((_, refusal),) = (output for output, status in ended if status)
    assert refusal.splitlines()[-1] in (
        "ingest-scan: job j is running in another process: see `ingest-scan watch j`",
        "ingest-scan: another process has worked on job j meanwhile: it is finished",
    )
    assert len(rows(irods, home)) == FILES


def test_of_two_commands_that_begin_a_job_at_once_one_works_and_the_other_says_so(
    start: Start, options: list[str | Path], scan: CommandLine, tmp_path: Path
) -> None:
    commands = [start(*options) for _ in range(2)]
    wait_until(lambda: any(each.poll() is not None for each in commands))
    (tmp_path / "released").touch()
    ended = [(each.communicate(timeout=END_SECONDS), each.returncode) for each in commands]
    assert sorted(status for _, status in ended) == [0, 1], ended
    (job,) = scan.jobs()["finished"]
    assert (job["files"]["total"], job["files"]["done"] + job["files"]["unchanged"]) == (FILES, FILES)


def test_a_suspended_process_whose_job_another_one_has_taken_over_ends_with_a_sentence(
    start: Start, options: list[str | Path], irods: iRODSSession, home: str, tmp_path: Path
) -> None:
    first = start(*options)
    wait_until(lambda: len(rows(irods, home)) > 5, lambda: first.poll() is None)
    first.send_signal(signal.SIGSTOP)
    second = start(*options)
    assert any("works in this process" in line for line in second.stderr or ())
    first.send_signal(signal.SIGCONT)
    _, said = first.communicate(timeout=END_SECONDS)
    assert (first.returncode, said.splitlines()[-1]) == (
        1,
        "ingest-scan: another process has taken over job j, because this one did not answer",
    )
    (tmp_path / "released").touch()
    second.communicate(timeout=END_SECONDS)
    assert second.returncode == 0
    assert len(rows(irods, home)) == FILES


def refusing(gate: Path) -> str:
    """A hook that refuses the files f0 to f9 while a gate is there."""
    return (
        "@staticmethod\ndef pre_data_obj_create(module, logger, session, meta, *args, **options):\n"
        f"    import os\n    if os.path.exists({str(gate)!r}) and len(os.path.basename(meta['path'])) == 2:\n"
        "        raise RuntimeError('not this one')\n"
    )


def test_a_retry_of_a_served_job_without_a_consumer_is_queued_and_says_that_nobody_is_there(
    served: subprocess.Popen[str], start: Start, scan: CommandLine, handler_file: HandlerFile, tmp_path: Path
) -> None:
    gate = tmp_path / "gate"
    gate.touch()
    file = handler_file(handler("REGISTER_SYNC", more=refusing(gate)))
    process = start("--job_name", "j", "--event_handler", file, "--synchronous")
    process.communicate(timeout=END_SECONDS)
    assert process.returncode == 255
    served.terminate()
    served.wait(END_SECONDS)
    gate.unlink()
    ran = scan("retry", "j")
    assert (ran.status, ran.out) == (0, ""), ran
    assert ran.err.splitlines() == [
        "warning: no live consumer reads restart, path, file; start ingest-consume",
        "Job j is queued; see `ingest-scan watch j`.",
    ]
    consumer = scan.process("--workers", "1", program="consumer")
    try:
        wait_until(lambda: bool(scan.jobs()["finished"]), lambda: consumer.poll() is None)
        assert failures(scan) == []
    finally:
        consumer.terminate()
        consumer.communicate(timeout=END_SECONDS)


def test_failures_stay_listed_when_their_retry_is_stopped(
    start: Start, scan: CommandLine, handler_file: HandlerFile, tmp_path: Path
) -> None:
    gate, hanging = tmp_path / "gate", tmp_path / "hanging"
    gate.touch()
    more = refusing(gate) + (
        f"    if not os.path.exists({str(gate)!r}) and meta['path'].endswith('/f5'):\n"
        f"        import time\n        open({str(hanging)!r}, 'w').close()\n        time.sleep(3600)\n"
    )
    process = start("--job_name", "j", "--event_handler", handler_file(handler("REGISTER_SYNC", more=more)))
    process.communicate(timeout=END_SECONDS)
    assert failures(scan) == [f"f{number}" for number in range(10)]
    gate.unlink()
    retry = scan.process("retry", "j", "--workers", "1")
    wait_until(hanging.exists, lambda: retry.poll() is None)
    assert scan("stop", "j", "--stop_grace", "0").status == 0
    retry.communicate(timeout=END_SECONDS)
    listed = failures(scan)
    assert "f5" in listed
    assert set(listed) <= {f"f{number}" for number in range(10)}


def rows_of(state: Path, table: str) -> int:
    """How many rows a table of the state file has."""
    with sqlite3.connect(state) as db:
        return int(db.execute(f"SELECT count(*) FROM {table}").fetchone()[0])


@pytest.mark.usefixtures("interrupted")
def test_a_forgotten_job_leaves_no_topic_and_no_message_in_the_state_file(scan: CommandLine) -> None:
    assert scan("stop", "j").status == 0
    assert rows_of(scan.state, "log") > 0
    assert scan("forget", "j").status == 0
    left = {table: rows_of(scan.state, table) for table in ("log", "partitions", "claims", "job", "pass", "task")}
    assert left == dict.fromkeys(left, 0)


@pytest.mark.usefixtures("interrupted")
def test_a_start_that_is_refused_leaves_no_topics(scan: CommandLine, source: Path, home: str) -> None:
    before = rows_of(scan.state, "partitions")
    ran = scan("start", source, home, "--interval", "60")
    assert (ran.status, "the active job j has this target" in ran.err) == (1, True), ran
    assert rows_of(scan.state, "partitions") == before
