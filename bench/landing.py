"""Measure `ingest-watch` from the closing of a file to its row in the catalog: latency, bursts, and an outage of Kafka.

Usage: python -m bench.landing [latency] [bursts] [outage] [--singles 300] [--flat 100000] [--nested 3000] [--quiet 0.2]

latency: files are closed one at a time. The latency is the time from closing to the catalog, minus --quiet, in seconds.
bursts: two processes write FLAT files into one directory, then NESTED new directories of 5 files each, as fast as they
    can. This is done with a normal event queue, and with the watcher stopped (SIGSTOP) until the queue has overflowed.
    The rate covers the time from the first write, or from SIGCONT, until all files are in the catalog. "scan" is the
    rate of `ingest-scan` for the same tree with as many workers. "lost" and "twice" must be 0.
outage: Kafka is stopped for a minute, while a fifth of FLAT is written. The watcher's memory before and its peak are
    printed.
"""

from __future__ import annotations

import argparse
import signal
import statistics
import tempfile
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from bench.operations import timed_ingest
from ingest.job import DEFAULT_FILES_PER_TASK
from tests.conftest import CommandLine
from tests.support.bursts import PER_DIRECTORY, overflow_queue, writing
from tests.support.catalog import catalog, tree
from tests.support.devzone_process import Zone, running_zone
from tests.support.fleet import Fleet
from tests.support.integration import wait_until
from tests.support.services import Kafka, Redis, running
from tests.support.watching import Watching, at_rest

HOME = "/tempZone/home/rods"
WORKERS = 2
STUCK_SECONDS = 60.0
"""Seconds without a new object until the measurement ends."""
REST_SECONDS = 600.0
OUTAGE_SECONDS = 60.0
HANDLER = """
from ingest import Core, Operation
class event_handler(Core):
    @staticmethod
    def operation(session, meta, **options):
        return Operation.REGISTER_SYNC
    @staticmethod
    def post_data_obj_create(module, logger, session, meta, *args, **options):
        with open({log!r}, "a") as out:
            out.write(meta["target"] + "\\n")
"""


class Landing:
    """A source, a watcher on it, and a log of the objects that are created."""

    def __init__(self, command: CommandLine, folder: Path, name: str, *options: str) -> None:
        self.source = folder / name
        self.source.mkdir()
        self.target = f"{HOME}/{name}"
        self.log = folder / f"{name}.created"
        self.log.touch()
        self.handler = folder / f"{name}.py"
        self.handler.write_text(HANDLER.format(log=str(self.log)))
        options = ("--event_handler", str(self.handler), *options)
        self.watching = Watching(command, self.source, self.target, *options, log=folder / f"{name}.log")
        wait_until(at_rest(self.watching))

    def arrive(self, files: int) -> float:
        """Wait for ``files`` objects, or STUCK_SECONDS without a new one; returns the last one's monotonic time."""
        seen, last = 0, time.monotonic()
        while seen < files and time.monotonic() - last < STUCK_SECONDS:
            time.sleep(0.1)
            found = self.log.read_bytes().count(b"\n")
            if found > seen:
                seen, last = found, time.monotonic()
        return last

    def verdict(self, zone: Zone) -> str:
        """Count the files that the catalog lacks or has with other properties, and the objects created repeatedly."""
        wait_until(at_rest(self.watching), self.watching.alive, REST_SECONDS)
        with zone.session() as session:
            there = catalog(session, self.target)
        lost = len(tree(self.source, self.target).items() - there.items())
        created = self.log.read_text().splitlines()
        return f"lost {lost}   twice {len(created) - len(set(created))}"


@contextmanager
def landing(command: CommandLine, folder: Path, name: str, *options: str) -> Iterator[Landing]:
    """A source with a running watcher."""
    one = Landing(command, folder, name, "--workers", str(WORKERS), *options)
    try:
        yield one
    finally:
        one.watching.kill()


@contextmanager
def deployed(folder: Path, zone: Zone) -> Iterator[Fleet]:
    """Run Kafka, Redis and a consumer."""
    for each in ("kafka", "redis"):
        (folder / each).mkdir()
    kafka, redis = Kafka(folder / "kafka"), Redis(folder / "redis")
    with running(kafka), running(redis):
        fleet = Fleet(folder / "fleet" / "state.db", zone.environment, kafka, redis, folder)
        fleet.add(WORKERS)
        try:
            yield fleet
        finally:
            fleet.kill()


def latencies(one: Landing, zone: Zone, count: int, quiet: float) -> list[float]:
    """Sorted latencies of files that are closed one at a time: seconds from closing to the catalog, minus ``quiet``."""
    late = []
    with zone.session() as session:
        for number in range(count):
            path = one.source / f"single_{number}"
            path.write_bytes(b"x")
            closed = time.monotonic()
            time.sleep(0.9 * quiet)
            while not session.data_objects.exists(f"{one.target}/{path.name}"):
                time.sleep(0.005)
            late.append(time.monotonic() - closed - quiet)
    return sorted(late)


