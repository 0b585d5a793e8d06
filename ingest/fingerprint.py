"""The path cache stores 64-bit numbers instead of names, sizes and times; this module computes them."""

from __future__ import annotations

from hashlib import blake2b
from struct import Struct

from ingest.handlers.core import Operation
from ingest.job import Job
from ingest.messages import Stat

_data = Struct("<qQi").pack
_64_BITS = (1 << 64) - 1
_CTIME_BITS = 24
_DATA_MASK = -1 << _CTIME_BITS


def _hash(data: bytes) -> int:
    return int.from_bytes(blake2b(data, digest_size=8).digest(), "little", signed=True)


def name_hash(name: bytes) -> int:
    """Return the hash of a name or path, a signed 64-bit number."""
    return _hash(name)


def fingerprint(stat: Stat, operation: Operation) -> int:
    """Return the fingerprint of a synchronised file, a signed 64-bit number.

    The upper 40 bits depend on size, mtime and operation, the lower 24 bits on ctime. So a change of permissions can be
    distinguished from a change of data.
    """
    data = _hash(_data(stat.size, stat.mtime_ns & _64_BITS, operation.value))
    return (data & _DATA_MASK) | (stat.ctime_ns // 1000 * 0x9E3779B1 >> 16 & ~_DATA_MASK)


def same_data(one: int, other: int) -> bool:
    """Return whether two fingerprints are equal, apart from ctime."""
    return (one ^ other) & _DATA_MASK == 0


def cache_space(job: Job) -> int:
    """Return the cache space of a job: jobs with the same source and target share their cache entries."""
    server = b"" if job.s3 is None else b"\0" + job.s3.endpoint.encode()
    return _hash(job.source + b"\0" + job.target.encode() + server)


def cache_key(job: Job, target: str, *, directory: bool) -> tuple[bytes, bytes]:
    """Return the directory and name of a logical path in the path cache, both below the job's target.

    The cache uses logical paths, because a deleted data object must be removed from it, and a mapped name cannot be
    mapped back to its source path. The name of a directory ends with a slash.
    """
    above, _, name = target.removeprefix(job.target).encode("utf-8", "surrogateescape").rpartition(b"/")
    return above, name + b"/" if directory else name
