"""The path cache's currency: 64-bit fingerprints instead of names and times."""

from __future__ import annotations

from hashlib import blake2b
from struct import Struct

from ingest.core import Operation
from ingest.job import Job
from ingest.messages import Stat

_seen = Struct("<qqqi").pack


def _hash(data: bytes) -> int:
    return int.from_bytes(blake2b(data, digest_size=8).digest(), "little", signed=True)


def name_hash(name: bytes) -> int:
    """A name or path as a signed 64-bit number."""
    return _hash(name)


def fingerprint(stat: Stat, operation: Operation) -> int:
    """What the cache remembers of a file after it was synced: changes when size, mtime, ctime or operation do."""
    return _hash(_seen(stat.size, stat.mtime_ns, stat.ctime_ns, operation.value))


def cache_space(job: Job) -> int:
    """The part of the path cache that jobs with the same source and target share."""
    return _hash(job.source + b"\0" + job.target.encode())
