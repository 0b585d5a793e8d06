"""The source itself is removed, made again, renamed away and back: nothing is lost or deleted, and it is said once."""

from __future__ import annotations

import shutil
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
from irods.meta import iRODSMeta
from irods.models import DataObject
from irods.session import iRODSSession

from tests.conftest import CommandLine, HandlerFile
from tests.support.integration import avus, handler, rows, wait_until
from tests.support.watching import UNREGISTER, Watching, in_step

AWAY = "the source is not visible"


@pytest.fixture(params=["inotify", "polling"])
def watching(
    request: pytest.FixtureRequest, scan: CommandLine, source: Path, home: str, handler_file: HandlerFile,
    irods: iRODSSession, tmp_path: Path,
) -> Iterator[Watching]:  # fmt: skip
    """Watches `source` into `home`, registers, unregisters what is gone; in step. It scans again and again."""
    fill(source, "kept", "gone", "d/kept", "d/e/gone")
    options = ("--event_handler", handler_file(handler("REGISTER_SYNC", more=UNREGISTER)), "--workers", "2")
    often = ("--backend", request.param, "--poll-interval", "0.3", "--quiet", "0.2", "--reconcile-interval", "1")
    watching = Watching(scan, source, home, *options, *often, log=tmp_path / "watcher.log")
    wait_until(lambda: in_step(irods, source, home))
    yield watching
    watching.kill()


def fill(source: Path, *names: str) -> None:
    for name in names:
        (source / name).parent.mkdir(parents=True, exist_ok=True)
        (source / name).write_text("x")


def is_away(watching: Watching) -> bool:
    return bool(watching.job["watcher"]["away"])


def scanned_again(watching: Watching, times: int = 2) -> Callable[[], bool]:
    """A condition: so many more scans have been asked for since now; one that does not see the source waits."""
    before = watching.job["passes"] + watching.job["passes_skipped"]
    return lambda: watching.job["passes"] + watching.job["passes_skipped"] >= before + times


def back(watching: Watching, source: Path, home: str, irods: iRODSSession) -> None:
    """The source is in sight again, in step, and watched."""
    wait_until(lambda: in_step(irods, source, home))
    wait_until(lambda: not is_away(watching))
    fill(source, "afterwards", "new/below/afterwards")
    wait_until(lambda: in_step(irods, source, home))
    assert watching.said().count(AWAY) == 1


def test_a_source_that_is_removed_and_made_again_is_in_step(
    watching: Watching, source: Path, home: str, irods: iRODSSession
) -> None:
    before = rows(irods, home)
    shutil.rmtree(source)
    wait_until(lambda: is_away(watching))
    wait_until(lambda: "this host does not see" in watching.said())
    source.mkdir()
    fill(source, "kept", "new/file")
    back(watching, source, home, irods)
    assert before.keys() & rows(irods, home).keys() == {"kept"}


def test_a_source_that_is_made_again_and_stays_empty_deletes_nothing(
    watching: Watching, source: Path, home: str, irods: iRODSSession
) -> None:
    source.rename(source.with_name("away"))
    source.mkdir()
    wait_until(lambda: AWAY in watching.said())
    wait_until(scanned_again(watching))
    assert rows(irods, home).keys() == {"kept", "gone", "d/kept", "d/e/gone"}


def test_a_source_that_is_renamed_away_and_back_has_lost_nothing(
    watching: Watching, source: Path, home: str, irods: iRODSSession
) -> None:
    irods.metadata.add(DataObject, f"{home}/d/kept", iRODSMeta("name", "value", "kept"))
    away = source.with_name("away")
    source.rename(away)
    fill(away, "heard", "d/heard")  # of who watches still, perhaps
    (away / "gone").unlink()
    wait_until(lambda: is_away(watching))
    wait_until(lambda: "this host does not see" in watching.said())
    (away / "d/e/gone").unlink()
    fill(away, "new/file")
    assert rows(irods, home).keys() >= {"kept", "d/kept", "d/e/gone"}
    away.rename(source)
    back(watching, source, home, irods)
    assert avus(irods, home) == [("d/kept", "name", "value", "kept")]


def test_what_took_the_place_of_the_source_is_the_source(
    watching: Watching, source: Path, home: str, irods: iRODSSession
) -> None:
    other = source.with_name("other")
    fill(other, "kept", "other/file")
    source.rename(source.with_name("away"))
    other.rename(source)
    wait_until(lambda: AWAY in watching.said())
    back(watching, source, home, irods)
    assert rows(irods, home).keys() == {"kept", "other/file", "afterwards", "new/below/afterwards"}
