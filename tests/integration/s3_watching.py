"""A watcher on a bucket, and what the catalog has when it is in step with it."""

from __future__ import annotations

import os
import signal
from collections.abc import Callable, Iterator, Mapping
from subprocess import Popen

import pytest
from irods.session import iRODSSession

from tests.conftest import CommandLine, HandlerFile
from tests.integration.support import collections, deleting, handler, wait_until
from tests.support.catalog import Rows, catalog
from tests.support.s3_servers import Bucket

END_SECONDS = 30
REGISTER = handler("REGISTER_SYNC", more=deleting("UNREGISTER"))
PREFIX = "p"


class S3Watching:
    """A watcher on what lies below `PREFIX` in a bucket; `again` starts another one with the same command."""

    def __init__(self, scan: CommandLine, bucket: Bucket, target: str, *options: str | os.PathLike[str]) -> None:
        self.scan, self.bucket, self.target = scan, bucket, target
        self.environ = dict(bucket.server.environ)
        self.arguments = [bucket.url(PREFIX), target, *bucket.server.options(), "--workers", "2", *options]
        self.process: Popen[str]
        self.told = ""

    def again(self) -> None:
        """Start it and wait until it listens."""
        self.process = self.scan.process(*self.arguments, program="watcher", **self.environ)
        assert self.process.stderr is not None
        for line in iter(self.process.stderr.readline, ""):
            self.told += line
            if "watches" in line:
                return
        raise AssertionError(self.told)

    def end(self, number: int = signal.SIGTERM) -> int:
        """Its exit status."""
        self.process.send_signal(number)
        out, err = self.process.communicate(timeout=END_SECONDS)
        self.told += out + err
        return self.process.returncode

    def wait_in_step(self, irods: iRODSSession) -> None:
        """Return when the catalog is what the bucket is."""
        wait_until(lambda: in_step(irods, self.bucket, self.target), lambda: self.process.poll() is None)


Watch = Callable[..., S3Watching]


@pytest.fixture
def watch(scan: CommandLine, home: str, handler_file: HandlerFile) -> Iterator[Watch]:
    """Starts a watcher on a bucket that registers, and unregisters what is gone."""
    started: list[S3Watching] = []

    def start(
        bucket: Bucket, *options: str, body: str = REGISTER, environ: Mapping[str, str] | None = None
    ) -> S3Watching:
        watching = S3Watching(scan, bucket, home, "--event_handler", handler_file(body), *options)
        watching.environ |= environ or {}
        started.append(watching)
        watching.again()
        return watching

    yield start
    for each in started:
        if each.process.poll() is None:
            each.end(signal.SIGKILL)


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
