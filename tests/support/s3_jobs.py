"""What the integration tests of S3 share."""

from __future__ import annotations

import os
from collections.abc import Mapping
from concurrent.futures import ThreadPoolExecutor

from tests.conftest import CommandLine, Ran
from tests.support.s3_servers import Bucket


def ingest(scan: CommandLine, bucket: Bucket, target: str, *options: str | os.PathLike[str], prefix: str = "") -> Ran:
    """`ingest-scan start --synchronous` of a bucket, or of what has a prefix in it."""
    arguments = ("start", bucket.url(prefix), target, "--synchronous", *bucket.server.options(), *options)
    return scan(*arguments, **bucket.server.environ)


def put_all(bucket: Bucket, objects: Mapping[str, bytes]) -> None:
    """Write many objects."""
    with ThreadPoolExecutor(8) as pool:
        list(pool.map(lambda key: bucket.put(key, objects[key]), objects))


def summary(ran: Ran, *words: str) -> tuple[int, bool]:
    """How a command ended, and whether its last words have all of these: 0 and True are what is wanted."""
    return ran.status, all(word in ran.out for word in words)
