"""A job over Kafka and Redis, while consumers die and come, and both servers are restarted under it."""

from __future__ import annotations

import signal
import subprocess
import sys
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from irods.session import iRODSSession

from ingest.job import JobStatus
from ingest.store.redis import RedisStore
from tests.conftest import CommandLine
from tests.integration.support import rows, wait_until
from tests.support.services import Kafka, Redis, running

FILES, DIRECTORIES, PARTITIONS = 5000, 50, 4
JOB_SECONDS = 200


@pytest.fixture
def kafka(tmp_path: Path) -> Iterator[Kafka]:
    """A broker that the test may restart."""
    folder = tmp_path / "kafka"
    folder.mkdir()
    server = Kafka(folder)
    with running(server):
        yield server


@pytest.fixture
def store_server(tmp_path: Path) -> Iterator[Redis]:
    """A Redis server that the test may restart."""
    folder = tmp_path / "redis"
    folder.mkdir()
    server = Redis(folder)
    with running(server):
        yield server


class Fleet(CommandLine):
    """Commands and consumers of a deployment with Kafka and Redis."""

    def __init__(self, scan: CommandLine, kafka: Kafka, redis: Redis, logs: Path) -> None:
        super().__init__(scan.state, scan.environment)
        self._where = {"INGEST_KAFKA": kafka.bootstrap, "INGEST_REDIS": redis.url, "INGEST_PARTITIONS": str(PARTITIONS)}
        self._logs = logs
        self.consumers: list[subprocess.Popen[bytes]] = []

    @property
    def environ(self) -> dict[str, str]:
        """The environment of a command."""
        return super().environ | self._where

    def add(self) -> None:
        """Start one more consumer."""
        log = (self._logs / f"consumer-{len(self.consumers)}.log").open("wb")
        command = [sys.executable, "-m", "consumer", "--workers", "1"]
        self.consumers.append(
            subprocess.Popen(command, env=self.environ, stdin=subprocess.DEVNULL, stdout=log, stderr=log)
        )

    def end(self) -> list[int]:
        """End those that live; the exit statuses of all."""
        for each in self.consumers:
            each.send_signal(signal.SIGTERM)
        return [each.wait(60) for each in self.consumers]


@pytest.fixture
def fleet(scan: CommandLine, kafka: Kafka, store_server: Redis, tmp_path: Path) -> Iterator[Fleet]:
    """No consumers yet; those that a test starts are ended after it."""
    fleet = Fleet(scan, kafka, store_server, tmp_path)
    yield fleet
    for each in fleet.consumers:
        each.kill()
        each.wait()


def fill(source: Path) -> None:
    for number in range(FILES):
        directory = source / f"d{number % DIRECTORIES}"
        directory.mkdir(exist_ok=True)
        (directory / f"f{number}").write_text(str(number))


def status_of(redis: Redis, job: str) -> JobStatus:
    store = RedisStore(redis.url)
    status = store.job(job)
    store.close()
    assert status is not None
    return status


def done(redis: Redis, job: str, least: int) -> Any:
    return lambda: status_of(redis, job).counts.done >= least


@pytest.mark.soak
def test_a_job_survives_the_death_of_consumers_and_the_restart_of_kafka_and_redis(
    fleet: Fleet, kafka: Kafka, store_server: Redis, source: Path, home: str, irods: iRODSSession
) -> None:
    fill(source)
    for _ in range(3):
        fleet.add()
    begun = fleet("start", source, home, "--job_name", "big", "--files_per_task", "20")
    assert (begun.status, begun.out) == (0, ""), begun.err
    assert "is queued" in begun.err

    wait_until(done(store_server, "big", 100))
    fleet.consumers[0].send_signal(signal.SIGKILL)
    fleet.add()
    wait_until(done(store_server, "big", 1000))
    kafka.stop()
    kafka.start()
    wait_until(done(store_server, "big", 2500))
    assert status_of(store_server, "big").state.active
    store_server.stop()
    store_server.start()

    end = time.monotonic() + JOB_SECONDS
    while (status := status_of(store_server, "big")).state.active:
        assert time.monotonic() < end, status
        assert all(each.poll() is None for each in fleet.consumers[1:])
        time.sleep(0.1)
    counts = status.counts
    assert (status.state.value, counts.failed, counts.tasks_failed) == ("finished", 0, 0)
    assert (counts.files, counts.done + counts.unchanged, counts.skipped) == (FILES, FILES, 0)
    assert (counts.remaining_tasks, counts.remaining_files) == (0, 0)
    found = rows(irods, home)
    assert {path: row.size for path, (row,) in found.items()} == {
        f"d{number % DIRECTORIES}/f{number}": len(str(number)) for number in range(FILES)
    }
    assert fleet.end()[1:] == [0, 0, 0]


def test_a_synchronous_start_waits_for_the_consumers_to_do_the_job(fleet: Fleet, source: Path, home: str) -> None:
    (source / "f").write_text("x")
    fleet.add()
    ran = fleet.ingest(source, home)
    assert ran.status == 0, ran.err
    counts = fleet.last()
    assert (counts["total_tasks"], counts["remaining_tasks"], counts["failed_tasks"]) == (4, 0, 0)


def test_start_warns_when_no_consumer_reads_its_topics(fleet: Fleet, source: Path, home: str) -> None:
    ran = fleet("start", source, home, "--job_name", "lonely")
    assert ran.status == 0
    assert "no live consumer reads restart, path, file" in ran.err
    assert '"lonely"' in fleet("list").out


@pytest.mark.parametrize(
    ("given", "sentence"),
    [
        ({"INGEST_REDIS": ""}, "Kafka without Redis"),
        ({"INGEST_KAFKA": ""}, "Redis without Kafka"),
        ({"INGEST_KAFKA": "127.0.0.1:1"}, "Kafka at 127.0.0.1:1 does not answer"),
        ({"INGEST_REDIS": "redis://:secret@127.0.0.1:1/0"}, "Redis at redis://127.0.0.1:1/0 does not answer"),
    ],
)
@pytest.mark.parametrize("command", ["start", "consume"])
def test_half_a_deployment_or_one_that_does_not_answer_is_refused_in_a_sentence(
    fleet: Fleet, source: Path, home: str, given: dict[str, str], sentence: str, command: str
) -> None:
    ran = fleet("start", source, home, **given) if command == "start" else fleet(program="consumer", **given)
    assert ran.status == 1
    assert sentence in ran.err
    assert ran.err.count("\n") == 1 + ran.err.count("warning: ")
    assert "secret" not in ran.err
