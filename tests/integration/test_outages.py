"""Kafka, Redis or the zone are away in the middle of a job, or Redis forgets: what that costs a fleet, and what not."""

from __future__ import annotations

import re
import signal
from collections.abc import Callable
from pathlib import Path

from irods.session import iRODSSession
from kafka import KafkaAdminClient

from tests.support.devzone_process import running_zone
from tests.support.fleet import Fleet, assert_exact, fill, fleet, kafka, redis
from tests.support.integration import rows, wait_until
from tests.support.services import free_ports

__all__ = ["fleet", "kafka", "redis"]

FILES, DIRECTORIES = 1000, 400
"""So many directories that in the middle of the job some are still to be listed: consumers have messages to publish."""
CONSUMERS = 2
JOB_SECONDS = 120


def begin(fleet: Fleet, source: Path, target: str) -> dict[str, int]:
    """Have two consumers work until they are in the middle of a job; the sizes of its files."""
    sizes = fill(source, FILES, DIRECTORIES)
    for _ in range(CONSUMERS):
        fleet.add()
    begun = fleet("start", source, target, "--job_name", "job")
    assert begun.status == 0, begun.err
    in_the_middle(fleet, "job")
    return sizes


def in_the_middle(fleet: Fleet, job: str) -> None:
    wait_until(fleet.has_done(job, 150), fleet.work)
    assert fleet.status(job).counts.remaining_files > 0


def waiting(fleet: Fleet, server: str, times: int) -> Callable[[], bool]:
    """A condition: every consumer has tried so often to reach this server."""
    said = re.compile(rf"out of reach.* reason=.*{server}")
    return lambda: all(len(said.findall(fleet.said(number))) >= times for number in range(CONSUMERS))


def assert_all_is_well(fleet: Fleet, sizes: dict[str, int], irods: iRODSSession, target: str, job: str = "job") -> None:
    """The job ends by itself, all counted exactly and in the catalog, and no consumer has ended meanwhile."""
    assert_exact(fleet.ended(job, JOB_SECONDS), FILES)
    assert {path: row.size for path, (row,) in rows(irods, target).items()} == sizes
    assert fleet.work()
    for number in range(CONSUMERS):  # each outage is said once, however often the server was tried
        assert fleet.said(number).count("[warning  ] out of reach, waiting") <= 1


def test_kafka_away_is_a_pause(fleet: Fleet, source: Path, home: str, irods: iRODSSession) -> None:
    sizes = begin(fleet, source, home)
    fleet.kafka.stop(signal.SIGKILL)
    wait_until(waiting(fleet, "Kafka at ", 2), fleet.work)  # each after the ten seconds that an answer is waited for
    fleet.kafka.start()
    assert_all_is_well(fleet, sizes, irods, home)
    assert fleet.end() == [0, 0]


def test_redis_away_is_a_pause(fleet: Fleet, source: Path, home: str, irods: iRODSSession) -> None:
    sizes = begin(fleet, source, home)
    fleet.redis.stop()
    wait_until(waiting(fleet, "Redis at ", 6), fleet.work)  # the sixth comes after 15.5 seconds
    fleet.redis.start()
    assert_all_is_well(fleet, sizes, irods, home)
    assert fleet.end() == [0, 0]


def test_a_zone_that_is_away_is_a_pause(fleet: Fleet, source: Path, tmp_path: Path) -> None:
    (port,), target = free_ports(1), "/tempZone/home/rods/x"
    with running_zone(tmp_path / "zone", port=port) as zone:
        fleet.environment = zone.environment
        sizes = begin(fleet, source, target)
        zone.kill()
    wait_until(waiting(fleet, "", 4), fleet.work)  # the fourth comes after 7 seconds
    with running_zone(tmp_path / "zone", port=port) as zone, zone.session() as session:
        assert_all_is_well(fleet, sizes, session, target)
        assert fleet.end() == [0, 0]


def test_a_path_cache_that_is_deleted_in_the_middle_of_a_pass_costs_speed_only(
    fleet: Fleet, source: Path, home: str, irods: iRODSSession
) -> None:
    sizes = begin(fleet, source, home)
    assert_all_is_well(fleet, sizes, irods, home)
    for path in list(sizes)[::2]:
        (source / path).write_text("longer than before")
        sizes[path] = len("longer than before")
    assert fleet("start", source, home, "--job_name", "changes").status == 0
    in_the_middle(fleet, "changes")
    with fleet.redis.client() as client:
        assert client.delete(*client.scan_iter("ingest:cache:*")) > 0
    assert_all_is_well(fleet, sizes, irods, home, "changes")
    assert fleet("start", source, home, "--job_name", "nothing").status == 0
    assert_all_is_well(fleet, sizes, irods, home, "nothing")
    assert fleet.status("nothing").counts.unchanged == FILES
    assert fleet.end() == [0, 0]


def test_a_redis_that_comes_back_empty_ends_the_consumers_in_a_sentence_and_the_job_can_be_started_again(
    fleet: Fleet, source: Path, home: str, irods: iRODSSession
) -> None:
    sizes = begin(fleet, source, home)
    fleet.redis.stop()
    fleet.redis.forget()
    fleet.redis.start()
    assert [each.wait(JOB_SECONDS) for each in fleet.consumers] == [1, 1]
    sentence = "has lost its data: start its jobs again"
    for number in range(CONSUMERS):
        *before, last = fleet.said(number).splitlines()
        assert re.fullmatch(rf"ingest-consume: the store at redis://127\.0\.0\.1:\d+/0 {sentence}", last), last
        warnings = [line for line in before if not line.startswith(("Serving ", "[info "))]
        assert all(line.startswith("[warning  ] out of reach, waiting ") for line in warnings), warnings
    with KafkaAdminClient(bootstrap_servers=fleet.kafka.bootstrap) as admin:
        assert admin.describe_groups([fleet.group])[fleet.group]["members"] == []  # their partitions are free at once
    fleet.consumers.clear()
    fleet.add()
    assert fleet("start", source, home, "--job_name", "job").status == 0
    assert_all_is_well(fleet, sizes, irods, home)
    assert fleet.end() == [0]
