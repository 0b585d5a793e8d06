"""The store of a watcher is restored from an older copy: the watcher goes on, and everything arrives."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
from irods.session import iRODSSession

from tests.conftest import HandlerFile
from tests.support.fleet import Fleet, fleet, kafka, redis
from tests.support.integration import handler, wait_until
from tests.support.watching import UNREGISTER, Watching, at_rest, in_step

__all__ = ["fleet", "kafka", "redis"]

FILES = 60
SECONDS = 120


@pytest.fixture
def watch(
    fleet: Fleet, source: Path, home: str, handler_file: HandlerFile, tmp_path: Path
) -> Iterator[Callable[[], Watching]]:
    """Starts a watcher on `source`."""
    started = []

    def start() -> Watching:
        options = ("--event_handler", handler_file(handler("REGISTER_SYNC", more=UNREGISTER)))
        started.append(Watching(fleet, source, home, *options, "--quiet", "0.2", log=tmp_path / "watcher.log"))
        return started[-1]

    yield start
    for each in started:
        each.kill()


def write(source: Path, name: str) -> None:
    (source / name).mkdir()
    for number in range(FILES):
        (source / name / f"f{number}").write_text(str(number))


def test_a_job_that_the_store_does_not_know_any_more_is_submitted_again(
    watch: Callable[[], Watching], fleet: Fleet, source: Path, home: str, irods: iRODSSession
) -> None:
    assert fleet.jobs()["periodic"] == []
    fleet.redis.keep_copy()
    fleet.add()
    write(source, "before")
    watcher = watch()
    wait_until(lambda: in_step(irods, source, home), watcher.alive, SECONDS)
    fleet.redis.stop()
    write(source, "meanwhile")
    (source / "before/f1").unlink()
    fleet.redis.restore()
    fleet.redis.start()
    wait_until(lambda: in_step(irods, source, home), watcher.alive, SECONDS)
    wait_until(at_rest(watcher), watcher.alive, SECONDS)
    assert watcher.job["watcher"]["missed"] == 1
    assert "the store does not know job" in watcher.said()
    assert watcher.end()[0] == 0


def test_what_was_published_and_lost_by_the_store_is_scanned(
    watch: Callable[[], Watching], fleet: Fleet, source: Path, home: str, irods: iRODSSession
) -> None:
    write(source, "before")
    fleet.add()
    watcher = watch()
    wait_until(lambda: in_step(irods, source, home), watcher.alive, SECONDS)
    wait_until(at_rest(watcher), watcher.alive, SECONDS)
    fleet.redis.keep_copy()
    assert fleet.end() == [0]
    fleet.consumers.clear()
    write(source, "published")
    wait_until(lambda: watcher.job["live"]["files"] >= FILES, watcher.alive, SECONDS)
    wait_until(lambda: watcher.job["watcher"]["spooled"] == 0, watcher.alive, SECONDS)
    fleet.redis.stop()
    fleet.redis.restore()
    fleet.redis.start()
    fleet.add()
    wait_until(lambda: in_step(irods, source, home), watcher.alive, SECONDS)
    assert "the store has not what was published" in watcher.said()
    assert watcher.end()[0] == 0


def test_a_second_watcher_of_the_same_job_is_refused_while_the_first_lives(
    watch: Callable[[], Watching], fleet: Fleet, source: Path, home: str, irods: iRODSSession, tmp_path: Path
) -> None:
    write(source, "before")
    fleet.add()
    watcher = watch()
    handlers = tmp_path / "handler.py"
    elsewhere = ("--spool", tmp_path / "of another machine")
    ran = fleet(source, home, "--event_handler", handlers, "--quiet", "0.2", *elsewhere, program="watcher")
    name = watcher.job["job_name"]
    assert (ran.status, ran.err.splitlines()[-1]) == (
        1,
        f"ingest-watch: job {name} is running in another process: see `ingest-scan watch {name}`",
    )
    wait_until(lambda: in_step(irods, source, home), watcher.alive, SECONDS)
    watcher.kill()
    watcher.again()
    assert watcher.end()[0] == 0
