"""Bursts in `ingest-watch`: each file arrives once, also when the kernel's queue overflows or it is killed."""

from __future__ import annotations

import shutil
import signal
from collections.abc import Iterator
from pathlib import Path

import pytest
from irods.session import iRODSSession

from ingest.job import DEFAULT_FILES_PER_TASK
from tests.conftest import CommandLine, HandlerFile
from tests.support.bursts import Burst, image, overflow_queue, writing
from tests.support.integration import handler, hooks, logged, wait_until
from tests.support.watching import UNREGISTER, Watching, at_rest, in_step

SECONDS = 150


@pytest.fixture(
    params=[Burst(4_000, 240), pytest.param(Burst(8_000, 400), marks=pytest.mark.slow)], ids=lambda each: each.files
)
def burst(request: pytest.FixtureRequest) -> Burst:
    """What happens at once."""
    found: Burst = request.param
    return found


@pytest.fixture
def created(tmp_path: Path) -> Path:
    """Where the watcher's handler writes a line for each object that is created."""
    return tmp_path / "created"


@pytest.fixture
def watcher(
    scan: CommandLine, source: Path, home: str, handler_file: HandlerFile, created: Path, tmp_path: Path
) -> Iterator[Watching]:
    """Watches `source` into `home`; it has nothing to do."""
    handlers = handler_file(handler("REGISTER_SYNC", more=UNREGISTER + hooks(created, "post_data_obj_create")))
    options = ("--event_handler", handlers, "--workers", "2")
    watching = Watching(scan, source, home, *options, log=tmp_path / "watcher.log")
    wait_until(at_rest(watching))
    yield watching
    watching.kill()


def assert_adds_up(watcher: Watching) -> None:
    """Nothing has failed, in the latest scan nor live, and all that was met is accounted for."""
    job = watcher.job
    for counts, total in ((job["files"], "total"), (job["live"], "files")):
        assert (counts["failed"], counts["remaining"]) == (0, 0)
        assert counts[total] == counts["done"] + counts["unchanged"] + counts["skipped"]


def test_a_burst_arrives_whole_and_each_file_counts_once(
    watcher: Watching, source: Path, home: str, created: Path, irods: iRODSSession, burst: Burst
) -> None:
    with writing(source, range(burst.flat), range(burst.nested)):
        pass
    wait_until(lambda: watcher.job["live"]["done"] >= burst.files, watcher.alive, SECONDS)
    wait_until(at_rest(watcher), watcher.alive)
    assert in_step(irods, source, home)
    live = watcher.job["live"]
    assert (live["files"], live["done"], live["failed"], live["skipped"]) == (burst.files, burst.files, 0, 0)
    assert len(logged(created, home)) == burst.files
    assert watcher.job["watcher"]["missed"] == 0


def test_what_the_kernel_had_no_room_for_is_found_by_a_scan_and_nothing_is_created_twice(
    watcher: Watching, source: Path, home: str, created: Path, irods: iRODSSession, burst: Burst
) -> None:
    first, second = burst.split(burst.flat // 2, burst.nested // 2)
    watcher.process.send_signal(signal.SIGSTOP)  # and with it the thread that empties the queue
    with writing(source, *first):
        pass
    overflow_queue(source)
    with writing(source, *second):
        pass
    watcher.process.send_signal(signal.SIGCONT)
    wait_until(lambda: in_step(irods, source, home), watcher.alive, SECONDS)
    wait_until(at_rest(watcher), watcher.alive)
    creations = logged(created, home)
    assert (len(creations), len(set(creations))) == (burst.files + 2, burst.files + 2)
    assert_adds_up(watcher)
    told = watcher.job["watcher"]
    assert told["missed"] == 1
    assert "the queue of events has overflowed" in told["notes"][0]
    assert watcher.said().count("events were lost, scanning instead") == 1


def test_a_watcher_that_is_killed_in_a_burst_finds_what_happened_without_it(
    watcher: Watching, source: Path, home: str, created: Path, irods: iRODSSession, burst: Burst
) -> None:
    first, second = burst.split(burst.flat // 2, burst.nested // 2)
    with writing(source, *first):
        pass
    wait_until(lambda: len(logged(created, home)) > 200, watcher.alive)
    with writing(source, *second) as writers:
        wait_until((source / image(burst.flat - burst.flat // 3)).exists, watcher.alive)
        assert any(writer.is_alive() for writer in writers)
        watcher.kill()
    assert len(logged(created, home)) < burst.files // 2
    for number in range(0, burst.flat, 7):
        (source / image(number)).unlink()
    for number in range(1, burst.flat, 7):
        (source / image(number)).rename(source / f"renamed_{number}")
    shutil.rmtree(source / "run_0/day_1")
    (source / "run_0/day_2").rename(source / "run_1/day_2/inside")
    (source / "run_2").rename(source / "elsewhere")
    watcher.again()
    wait_until(lambda: in_step(irods, source, home), watcher.alive, SECONDS)
    wait_until(at_rest(watcher), watcher.alive)
    creations = logged(created, home)
    assert len(creations) - len(set(creations)) <= 2 * DEFAULT_FILES_PER_TASK  # hooks of its batches run once more
    assert_adds_up(watcher)
