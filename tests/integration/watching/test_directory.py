"""`ingest-watch`: what happens in the source is in the catalog a moment later."""

from __future__ import annotations

import shutil
import signal
from collections.abc import Iterator
from pathlib import Path

import pytest
from irods.meta import iRODSMeta
from irods.models import DataObject
from irods.session import iRODSSession

from tests.conftest import CommandLine, HandlerFile
from tests.support.integration import avus, collections, handler, rows, wait_until
from tests.support.watching import END_SECONDS, UNREGISTER, Watching, at_rest, in_step, job


@pytest.fixture
def watcher(
    scan: CommandLine, source: Path, home: str, handler_file: HandlerFile, tmp_path: Path
) -> Iterator[Watching]:
    """Watches `source` into `home`, registers, and unregisters what is gone."""
    (source / "before").write_text("x")
    handlers = handler_file(handler("REGISTER_SYNC", more=UNREGISTER))
    options = ("--event_handler", handlers, "--quiet", "0.3", "--workers", "2")
    watching = Watching(scan, source, home, *options, log=tmp_path / "watcher.log")
    yield watching
    watching.kill()


@pytest.mark.usefixtures("watcher")
def test_files_and_nested_directories_arrive_change_and_go(source: Path, home: str, irods: iRODSSession) -> None:
    wait_until(lambda: in_step(irods, source, home))
    (source / "new").write_text("1")
    (source / "d/e").mkdir(parents=True)
    (source / "d/e/f").write_text("1")
    (source / "empty").mkdir()
    wait_until(lambda: in_step(irods, source, home))
    (source / "new").write_text("longer")
    wait_until(lambda: rows(irods, home)["new"][0].size == 6)
    (source / "new").unlink()
    shutil.rmtree(source / "d")
    wait_until(lambda: in_step(irods, source, home))
    assert set(rows(irods, home)) == {"before"}


def test_a_move_is_one_rename_that_keeps_avus_and_updates_physical_paths(
    watcher: Watching, source: Path, home: str, irods: iRODSSession
) -> None:
    (source / "d/e").mkdir(parents=True)
    (source / "d/e/f").write_text("1")
    (source / "a").write_text("1")
    wait_until(lambda: in_step(irods, source, home))
    wait_until(at_rest(watcher))  # a scan may come across a new name before the move is made
    for path in ("a", "d/e/f"):
        irods.metadata.add(DataObject, f"{home}/{path}", iRODSMeta("name", path, "kept"))
    (source / "a").rename(source / "b")
    (source / "d").rename(source / "moved")
    (source / "moved/e/f").rename(source / "moved/g")
    wait_until(lambda: in_step(irods, source, home))
    assert avus(irods, home) == [("b", "name", "a", "kept"), ("moved/g", "name", "d/e/f", "kept")]
    assert {row.path for (row,) in rows(irods, home).values()} == {
        str(source / each) for each in ("b", "before", "moved/g")
    }


def test_what_happens_while_a_killed_watcher_is_away_is_found_by_the_same_command(
    watcher: Watching, scan: CommandLine, source: Path, home: str, irods: iRODSSession
) -> None:
    wait_until(lambda: in_step(irods, source, home))
    for number in range(300):
        (source / f"f{number}").write_text("x")
    watcher.end(signal.SIGKILL)
    (source / "before").unlink()
    (source / "meanwhile").write_text("x")
    watcher.again()
    wait_until(lambda: in_step(irods, source, home))
    status, told = watcher.end()
    assert (status, "Run the same command to continue" in told) == (0, True)
    assert len(scan.jobs()["periodic"]) == 1


def test_a_watcher_ends_when_its_job_is_stopped(watcher: Watching, scan: CommandLine) -> None:
    name = job(scan)["job_name"]
    assert scan("stop", name).status == 0
    assert watcher.process.wait(END_SECONDS) == 0
    assert scan.jobs()["stopped"][0]["job_name"] == name


@pytest.mark.usefixtures("watcher")
def test_of_nested_directories_that_come_at_once_each_gets_its_collection(
    source: Path, home: str, irods: iRODSSession, scan: CommandLine
) -> None:
    wait_until(lambda: in_step(irods, source, home))
    made = {f"{top}/x/y/z" for top in range(40)}
    for each in made:
        (source / each).mkdir(parents=True)
    wait_until(lambda: made <= collections(irods, home))
    assert scan.jobs()["periodic"][0]["failed_tasks"] == 0
