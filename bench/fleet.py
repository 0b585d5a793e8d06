"""Measure registration with 1, 2, 4 and 8 workers, Kafka and Redis. Compare it with bare loops of as many clients.

Usage: python -m bench.fleet [--files 3000]

The zone is the development zone with the answer times of a real server. The time of a job begins at its start, when the
consumers are ready, and ends when the job ends. The time of a bare loop includes the starts and logins of its clients.
"""

from __future__ import annotations

import argparse
import tempfile
from pathlib import Path

from bench.operations import timed_bare, timed_ingest
from ingest.store.redis import RedisStore
from tests.support.devzone_process import running_zone
from tests.support.fleet import Fleet
from tests.support.integration import wait_until
from tests.support.services import Kafka, Redis, running

WORKERS = (1, 2, 4, 8)
PARTITIONS = 12
FIRST = 50
HOME = "/tempZone/home/rods"


def timed_fleet(fleet: Fleet, first: Path, source: Path, workers: int) -> float:
    """Seconds of a job with ``workers`` workers in total, in one consumer or two.

    A job with the directory ``first`` runs before it, so that all workers have their partitions and have logged in.
    """
    consumers = min(workers, 2)
    for _ in range(consumers):
        fleet.add(workers // consumers)
    store = RedisStore(fleet.redis.url)
    wait_until(lambda: len(store.consumers.alive()) == consumers, fleet.work)
    store.close()
    where = ("--kafka", fleet.kafka.bootstrap, "--redis", fleet.redis.url, "--synchronous")
    timed_ingest(fleet.environment, first, f"{HOME}/first-{workers}", workers, *where, "--files_per_task", "1")
    seconds = timed_ingest(fleet.environment, source, f"{HOME}/fleet-{workers}", workers, *where)
    fleet.end()
    fleet.consumers.clear()
    return seconds


def fill(source: Path, files: int) -> None:
    source.mkdir()
    for number in range(files):
        (source / f"f{number}").write_bytes(b"x" * 1000)


def measure(fleet: Fleet, folder: Path, count: int) -> None:
    """Print one line for each number of workers."""
    fill(folder / "first", FIRST)
    fill(folder / "source", count)
    files = [str(path) for path in (folder / "source").iterdir()]
    print("workers   files/s   speed-up   bare loop   ratio", flush=True)
    single = 0.0
    for workers in WORKERS:
        loop = timed_bare(fleet.environment, "register", f"{HOME}/bare-{workers}", files, workers)
        ours = timed_fleet(fleet, folder / "first", folder / "source", workers)
        single = single or ours
        print(
            f"{workers:7} {count / ours:9.0f} {single / ours:10.2f} {count / loop:11.0f} {loop / ours:7.2f}", flush=True
        )


def main() -> None:
    """Start the servers, and measure."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--files", type=int, default=3000)
    count = parser.parse_args().files
    with tempfile.TemporaryDirectory() as name, running_zone(Path(name) / "zone", latency="real") as zone:
        folder = Path(name)
        for each in ("kafka", "redis"):
            (folder / each).mkdir()
        kafka, redis = Kafka(folder / "kafka"), Redis(folder / "redis")
        with running(kafka), running(redis):
            fleet = Fleet(folder / "state.db", zone.environment, kafka, redis, folder, partitions=PARTITIONS)
            try:
                measure(fleet, folder, count)
            finally:
                fleet.kill()


if __name__ == "__main__":
    main()
