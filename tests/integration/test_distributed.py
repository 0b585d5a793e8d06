"""A job over Kafka and Redis, while consumers die and come, and both servers are restarted under it."""

from __future__ import annotations

from pathlib import Path

import pytest
from irods.session import iRODSSession

from tests.support.fleet import Fleet, assert_exact, fill, fleet, kafka, redis
from tests.support.integration import rows, wait_until

__all__ = ["fleet", "kafka", "redis"]

DIRECTORIES = 100
JOB_SECONDS = 240


@pytest.mark.parametrize("files", [8_000, pytest.param(20_000, marks=pytest.mark.slow)])
def test_a_job_survives_the_death_of_consumers_and_the_restart_of_kafka_and_redis(
    fleet: Fleet, source: Path, home: str, irods: iRODSSession, files: int
) -> None:
    sizes = fill(source, files, DIRECTORIES)
    for _ in range(3):
        fleet.add()
    begun = fleet("start", source, home, "--job_name", "big")
    assert (begun.status, begun.out) == (0, ""), begun.err
    assert "is queued" in begun.err

    wait_until(fleet.has_done("big", files // 40), fleet.work)
    fleet.crash(0)
    fleet.add()
    wait_until(fleet.has_done("big", files // 8), fleet.work)
    fleet.kafka.stop()
    fleet.kafka.start()
    wait_until(fleet.has_done("big", files // 2), fleet.work)
    assert fleet.status("big").state.active
    fleet.redis.stop()
    fleet.redis.start()

    assert_exact(fleet.ended("big", JOB_SECONDS), files)
    assert {path: row.size for path, (row,) in rows(irods, home).items()} == sizes
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
    assert ran.err.count("\n") == 1 + ran.err.count("warning: ") + ran.err.count("Logged in as ")
    assert "secret" not in ran.err
