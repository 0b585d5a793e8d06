"""The path cache stores numbers instead of names, sizes, times and inodes; this module computes them."""

from __future__ import annotations

from hashlib import blake2b
from struct import Struct

from ingest.handlers.core import Operation
from ingest.job import Job
from ingest.messages import Fingerprint, Stat

_data = Struct("<qQi").pack
_64_BITS = (1 << 64) - 1
_CTIME_BITS = 24
_DATA_MASK = -1 << _CTIME_BITS
_FORMAT = b"2\0"
"""Begins what a cache space is computed from; it changes with the format of its fingerprints."""
_INODES = 2**32 - 5
"""Inodes are kept modulo this prime, so that a path costs four bytes more and not eight."""


CHANGED = Fingerprint(0, 0)
"""The fingerprint of a path whose object may have other content than the path ever had: it matches nothing."""
UNFINISHED = Fingerprint(1, 0)
"""The fingerprint of a path whose object was to be created, and whose event is not complete: it matches nothing."""
FOREIGN = Fingerprint(2, 0)
"""Like CHANGED, for a path whose object this program did not create, as far as it knows."""
MARKS = frozenset({CHANGED, UNFINISHED, FOREIGN})
"""What stands for a fingerprint of a path whose event is not complete."""


def mark_of(known: Fingerprint | None) -> Fingerprint:
    """Return the mark for an object that is about to be changed, from what the path cache knows of its path."""
    return FOREIGN if known is None or known == FOREIGN else CHANGED


def _hash(data: bytes) -> int:
    return int.from_bytes(blake2b(data, digest_size=8).digest(), "little", signed=True)


def name_hash(name: bytes) -> int:
    """Return the hash of a name or path, a signed 64-bit number."""
    return _hash(name)


def fingerprint(stat: Stat, operation: Operation) -> Fingerprint:
    """Return the fingerprint of a file that is synchronised with this operation.

    A change of permissions can be distinguished from a change of data.
    """
    data = _hash(_data(stat.size, stat.mtime_ns & _64_BITS, operation.value))
    state = (data & _DATA_MASK) | (stat.ctime_ns // 1000 * 0x9E3779B1 >> 16 & ~_DATA_MASK)
    return Fingerprint(state, stat.inode and stat.inode % _INODES + 1)


def unchanged(one: Fingerprint | None, other: Fingerprint) -> bool:
    """Return whether two fingerprints are of one file in one state. None is that of an unknown path."""
    return one is not None and one.state == other.state and not replaced(one, other)


def same_data(one: Fingerprint, other: Fingerprint) -> bool:
    """Return whether two fingerprints are of one file and equal, apart from ctime."""
    return (one.state ^ other.state) & _DATA_MASK == 0 and not replaced(one, other)


def same_file(one: Fingerprint, other: Fingerprint) -> bool:
    """Return whether two fingerprints are certainly of one file, whatever its content is."""
    return one.inode == other.inode != 0


def replaced(one: Fingerprint, other: Fingerprint) -> bool:
    """Return whether two fingerprints are certainly of two files."""
    return 0 not in (one.inode, other.inode) and one.inode != other.inode


def cache_space(job: Job) -> int:
    """Return the cache space of a job: jobs with the same source and target share their cache entries."""
    server = b"" if job.s3 is None else b"\0" + job.s3.endpoint.encode()
    return _hash(_FORMAT + job.source + b"\0" + job.target.encode() + server)


def cache_key(job: Job, target: str, *, directory: bool) -> tuple[bytes, bytes]:
    """Return the directory and name of a logical path in the path cache, both below the job's target.

    The cache uses logical paths, because a deleted data object must be removed from it, and a mapped name cannot be
    mapped back to its source path. The name of a directory ends with a slash.
    """
    above, _, name = target.removeprefix(job.target).encode("utf-8", "surrogateescape").rpartition(b"/")
    return above, name + b"/" if directory else name
