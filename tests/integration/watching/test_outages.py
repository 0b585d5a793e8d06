"""Kafka, Redis or the zone are away while much happens in a watched source: nothing is lost, and people are told."""

from __future__ import annotations

import signal
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
from irods.session import iRODSSession

from tests.conftest import HandlerFile
from tests.support.bursts import Burst, writing
from tests.support.devzone_process import running_zone
from tests.support.fleet import Fleet, fleet, kafka, redis
from tests.support.integration import handler, hooks, logged, wait_until
from tests.support.services import free_ports
from tests.support.watching import UNREGISTER, Watching, at_rest, in_step

__all__ = ["fleet", "kafka", "redis"]

FLAT, NESTED = 500, 20
"""What is written before the outage."""
SECONDS = 120
MAX_GROWTH = 8 * 2**20
"""Bytes by which the watcher may grow meanwhile; the spool is on disk."""

Watch = Callable[[str], Watching]


@pytest.fixture(
    params=[Burst(1_500, 60), pytest.param(Burst(3_000, 100), marks=pytest.mark.slow)], ids=lambda each: each.files
)
def burst(request: pytest.FixtureRequest) -> Burst:
    """What is written before the outage and during it."""
    found: Burst = request.param
    return found


@pytest.fixture
def created(tmp_path: Path) -> Path:
    """Where the handler writes a line for each object that is created."""
    return tmp_path / "created"


@pytest.fixture
def watch(fleet: Fleet, source: Path, handler_file: HandlerFile, created: Path, tmp_path: Path) -> Iterator[Watch]:
    """Starts a consumer, and a watcher on `source` which then has begun to publish a burst."""
    started = []

    def start(target: str) -> Watching:
        fleet.add(workers=2)
        handlers = handler_file(handler("REGISTER_SYNC", more=UNREGISTER + hooks(created, "post_data_obj_create")))
        options = ("--event_handler", handlers, "--files_per_task", "5", "--log_level", "INFO")
        started.append(Watching(fleet, source, target, *options, log=tmp_path / "watcher.log"))
        wait_until(at_rest(started[0]), fleet.work)
        with writing(source, range(FLAT), range(NESTED)):
            pass
        wait_until(lambda: len(logged(created, target)) > 100, fleet.work)
        return started[0]

    yield start
    for each in started:
        each.kill()


def waits_for(watcher: Watching, what: str) -> Callable[[], bool]:
    """A condition: the list says that the job waits for this, while all that has happened is settled."""

    def holds() -> bool:
        job = watcher.job
        return any(what in reason for reason in job["waits_for"]) and job["watcher"]["settling"] == 0

    return holds


def assert_all_arrives(
    watcher: Watching, fleet: Fleet, irods: iRODSSession, source: Path, target: str, files: int
) -> None:
    """Everything comes into the catalog by itself, and nothing is left to do."""
    wait_until(lambda: in_step(irods, source, target), watcher.alive, SECONDS)
    wait_until(at_rest(watcher), fleet.work)
    job = watcher.job
    assert (job["waits_for"], job["live"]["failed"], job["live"]["files"]) == ([], 0, files)
    assert job["live"]["done"] + job["live"]["unchanged"] == files
    assert fleet.end() == [0]


def test_a_burst_while_kafka_is_away_waits_on_disk(
    watch: Watch, fleet: Fleet, source: Path, home: str, created: Path, irods: iRODSSession, burst: Burst
) -> None:
    watcher = watch(home)
    before = watcher.memory()
    fleet.kafka.stop(signal.SIGKILL)
    with writing(source, *burst.split(FLAT, NESTED)[1]):
        pass
    wait_until(waits_for(watcher, "Kafka at "), watcher.alive)
    wait_until(lambda: watcher.job["watcher"]["spooled"] > 0, watcher.alive)
    assert watcher.memory() - before < MAX_GROWTH
    fleet.kafka.start()
    assert_all_arrives(watcher, fleet, irods, source, home, burst.files)
    creations = logged(created, home)
    assert (len(creations), len(set(creations))) == (burst.files, burst.files)
    assert fleet.said(0).count("[warning  ] out of reach, waiting") == 1
    assert "[warning" not in watcher.said()


def test_a_burst_while_redis_is_away_waits_on_disk(
    watch: Watch, fleet: Fleet, source: Path, home: str, created: Path, irods: iRODSSession, burst: Burst
) -> None:
    watcher = watch(home)
    before = watcher.memory()
    fleet.redis.stop()
    with writing(source, *burst.split(FLAT, NESTED)[1]):
        pass
    wait_until(lambda: watcher.said().count("still out of reach") >= 3, watcher.alive)
    assert watcher.memory() - before < MAX_GROWTH
    fleet.redis.start()
    assert_all_arrives(watcher, fleet, irods, source, home, burst.files)
    creations = logged(created, home)
    assert (len(creations), len(set(creations))) == (burst.files, burst.files)
    assert watcher.said().count("[warning  ] out of reach, waiting") == 1
    (note,) = watcher.job["watcher"]["notes"]
    assert "Redis at " in note


def test_a_burst_while_the_zone_is_away_waits(
    watch: Watch, fleet: Fleet, source: Path, created: Path, tmp_path: Path, burst: Burst
) -> None:
    (port,), target = free_ports(1), "/tempZone/home/rods/x"
    with running_zone(tmp_path / "zone", port=port) as zone:
        fleet.environment = zone.environment
        watcher = watch(target)
        zone.kill()
    with writing(source, *burst.split(FLAT, NESTED)[1]):
        pass
    wait_until(waits_for(watcher, ""), watcher.alive)
    with running_zone(tmp_path / "zone", port=port) as zone, zone.session() as session:
        assert_all_arrives(watcher, fleet, session, source, target, burst.files)
    creations = logged(created, target)
    assert len(creations) == len(set(creations))
    assert fleet.said(0).count("[warning  ] out of reach, waiting") == 1
