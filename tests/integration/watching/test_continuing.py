"""What a watcher makes of what an earlier one has left: of another job nothing, of its own what is still to be done."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
from irods.meta import iRODSMeta
from irods.models import DataObject
from irods.session import iRODSSession

from tests.conftest import CommandLine, HandlerFile
from tests.support.integration import avus, handler, rows, wait_until
from tests.support.watching import UNREGISTER, Watching, at_rest, in_step, job
from watcher.events import Move
from watcher.spool import Spool

Watch = Callable[..., Watching]


@pytest.fixture
def watch(scan: CommandLine, source: Path, home: str, handler_file: HandlerFile, tmp_path: Path) -> Iterator[Watch]:
    """Starts a watcher on `source`, in which there is a file `kept`, that registers and unregisters what is gone."""
    (source / "kept").write_text("x")
    started: list[Watching] = []

    def start(*options: str | Path, more: str = "") -> Watching:
        body = handler("REGISTER_SYNC", more=UNREGISTER + more)
        usual: list[str | Path] = ["--event_handler", handler_file(body), "--workers", "2", "--quiet", "0.3"]
        started.append(Watching(scan, source, home, *usual, *options, log=tmp_path / "log"))
        return started[-1]

    yield start
    for each in started:
        each.kill()


def test_what_a_stopped_job_has_left_in_the_spool_does_not_happen_to_a_new_one(
    watch: Watch, scan: CommandLine, source: Path, home: str, irods: iRODSSession, tmp_path: Path
) -> None:
    (source / "x").write_text("of today")
    scan.ingest(source, home)
    irods.metadata.add(DataObject, f"{home}/x", iRODSMeta("is", "x", "y"))
    spool = Spool(tmp_path / "spool.db")
    spool.put([Move(b"x", b"y", directory=False)])  # of what was called x before
    spool.close()
    watching = watch("--spool", tmp_path / "spool.db")
    wait_until(at_rest(watching))
    (source / "new").write_text("x")
    wait_until(lambda: in_step(irods, source, home))
    assert (set(rows(irods, home)), avus(irods, home)) == ({"kept", "x", "new"}, [("x", "is", "x", "y")])
    assert job(scan)["live"]["moved"] == 0
