"""`ingest-consume` serves the jobs of a state file: `start` queues there and returns."""

import os
import signal
from collections.abc import Iterator
from pathlib import Path
from subprocess import Popen

import pytest
from irods.session import iRODSSession

from tests.conftest import CommandLine
from tests.support.catalog import catalog, tree
from tests.support.integration import wait_until

END_SECONDS = 30


@pytest.fixture
def served(scan: CommandLine) -> Iterator["Popen[str]"]:
    """A consumer that is ready."""
    process = scan.process("--workers", "2", program="consumer")
    assert process.stderr is not None
    assert "Serving restart, path, file" in process.stderr.readline()
    yield process
    if process.poll() is None:
        process.kill()
    process.communicate(timeout=END_SECONDS)


def fill(source: Path) -> None:
    for number in range(50):
        (source / f"f{number}").write_text(str(number))


@pytest.mark.usefixtures("served")
def test_a_synchronous_start_waits_for_the_job_that_the_consumer_does(
    scan: CommandLine, source: Path, home: str, irods: iRODSSession
) -> None:
    fill(source)
    ran = scan.ingest(source, home)
    assert (ran.status, "50 synced" in ran.out, "works in this process" in ran.err) == (0, True, False)
    assert catalog(irods, home) == tree(source, home)


@pytest.mark.usefixtures("served")
def test_start_returns_and_watch_shows_the_job_to_its_end(
    scan: CommandLine, source: Path, home: str, irods: iRODSSession
) -> None:
    fill(source)
    ran = scan("start", source, home, "--job_name", "queued")
    assert (ran.status, ran.out) == (0, "")
    assert ran.err.splitlines()[1:] == ["Job queued is queued; see `ingest-scan watch queued`."]
    assert "50 synced" in scan("watch", "queued").out
    assert catalog(irods, home) == tree(source, home)
    assert [job["job_name"] for job in scan.jobs()["finished"]] == ["queued"]


@pytest.mark.usefixtures("served")
def test_ctrl_c_while_waiting_ends_the_waiting_and_not_the_job(scan: CommandLine, source: Path, home: str) -> None:
    fill(source)
    assert scan("start", source, home, "--job_name", "periodic", "--interval", "3600").status == 0
    assert "50 synced" in scan("watch", "periodic").out
    (source / "slow").write_text("x")
    other = source.parent / "other"
    other.mkdir()
    gate = source.parent / "gate"
    os.mkfifo(gate)
    handler = source.parent / "slow.py"
    handler.write_text(
        "class event_handler:\n    @staticmethod\n    def operation(session, meta, **options):\n"
        f"        open({str(gate)!r}).close()\n"
    )
    waiting = scan.process(
        "start", other, f"{home}/other", "--job_name", "held", "--synchronous", "--allow_overlap",
        "--event_handler", handler,
    )  # fmt: skip
    writer = os.open(gate, os.O_WRONLY)  # the start-time check of the handler reads first
    os.close(writer)
    wait_until(
        lambda: any(job["job_name"] == "held" for job in scan.jobs()["singlepass"]), lambda: waiting.poll() is None
    )
    waiting.send_signal(signal.SIGINT)
    _, err = waiting.communicate(timeout=END_SECONDS)
    assert (waiting.returncode, "Job held is still active: `ingest-scan watch held`" in err) == (0, True), err
    assert scan("stop", "held", "--stop_grace", "0").status == 0


@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGINT])
def test_a_consumer_that_is_told_to_end_does_so_with_status_zero_and_leaves_no_worker(
    scan: CommandLine, served: "Popen[str]", source: Path, home: str, number: int
) -> None:
    fill(source)
    assert scan.ingest(source, home).status == 0
    children = Path(f"/proc/{served.pid}/task/{served.pid}/children").read_text().split()
    assert len(children) == 2
    served.send_signal(number)
    assert served.wait(END_SECONDS) == 0
    assert not [child for child in children if Path(f"/proc/{child}").exists()]


@pytest.mark.usefixtures("served")
def test_a_periodic_job_runs_pass_after_pass_until_it_is_stopped(
    scan: CommandLine, source: Path, home: str, irods: iRODSSession
) -> None:
    fill(source)
    assert scan("start", source, home, "--job_name", "again", "--interval", "1").status == 0
    assert "50 synced" in scan("watch", "again").out
    (source / "later").write_text("x")
    wait_until(
        lambda: len(catalog(irods, home)) == 51,
        lambda: [job["job_name"] for job in scan.jobs()["periodic"]] == ["again"],
    )
    assert scan("stop", "again").status == 0
    listed = scan.jobs()
    assert ([job["job_name"] for job in listed["stopped"]], listed["periodic"]) == (["again"], [])
    assert listed["stopped"][0]["passes"] >= 2
