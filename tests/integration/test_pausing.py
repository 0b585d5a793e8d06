"""Jobs that are paused and go on, and messages that nobody can read."""

from pathlib import Path

import msgspec
import pytest
from irods.session import iRODSSession

from consumer.dispatch.intake import DeadLetter
from ingest.broker import Broker, Outgoing
from ingest.deployment import Deployment
from tests.conftest import CommandLine, HandlerFile
from tests.integration.test_served_jobs import served
from tests.support.catalog import catalog, tree
from tests.support.integration import gated, handler, rows, wait_until

__all__ = ["served"]


def fill(source: Path, count: int = 60) -> None:
    for number in range(count):
        (source / f"f{number:03}").write_text(str(number))


@pytest.mark.usefixtures("served")
def test_a_paused_job_begins_nothing_while_others_go_on_and_then_does_the_rest(
    scan: CommandLine, source: Path, home: str, irods: iRODSSession, handler_file: HandlerFile, tmp_path: Path
) -> None:
    fill(source)
    other = tmp_path / "other"
    other.mkdir()
    fill(other)
    file = handler_file(handler("REGISTER_SYNC", more=gated(tmp_path, 5)))
    options = ("--job_name", "held", "--files_per_task", "1", "--event_handler", file)
    assert scan("start", source, f"{home}/one", *options).status == 0
    passed = tmp_path / "passed"
    wait_until(lambda: passed.exists() and passed.stat().st_size > 5)
    assert scan("pause", "held").out == "Job held paused: `ingest-scan resume held` continues it.\n"
    (tmp_path / "released").touch()
    assert scan.ingest(other, f"{home}/two").status == 0
    assert len(rows(irods, f"{home}/one")) < 60
    (job,) = scan.jobs()["singlepass"]
    assert (job["job_name"], job["state"]) == ("held", "paused")
    assert scan("resume", "held").out == "Job held resumed.\n"
    assert "60 synced" in scan("watch", "held").out
    assert catalog(irods, f"{home}/one") == tree(source, f"{home}/one")
    assert scan.last()["failed_tasks"] == 0


@pytest.mark.usefixtures("served")
def test_a_job_that_is_paused_before_its_pass_begins_begins_it_when_it_goes_on(
    scan: CommandLine, source: Path, home: str
) -> None:
    fill(source)
    assert scan("start", source, home, "--job_name", "cron", "--cron", "0 0 1 1 *").status == 0
    wait_until(lambda: scan.last()["state"] == "waiting")
    assert scan("pause", "cron").status == 0
    assert scan.last()["state"] == "paused"
    assert scan("stop", "cron").status == 0
    assert scan.last()["state"] == "stopped"


@pytest.mark.parametrize(
    ("command", "sentence"),
    [
        (("pause", "none"), "there is no job none"),
        (("resume", "none"), "there is no job none"),
        (("resume", "done"), "job done is not paused"),
        (("pause", "done"), "job done is not active: it is finished"),
    ],
)
def test_what_cannot_be_paused_or_resumed_is_refused_in_a_sentence(
    scan: CommandLine, source: Path, home: str, command: tuple[str, str], sentence: str
) -> None:
    assert scan.ingest(source, home, "--job_name", "done").status == 0
    ran = scan(*command)
    assert (ran.status, ran.err) == (1, f"ingest-scan: {sentence}\n")


def dead_letters(broker: Broker, topic: str) -> list[DeadLetter]:
    with broker.join("reader", [topic]) as member:
        found = [record.value for _ in range(20) for record in member.poll(0.05, 100)]
        return [msgspec.json.decode(value, type=DeadLetter) for value in found]


@pytest.mark.usefixtures("served")
def test_a_message_that_cannot_be_read_is_kept_with_the_reason_and_holds_nothing_up(
    scan: CommandLine, source: Path, home: str, irods: iRODSSession
) -> None:
    fill(source)
    broker = Deployment(state=str(scan.state)).broker()
    poison = [b"\xff no json", b'{"type": "file", "v": 99, "job": "x"}', b'{"type": "surprise"}', b""]
    broker.publish([Outgoing("file", partition, value) for value in poison for partition in range(8)])
    assert scan.ingest(source, home).status == 0
    assert catalog(irods, home) == tree(source, home)
    letters = dead_letters(broker, "file.dlq")
    assert {letter.value for letter in letters} == set(poison)
    assert {letter.topic for letter in letters} == {"file"}
    assert all("not a message of this program" in letter.reason for letter in letters)
    broker.close()
