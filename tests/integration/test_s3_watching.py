"""`ingest-watch` of a bucket: what happens there is in the catalog a moment later, whichever way it is told."""

from __future__ import annotations

import signal

from irods.session import iRODSSession

from tests.integration.s3_watching import Watch, watch
from tests.support.s3_servers import Bucket, S3Server

__all__ = ["watch"]


def test_objects_that_are_written_changed_and_deleted_are_followed(
    minio_server: S3Server, watch: Watch, irods: iRODSSession
) -> None:
    bucket = Bucket(minio_server)
    bucket.put("p/before")
    bucket.put("other")
    watching = watch(bucket, "--notifications", "listen")
    watching.wait_in_step(irods)
    for key in ("a", "d/e/f", "d/x", "ü %20+"):
        bucket.put(f"p/{key}", key.encode())
    watching.wait_in_step(irods)
    bucket.put("p/a", b"another length")
    bucket.remove("p/before", "p/d/e/f", "p/d/x")
    watching.wait_in_step(irods)
    assert watching.end(signal.SIGTERM) == 0
    assert "the same command goes on" in watching.told
