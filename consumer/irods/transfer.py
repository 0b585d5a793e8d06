"""Bringing the content of files into data objects: put, overwrite, append."""

from __future__ import annotations

import base64
import hashlib

from irods.exception import OVERWRITE_WITHOUT_FORCE_FLAG, iRODSException
from irods.session import iRODSSession

from consumer.irods import requests, streams
from consumer.irods.catalog import look_up
from ingest.messages import Replica
from scanner.content import Content

SINGLE_BUFFER_LIMIT = 32 * 1024 * 1024
"""Bytes; larger files go in parallel streams, as every iRODS client does from this size on."""
APPEND_BUFFER = 4 * 1024 * 1024


class ChecksumMismatch(Exception):  # noqa: N818 - named after what the server found
    """What the server stored is not what we read."""


def put(
    session: iRODSSession,
    path: str,
    content: Content,
    *,
    resource: str | None = None,
    over: Replica | None = None,
    checksum: bool = False,
    allow_redirect: bool = False,
) -> int:
    """Write the content of a file to a logical path, `over` an existing replica or as a new object.

    Gives the number of bytes. One call up to 32 MiB, unless redirection to the resource's host is allowed. Raises
    FileChanged, ChecksumMismatch, or what iRODS says.
    """
    keywords = _destination(resource, over)
    digest = hashlib.sha256()
    if content.size <= SINGLE_BUFFER_LIMIT and not allow_redirect:
        data = content.read(0, content.size)
        content.feed(data)
        content.check()
        if checksum:
            digest.update(data)
            keywords["verifyChksum"] = _sha2(digest)
        requests.put(session, path, data, keywords)
        return content.size
    if over is None and look_up(session, path):  # an open would overwrite it
        raise OVERWRITE_WITHOUT_FORCE_FLAG(path)
    content.read(0, min(1, content.size))  # what cannot be read is known before a replica is opened for it
    streams.put(session, path, content, keywords, digest if checksum else None, allow_redirect=allow_redirect)
    if checksum:
        _verify(session, path, digest)
    return content.size


def append(session: iRODSSession, path: str, content: Content, replica: Replica, *, checksum: bool = False) -> int:
    """Write what the file has beyond the replica's size to the end of the replica; the number of bytes.

    Raises FileChanged, ChecksumMismatch, or what iRODS says.
    """
    streams.append(session, path, content, replica)
    if checksum:
        digest = hashlib.sha256()
        _read_all(content, digest)
        _verify(session, path, digest)
    return content.size - replica.size


def same_head(session: iRODSSession, path: str, content: Content, replica: Replica) -> bool:
    """Whether the file begins with what the replica holds: the replica is read in full."""
    at = 0
    with session.data_objects.open(path, "r", rescHier=replica.hierarchy) as stored:
        while chunk := stored.read(APPEND_BUFFER):
            if at + len(chunk) > content.size or content.read(at, len(chunk)) != chunk:
                return False
            at += len(chunk)
    return True


def _destination(resource: str | None, over: Replica | None) -> dict[str, str]:
    if over is not None:  # a put names root resources only; the server finds the replica below
        return {"forceFlag": "", "destRescName": over.hierarchy.split(";")[0]}
    return {"destRescName": resource} if resource else {}


def _read_all(content: Content, digest: hashlib._Hash) -> None:
    for at in range(0, content.size, APPEND_BUFFER):
        digest.update(content.read(at, min(APPEND_BUFFER, content.size - at)))


def _verify(session: iRODSSession, path: str, digest: hashlib._Hash) -> None:
    """Have the server compute its checksum, and compare."""
    stored = session.data_objects.chksum(path)
    if stored != _sha2(digest):
        _mark_stale(session, path)
        raise ChecksumMismatch(f"the server's checksum {stored} is not that of the file")


def _mark_stale(session: iRODSSession, path: str) -> None:
    """Make sure that wrong content is not taken for right: stale, or for want of a rodsadmin's rights, of 1970."""
    try:
        for replica in look_up(session, path):
            if isinstance(replica, Replica):
                session.data_objects.modDataObjMeta({"objPath": path, "replNum": replica.number}, {"replStatus": 0})
    except iRODSException:
        requests.touch(session, path, 0)


def _sha2(digest: hashlib._Hash) -> str:
    return "sha2:" + base64.b64encode(digest.digest()).decode("ascii")
