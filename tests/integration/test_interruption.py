"""Jobs that are killed, interrupted, stopped, or that meet each other."""

import signal
import subprocess
from pathlib import Path
from typing import Any

import pytest
from irods.session import iRODSSession

from tests.conftest import CommandLine, HandlerFile
from tests.support.catalog import catalog, tree
from tests.support.integration import children, gated, handler, rows, running, wait_until

pytestmark = pytest.mark.usefixtures("two_workers")

END_SECONDS = 60


def make(source: Path, count: int) -> None:
    """Files in ten directories."""
    for number in range(count):
        directory = source / f"d{number % 10}"
        directory.mkdir(exist_ok=True)
        (directory / f"f{number}").write_text(str(number))


def arrived(irods: iRODSSession, home: str) -> int:
    """How many objects are there."""
    return len(rows(irods, home))


def files_of(scan: CommandLine) -> dict[str, int]:
    """The counts of files of the youngest job."""
    files: Any = scan.last()["files"]
    return dict(files)


def hanging_on(file: str, mark: Path) -> str:
    """A hook that leaves a mark and then never returns, for one file."""
    return (
        "@staticmethod\ndef pre_data_obj_create(module, logger, session, meta, *args, **options):\n"
        f"    import time\n    if meta['path'].endswith('/{file}'):\n"
        f"        open({str(mark)!r}, 'w').close()\n        time.sleep(3600)\n"
    )


def end(process: "subprocess.Popen[str]") -> None:
    """Make sure that a command of the test's has ended."""
    if process.poll() is None:
        process.kill()
    process.communicate(timeout=END_SECONDS)


def test_after_kill_9_the_workers_are_gone_and_the_same_command_brings_everything_in_once(
    scan: CommandLine, source: Path, home: str, irods: iRODSSession, handler_file: HandlerFile, tmp_path: Path
) -> None:
    make(source, 3000)
    options = ("--event_handler", handler_file(handler("REGISTER_SYNC", more=gated(tmp_path, 600))))
    process = scan.process("start", source, home, "--synchronous", *options)
    wait_until(lambda: arrived(irods, home) > 500, lambda: process.poll() is None)
    workers = children(process.pid)
    assert workers
    process.kill()
    process.communicate(timeout=END_SECONDS)
    wait_until(lambda: not any(map(running, workers)))
    assert arrived(irods, home) < 3000
    (tmp_path / "released").touch()
    ran = scan.ingest(source, home, *options)
    assert (ran.status, ran.out.count(" 0 failed")) == (0, 1), ran
    assert catalog(irods, home) == tree(source, home)
    files = files_of(scan)
    assert files["total"] == files["done"] + files["unchanged"] == 3000
    assert (files["failed"], files["skipped"], files["remaining"]) == (0, 0, 0)
    assert len(scan.jobs()["finished"]) == 1


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM])
def test_a_signal_interrupts_a_job_with_one_sentence_and_the_same_command_goes_on(
    scan: CommandLine, source: Path, home: str, irods: iRODSSession, handler_file: HandlerFile, tmp_path: Path,
    number: signal.Signals,
) -> None:  # fmt: skip
    make(source, 1000)
    body = handler("REGISTER_SYNC", more=gated(tmp_path, 300))
    options = ("--job_name", "mine", "--event_handler", handler_file(body), "--stop-grace", "0.5")
    process = scan.process("start", source, home, "--synchronous", *options)
    wait_until(lambda: arrived(irods, home) > 200, lambda: process.poll() is None)
    workers = children(process.pid)
    process.send_signal(number)
    _, err = process.communicate(timeout=END_SECONDS)
    assert process.returncode == 1, err
    assert err.splitlines()[2:] == [
        "ingest-scan: interrupted: the same command continues job mine, `ingest-scan stop mine` ends it"
    ]
    assert not any(map(running, workers))
    assert arrived(irods, home) < 1000
    (job,) = scan.jobs()["singlepass"]
    assert job["files"]["failed"] == 0
    (tmp_path / "released").touch()
    ran = scan.ingest(source, home, *options)
    assert ran.status == 0, ran
    assert catalog(irods, home) == tree(source, home)
    files = files_of(scan)
    assert (files["total"], files["done"] + files["unchanged"], files["failed"]) == (1000, 1000, 0)


def test_an_interrupted_job_can_be_stopped_instead(
    scan: CommandLine, source: Path, home: str, handler_file: HandlerFile, tmp_path: Path
) -> None:
    (source / "f0").touch()
    mark = tmp_path / "hanging"
    options = ("--event_handler", handler_file(handler("PUT", more=hanging_on("f0", mark))), "--stop-grace", "0")
    process = scan.process("start", source, home, "--job_name", "mine", *options)
    wait_until(mark.exists, lambda: process.poll() is None)
    process.send_signal(signal.SIGINT)
    process.communicate(timeout=END_SECONDS)
    assert scan("stop", "mine").status == 0
    assert [job["job_name"] for job in scan.jobs()["stopped"]] == ["mine"]
    assert scan("stop", "mine").err == "ingest-scan: job mine is not active: it is stopped\n"


