"""`ingest-watch` of a bucket: what happens there is in the catalog a moment later, whichever way it is told."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest
from irods.session import iRODSSession

from tests.integration.watching.buckets import Watch, watch
from tests.integration.watching.notified import Notified, by_kafka, by_sqs, by_webhook
from tests.support.integration import deleting, handler, rows, sha2, wait_until
from tests.support.s3_servers import Bucket, S3Server
from tests.support.watching import at_rest

__all__ = ["watch"]

LISTEN = ("--notifications", "listen")


@pytest.fixture(params=["listen", "kafka minio", "kafka versitygw", "webhook minio", "webhook versitygw", "sqs"])
def notified(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[Notified]:
    """A bucket on a server that notifies in each of the ways."""
    way, _, name = request.param.partition(" ")
    if way == "listen":
        yield Notified(Bucket(request.getfixturevalue("minio_server")), LISTEN, {})
    elif way == "sqs":
        yield by_sqs(request.getfixturevalue("moto_server"))
    else:
        folder = tmp_path / "server"
        folder.mkdir()
        bootstrap = request.getfixturevalue("kafka_bootstrap") if way == "kafka" else ""
        with by_kafka(name, folder, bootstrap) if way == "kafka" else by_webhook(name, folder) as found:
            yield found


def test_objects_that_are_written_changed_and_deleted_are_followed(
    notified: Notified, watch: Watch, irods: iRODSSession
) -> None:
    bucket = notified.bucket
    for key in ("p/before", "p/stays", "other"):
        bucket.put(key)
    watching = watch(bucket, *notified.options, environ=notified.environ)
    notified.tell()
    watching.wait_in_step(irods)
    for key in ("a", "d/e/f", "d/x", "ü %20+"):
        bucket.put(f"p/{key}", key.encode())
    bucket.put("pq/x")
    watching.wait_in_step(irods)
    bucket.put("p/a", b"another length")
    bucket.remove("p/before", "p/d/e/f", "p/d/x")
    watching.wait_in_step(irods)
    status, said = watching.end()
    assert (status, "Run the same command to continue" in said) == (0, True)


def test_collections_that_were_made_for_single_objects_go_when_only_what_was_ingested_is_deleted(
    minio_server: S3Server, watch: Watch, irods: iRODSSession
) -> None:
    bucket = Bucket(minio_server)
    bucket.put("p/stays")
    watching = watch(bucket, *LISTEN, "--delete-only-ingested")
    watching.wait_in_step(irods)
    for _ in range(2):
        bucket.put("p/d/e/x")
        bucket.put("p/away/f/x")
        watching.wait_in_step(irods)
        bucket.remove("p/d/e/x")
        watching.wait_in_step(irods)
        watching.kill()
        bucket.remove("p/away/f/x")
        watching.again()
        watching.wait_in_step(irods)


def test_contents_are_put_and_verified_large_ones_in_parallel(
    minio_server: S3Server, watch: Watch, irods: iRODSSession
) -> None:
    bucket = Bucket(minio_server)
    watching = watch(bucket, *LISTEN, "--checksum", body=handler("PUT_SYNC", more=deleting("NO_TRASH")))
    big = bytes(range(256)) * 256 * 1024  # 64 MiB, in parallel
    for key, data in (("p/x", b"first"), ("p/big", big), ("p/x", b"other")):
        bucket.put(key, data)
    wanted = {"x": sha2(b"other"), "big": sha2(big)}
    wait_until(lambda: {path: row.checksum for path, (row,) in rows(irods, watching.target).items()} == wanted)
    wait_until(at_rest(watching))  # killed in the middle of a put it would leave a locked object to the next test