def measure_latency(folder: Path, count: int, quiet: float) -> None:
    """Print one line for each set-up. The targets are a median of 1 s and a 99th percentile of 2 s."""
    for name, latency, shared in (("alone", "none", False), ("alone", "real", False), ("Kafka", "real", True)):
        place = folder / f"latency-{name}-{latency}"
        place.mkdir()
        with running_zone(place / "zone", latency=latency) as zone:
            alone = CommandLine(place / "state" / "state.db", zone.environment)
            if shared:
                with deployed(place, zone) as fleet, landing(fleet, place, "single", "--quiet", str(quiet)) as one:
                    late = latencies(one, zone, count, quiet)
            else:
                with landing(alone, place, "single", "--quiet", str(quiet)) as one:
                    late = latencies(one, zone, count, quiet)
        median, worst = statistics.median(late), late[max(0, round(0.99 * len(late)) - 1)]
        print(
            f"{name + ', ' + latency + ' zone':20} median {median:6.3f} s ({median:5.2f} of the 1 s allowed)"
            f"   99th percentile {worst:6.3f} s ({worst / 2:5.2f} of the 2 s allowed)   last {late[-1]:6.3f} s",
            flush=True,
        )


def measure_bursts(folder: Path, flat: int, nested: int) -> None:
    """Print one line for each burst, with a normal and an overflowed queue."""
    with running_zone(folder / "zone") as zone:
        for kind, files, directories in (("flat", flat, 0), ("nested", 0, nested)):
            for overflow in (False, True) if files + directories else ():
                name = f"{kind}-{'overflow' if overflow else 'normal'}"
                command = CommandLine(folder / f"{name}-state" / "state.db", zone.environment)
                with landing(command, folder, name) as one:
                    one_burst(one, zone, folder, name, files, directories, overflow=overflow)


def one_burst(one: Landing, zone: Zone, folder: Path, name: str, flat: int, nested: int, *, overflow: bool) -> None:
    """Run one burst, scan the same tree, and print one line."""
    if overflow:
        one.watching.process.send_signal(signal.SIGSTOP)
    began, count = time.monotonic(), flat + nested * PER_DIRECTORY
    with writing(one.source, range(flat), range(nested)):
        pass
    if overflow:
        overflow_queue(one.source)  # new directories do not fill the queue: their contents are not watched yet
        began, count = time.monotonic(), count + 2
        one.watching.process.send_signal(signal.SIGCONT)
    ours = one.arrive(count) - began
    verdict = one.verdict(zone)
    job = one.watching.job
    one.watching.kill()
    options = ("--event_handler", str(one.handler), "--state", str(folder / f"{name}-scan.db"))
    scan = timed_ingest(zone.environment, one.source, f"{HOME}/{name}-scan", WORKERS, *options)
    print(
        f"{name:16} {count:7,} files   {verdict}   overflows {job['watcher']['missed']}"
        f"   live {job['live']['files']:7,}   {count / ours:6.0f} files/s   scan {count / scan:6.0f}"
        f"   ratio {scan / ours:5.2f}",
        flush=True,
    )


def measure_outage(folder: Path, files: int) -> None:
    """Print one line on a burst during which Kafka is stopped for a minute."""
    place = folder / "outage"
    place.mkdir()
    options = ("--files_per_task", str(DEFAULT_FILES_PER_TASK // 5))  # so that not all files are in flight at once
    with (
        running_zone(place / "zone") as zone,
        deployed(place, zone) as fleet,
        landing(fleet, place, "burst", *options) as one,
    ):
        with writing(one.source, range(files // 10), range(0)):
            pass
        one.arrive(files // 100)
        before = one.watching.memory()
        fleet.kafka.stop(signal.SIGKILL)
        end = time.monotonic() + OUTAGE_SECONDS
        with writing(one.source, range(files // 10, files), range(0)):
            pass
        time.sleep(max(0.0, end - time.monotonic()))
        spooled, peak = one.watching.job["watcher"]["spooled"], one.watching.memory("VmHWM")
        fleet.kafka.start()
        began = time.monotonic()
        seconds = one.arrive(files) - began
        verdict = one.verdict(zone)
        print(
            f"Kafka stopped {OUTAGE_SECONDS:.0f} s   {files:7,} files   {verdict}   spooled {spooled:,}"
            f"   resident {before / 2**20:.1f} MiB, peak {peak / 2**20:.1f} MiB ({peak / before:.2f})"
            f"   all in the catalog {seconds:.0f} s later",
            flush=True,
        )


def main() -> None:
    """Measure the requested parts, by default all."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("parts", nargs="*", choices=("latency", "bursts", "outage", []), default=[])
    parser.add_argument("--singles", type=int, default=300)
    parser.add_argument("--flat", type=int, default=100_000)
    parser.add_argument("--nested", type=int, default=3_000)
    parser.add_argument("--quiet", type=float, default=0.2)
    options = parser.parse_args()
    parts = options.parts or ["latency", "bursts", "outage"]
    with tempfile.TemporaryDirectory() as name:
        if "latency" in parts:
            measure_latency(Path(name), options.singles, options.quiet)
        if "bursts" in parts:
            measure_bursts(Path(name), options.flat, options.nested)
        if "outage" in parts:
            measure_outage(Path(name), options.flat // 5)


if __name__ == "__main__":
    main()