def test_two_foreground_jobs_share_a_state_file(
    scan: CommandLine, tmp_path: Path, home: str, irods: iRODSSession
) -> None:
    sources = [tmp_path / name for name in ("one", "two")]
    for source in sources:
        source.mkdir()
        make(source, 600)
    processes = [scan.process("start", each, f"{home}/{each.name}", "--job_name", each.name) for each in sources]
    for process, source in zip(processes, sources, strict=True):
        out, err = process.communicate(timeout=END_SECONDS)
        assert (process.returncode, out.count(" 600 synced")) == (0, 1), out + err
        assert catalog(irods, f"{home}/{source.name}") == tree(source, f"{home}/{source.name}")
    finished = scan.jobs()["finished"]
    assert sorted((job["job_name"], job["files"]["done"]) for job in finished) == [("one", 600), ("two", 600)]


def test_stop_ends_a_running_job_within_the_grace_although_a_hook_hangs(
    scan: CommandLine, source: Path, home: str, irods: iRODSSession, handler_file: HandlerFile, tmp_path: Path
) -> None:
    make(source, 600)
    mark, log = tmp_path / "hanging", tmp_path / "log"
    more = hanging_on("f20", mark)
    more += f"@staticmethod\ndef post_job(module, logger, meta):\n    open({str(log)!r}, 'w').close()\n"
    file = handler_file(handler("REGISTER_SYNC", more=more))
    process = scan.process("start", source, home, "--job_name", "mine", "--event_handler", file, "--stop-grace", "1")
    wait_until(mark.exists, lambda: process.poll() is None)
    workers = children(process.pid)
    assert scan("stop", "mine", "--stop-grace", "1").status == 0
    out, err = process.communicate(timeout=20)
    assert not any(map(running, workers))
    assert "Job mine stopped" in out, out + err
    assert "Failed d0/f20: interrupted: the job was stopped" in out, out + err
    listed = scan.jobs()
    assert (listed["singlepass"], listed["finished"]) == ([], [])
    (job,) = listed["stopped"]
    assert (job["job_name"], job["state"], job["files"]["failed"]) == ("mine", "stopped", 1)
    assert job["files"]["done"] == arrived(irods, home)
    assert not log.exists()
    ran = scan.ingest(source, home, "--job_name", "mine")
    assert ran.status == 0, ran
    assert catalog(irods, home) == tree(source, home)


def test_a_name_or_target_of_a_running_job_is_refused_elsewhere(
    scan: CommandLine, source: Path, home: str, handler_file: HandlerFile, tmp_path: Path
) -> None:
    (source / "f0").touch()
    mark = tmp_path / "hanging"
    options = ("--job_name", "mine", "--event_handler", handler_file(handler("PUT", more=hanging_on("f0", mark))))
    process = scan.process("start", source, f"{home}/x", *options)
    try:
        wait_until(mark.exists, lambda: process.poll() is None)
        for target, name in ((f"{home}/y", "mine"), (f"{home}/x", "other"), (home, "other"), (f"{home}/x/z", "other")):
            ran = scan("start", source, target, "--job_name", name)
            assert (ran.status, ran.out, ran.err.count("the active job mine has this")) == (1, "", 1), ran
        ran = scan("start", source, f"{home}/x", *options)
        assert (ran.status, ran.out) == (1, ""), ran
        assert ran.err.endswith("job mine is running in another process: see `ingest-scan watch mine`\n")
        assert process.poll() is None
        (job,) = scan.jobs()["singlepass"]
        assert (job["job_name"], job["state"]) == ("mine", "running")
    finally:
        end(process)


def test_watch_follows_a_job_of_another_process_to_its_end(
    scan: CommandLine, source: Path, home: str, handler_file: HandlerFile, tmp_path: Path
) -> None:
    make(source, 10)
    mark, released = tmp_path / "hanging", tmp_path / "released"
    waiting = f"while not __import__('os').path.exists({str(released)!r}):\n            time.sleep(0.05)"
    more = hanging_on("f3", mark).replace("time.sleep(3600)", waiting)
    options = ("--job_name", "mine", "--event_handler", handler_file(handler("REGISTER_SYNC", more=more)))
    process = scan.process("start", source, home, *options)
    try:
        wait_until(mark.exists, lambda: process.poll() is None)
        watching = scan.process("watch", "mine")
        assert watching.stderr is not None
        assert "/10 files" in watching.stderr.readline()
        released.touch()
        out, err = watching.communicate(timeout=END_SECONDS)
        assert (watching.returncode, out.count("Job mine finished: 10 files")) == (0, 1), out + err
        assert process.wait(END_SECONDS) == 0
    finally:
        end(process)
