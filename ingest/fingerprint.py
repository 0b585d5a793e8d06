"""The path cache's currency: 64-bit fingerprints instead of names and times."""

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
    """A name or path as a signed 64-bit number."""
    return _hash(name)


def fingerprint(stat: Stat, operation: Operation) -> int:
    """What the cache remembers of a file after it was synced: a signed 64-bit number.

    The upper 40 bits stand for size, mtime and operation, the lower 24 for ctime, so that a change of permissions can
    be told from a change of data.
    """
    data = _hash(_data(stat.size, stat.mtime_ns & _64_BITS, operation.value))
    return (data & _DATA_MASK) | (stat.ctime_ns // 1000 * 0x9E3779B1 >> 16 & ~_DATA_MASK)


def same_data(one: int, other: int) -> bool:
    """Whether two fingerprints differ in nothing but ctime."""
    return (one ^ other) & _DATA_MASK == 0


def cache_space(job: Job) -> int:
    """The part of the path cache that jobs with the same source and target share."""
    server = b"" if job.s3 is None else b"\0" + job.s3.endpoint.encode()
    return _hash(job.source + b"\0" + job.target.encode() + server)


def cache_key(job: Job, target: str, *, directory: bool) -> tuple[bytes, bytes]:
    """Directory and name under which the path cache knows a logical path below the job's target.

    Logical and not source names: what is deleted in iRODS must be forgotten, and there is no way back from a mapped
    name to its source. Directories have a name of their own, with a slash.
    """
    above, _, name = target.removeprefix(job.target).encode("utf-8", "surrogateescape").rpartition(b"/")
    return above, name + b"/" if directory else name
