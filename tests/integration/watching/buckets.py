"""A watcher on a bucket, and what the catalog has when it is in step with it."""

from __future__ import annotations

import random
from collections.abc import Callable, Iterator, Mapping
from pathlib import Path

import pytest
from irods.session import iRODSSession

from tests.conftest import CommandLine, HandlerFile
from tests.support.catalog import Rows, catalog
from tests.support.integration import collections, deleting, handler, wait_until
from tests.support.s3_servers import Bucket
from tests.support.watching import Watching

REGISTER = handler("REGISTER_SYNC", more=deleting("UNREGISTER"))
PREFIX = "p"


class S3Watching(Watching):
    """A watcher on what lies below `PREFIX` in a bucket."""

    def __init__(
        self,
        scan: CommandLine,
        bucket: Bucket,
        target: str,
        *options: str | Path,
        log: Path,
        environ: Mapping[str, str],
    ) -> None:
        self.bucket, self.target = bucket, target
        more = [*bucket.server.options(), "--workers", "2", *options]
        everything = bucket.server.environ | dict(environ)
        super().__init__(scan, bucket.url(PREFIX), target, *more, log=log, environ=everything)

    def wait_in_step(self, irods: iRODSSession) -> None:
        """Return when the catalog is what the bucket is."""
        wait_until(lambda: in_step(irods, self.bucket, self.target), self.alive)


Watch = Callable[..., S3Watching]


@pytest.fixture
def watch(scan: CommandLine, home: str, handler_file: HandlerFile, tmp_path: Path) -> Iterator[Watch]:
    """Starts a watcher on a bucket that registers, and unregisters what is gone."""
    started: list[S3Watching] = []

    def start(
        bucket: Bucket,
        *options: str,
        body: str = REGISTER,
        environ: Mapping[str, str] | None = None,
        target: str = home,
    ) -> S3Watching:
        options = ("--event_handler", str(handler_file(body)), *options)
        started.append(S3Watching(scan, bucket, target, *options, log=tmp_path / "said", environ=environ or {}))
        return started[-1]

    yield start
    for each in started:
        if each.alive():
            each.kill()


def listed(bucket: Bucket, target: str) -> Rows:
    """What `catalog` must give for a bucket that was registered."""
    rows: Rows = {}
    for found in bucket.client.list_objects(bucket.name, f"{PREFIX}/", recursive=True):
        assert found.object_name is not None
        assert found.last_modified is not None
        path = found.object_name.removeprefix(f"{PREFIX}/")
        rows[f"{target}/{path}"] = (
            found.size or 0,
            int(found.last_modified.timestamp()),
            f"/{bucket.name}/{PREFIX}/{path}",
        )
    return rows


def in_step(irods: iRODSSession, bucket: Bucket, target: str) -> bool:
    """Whether the catalog has an object for each one of the bucket, and no other; likewise collections."""
    wanted = listed(bucket, target)
    parents = {path.rpartition("/")[0] for path in wanted} - {target}
    while above := {each.rpartition("/")[0] for each in parents} - parents - {target}:
        parents |= above
    return (
        irods.collections.exists(target)
        and catalog(irods, target) == wanted
        and collections(irods, target) == {each.removeprefix(f"{target}/") for each in parents}
    )


def change_much(bucket: Bucket, seed: int) -> None:
    """Write, overwrite and delete objects, and leave some of each kind."""
    choose = random.Random(seed)
    for number in range(60):
        bucket.put(f"p/{choose.randrange(4)}/{choose.randrange(12)}", b"x" * (seed * 100 + number))
        if number % 3 == 0:
            bucket.remove(f"p/{choose.randrange(4)}/{choose.randrange(12)}")
