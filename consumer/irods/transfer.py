"""Bringing the content of files into data objects: put, overwrite, append."""

from __future__ import annotations

import base64
import hashlib
import os
from typing import IO

from irods.exception import iRODSException
from irods.session import iRODSSession

from consumer.irods import requests
from ingest.messages import Replica

SINGLE_BUFFER_LIMIT = 32 * 1024 * 1024
"""Bytes; larger files go in parallel streams, as every iRODS client does from this size on."""
APPEND_BUFFER = 4 * 1024 * 1024


class FileChanged(Exception):  # noqa: N818 - it happened to the file, not to us
    """The file was written to while it was read; what arrived is not to be trusted."""


class ChecksumMismatch(Exception):  # noqa: N818 - named after what the server found
    """What the server stored is not what we read."""


def put(
    session: iRODSSession,
    path: str,
    descriptor: int,
    *,
    resource: str | None = None,
    over: Replica | None = None,
    checksum: bool = False,
    allow_redirect: bool = False,
) -> int:
    """Write an open regular file to a logical path, `over` an existing replica or as a new object.

    Gives the number of bytes. One call up to 32 MiB, unless redirection to the resource's host is allowed. Raises
    FileChanged, ChecksumMismatch, or what iRODS says.
    """
    keywords = _destination(resource, over)
    before = os.fstat(descriptor)
    if before.st_size <= SINGLE_BUFFER_LIMIT and not allow_redirect:
        data = _read_whole(descriptor, before.st_size)
        _check_unchanged(descriptor, before)
        if checksum:
            keywords["verifyChksum"] = _sha2(hashlib.sha256(data))
        requests.put(session, path, data, keywords)
        return before.st_size
    _put_streams(session, path, descriptor, keywords, allow_redirect=allow_redirect)
    if checksum:
        _verify(session, path, descriptor, before.st_size)
    try:
        _check_unchanged(descriptor, before)
    except FileChanged:
        _mark_stale(session, path)
        raise
    return before.st_size


def _check_unchanged(descriptor: int, before: os.stat_result) -> None:
    after = os.fstat(descriptor)
    if (before.st_size, before.st_mtime_ns) != (after.st_size, after.st_mtime_ns):
        raise FileChanged("the file changed while it was read")


def append(session: iRODSSession, path: str, descriptor: int, replica: Replica, *, checksum: bool = False) -> int:
    """Write what the file has beyond the replica's size to the end of the replica; the number of bytes.

    Raises ChecksumMismatch, or what iRODS says.
    """
    os.lseek(descriptor, replica.size, os.SEEK_SET)
    written = 0
    with session.data_objects.open(path, "r+", create=False, rescHier=replica.hierarchy) as target:
        target.seek(replica.size)
        while chunk := os.read(descriptor, APPEND_BUFFER):
            target.write(chunk)
            written += len(chunk)
    if checksum:
        _verify(session, path, descriptor, replica.size + written)
    return written


def same_head(session: iRODSSession, path: str, descriptor: int, replica: Replica) -> bool:
    """Whether the file begins with what the replica holds: the replica is read in full."""
    os.lseek(descriptor, 0, os.SEEK_SET)
    with session.data_objects.open(path, "r", rescHier=replica.hierarchy) as stored:
        while chunk := stored.read(APPEND_BUFFER):
            if _read_up_to(descriptor, len(chunk)) != chunk:
                return False
    return True


def _destination(resource: str | None, over: Replica | None) -> dict[str, str]:
    if over is not None:  # a put names root resources only; the server finds the replica below
        return {"forceFlag": "", "destRescName": over.hierarchy.split(";")[0]}
    return {"destRescName": resource} if resource else {}


def _put_streams(
    session: iRODSSession, path: str, descriptor: int, keywords: dict[str, str], *, allow_redirect: bool
) -> None:
    """Let python-irodsclient write ranges over several connections, reading the very file that we hold open."""
    force = keywords.pop("forceFlag", False)  # without it python-irodsclient refuses to overwrite
    session.data_objects.put(f"/dev/fd/{descriptor}", path, allow_redirect=allow_redirect, forceFlag=force, **keywords)


def _verify(session: iRODSSession, path: str, descriptor: int, size: int) -> None:
    """Compare the server's checksum with that of the first `size` bytes: the file may have grown meanwhile."""
    os.lseek(descriptor, 0, os.SEEK_SET)
    digest = hashlib.sha256()
    while size and (chunk := os.read(descriptor, min(size, APPEND_BUFFER))):
        digest.update(chunk)
        size -= len(chunk)
    stored = session.data_objects.chksum(path)
    if stored != _sha2(digest):
        _mark_stale(session, path)
        raise ChecksumMismatch(f"the server's checksum {stored} is not that of the file")


def _mark_stale(session: iRODSSession, path: str) -> None:
    """Make sure that wrong content is not taken for right: stale, or for want of a rodsadmin's rights, of 1970."""
    try:
        for replica in session.data_objects.get(path).replicas:
            session.data_objects.modDataObjMeta({"objPath": path, "replNum": replica.number}, {"replStatus": 0})
    except iRODSException:
        requests.touch(session, path, 0)


def _sha2(digest: hashlib._Hash) -> str:
    return "sha2:" + base64.b64encode(digest.digest()).decode("ascii")


def _read_whole(descriptor: int, size: int) -> bytes:
    with os.fdopen(os.dup(descriptor), "rb", buffering=0) as file:
        file.seek(0)
        return _exactly(file, size)


def _exactly(file: IO[bytes], size: int) -> bytes:
    parts, left = [], size
    while left:
        part = file.read(left)
        if not part:
            raise FileChanged("the file became shorter while it was read")
        parts.append(part)
        left -= len(part)
    return b"".join(parts)


def _read_up_to(descriptor: int, size: int) -> bytes:
    parts = b""
    while len(parts) < size and (part := os.read(descriptor, size - len(parts))):
        parts += part
    return parts
