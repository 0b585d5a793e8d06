"""A watched source of which too much vanishes at once keeps its objects until somebody allows more."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest
from irods.session import iRODSSession

from tests.conftest import CommandLine, HandlerFile
from tests.integration.watching.buckets import Watch, watch
from tests.support.integration import handler, rows, wait_until
from tests.support.s3_servers import Bucket, S3Server
from tests.support.watching import UNREGISTER, Watching, at_rest

__all__ = ["watch"]

NAMES = {f"d/f{number}" for number in range(8)}
LIMIT = ("--max-delete", "3")
REFUSAL = "objects and collections would be deleted, more than --max-delete 3"


@pytest.fixture
def watching(
    scan: CommandLine, source: Path, home: str, handler_file: HandlerFile, tmp_path: Path
) -> Iterator[Watching]:
    """A watcher on a directory that has eight files, and may delete three at once."""
    (source / "d").mkdir()
    for name in NAMES:
        (source / name).write_text(name)
    file = handler_file(handler("REGISTER_SYNC", more=UNREGISTER))
    options = ("--event_handler", file, "--quiet", "0.2", *LIMIT)
    started = Watching(scan, source, home, *options, log=tmp_path / "said")
    yield started
    started.kill()


def test_too_many_files_that_vanish_stay_in_the_catalog_and_few_do_not(
    watching: Watching, source: Path, home: str, irods: iRODSSession
) -> None:
    wait_until(lambda: set(rows(irods, home)) == NAMES, watching.alive)
    (source / "d/f0").unlink()
    wait_until(lambda: set(rows(irods, home)) == NAMES - {"d/f0"}, watching.alive)
    wait_until(at_rest(watching), watching.alive)
    for number in range(1, 6):
        (source / f"d/f{number}").unlink()
    (source / "d/new").write_text("new")
    wait_until(lambda: REFUSAL in watching.said(), watching.alive)
    wait_until(at_rest(watching), watching.alive)
    assert set(rows(irods, home)) == NAMES - {"d/f0"} | {"d/new"}


def test_too_many_objects_of_a_bucket_that_vanish_stay_in_the_catalog_and_few_do_not(
    minio_server: S3Server, watch: Watch, irods: iRODSSession
) -> None:
    bucket = Bucket(minio_server)
    for name in NAMES:
        bucket.put(f"p/{name}")
    watching = watch(bucket, "--notifications", "listen", *LIMIT)
    watching.wait_in_step(irods)
    bucket.remove("p/d/f0")
    watching.wait_in_step(irods)
    wait_until(at_rest(watching), watching.alive)
    bucket.remove(*(f"p/d/f{number}" for number in range(1, 6)))
    bucket.put("p/d/new")
    wait_until(lambda: REFUSAL in watching.said(), watching.alive)
    wait_until(at_rest(watching), watching.alive)
    assert set(rows(irods, watching.target)) == NAMES - {"d/f0"} | {"d/new"}
