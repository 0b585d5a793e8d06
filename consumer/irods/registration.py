"""Registers files, and updates the size and mtime of registered replicas."""

from __future__ import annotations

from collections.abc import Mapping

from irods.session import iRODSSession

from consumer.irods import requests
from consumer.irods.catalog import look_up
from ingest.messages import GOOD, Replica


def catalog_time(seconds: int) -> str:
    """A time as the catalog stores it: 11 digits, because times are compared as text."""
    return f"{max(seconds, 0):011d}"


def register(
    session: iRODSSession,
    path: str,
    physical: str,
    size: int,
    mtime: int,
    *,
    resource: str | None = None,
    checksum: bool = False,
    options: Mapping[str, str] | None = None,
) -> None:
    """Register a physical path under a logical one: one call. With dataSize the server does not look at the file."""
    keywords = {"filePath": physical, "dataSize": str(size), "dataModify": catalog_time(mtime)}
    if resource:
        keywords["destRescName"] = resource
    if checksum:
        keywords["regChksum"] = ""
    requests.register(session, path, {**keywords, **(options or {})})


def register_replica(
    session: iRODSSession, path: str, physical: str, size: int, mtime: int, *, resource: str, known: list[Replica]
) -> None:
    """Register a file as a further replica of an object.

    The server ignores the time that it is given here, so the new replica is updated afterwards: three calls in all.
    """
    register(session, path, physical, size, mtime, resource=resource, options={"regRepl": ""})
    before = {replica.number for replica in known}
    now = look_up(session, path)
    for replica in now if isinstance(now, list) else []:
        if replica.number not in before and replica.path == physical:
            update(session, path, replica, size, mtime, data_changed=False, others=False, checksum=False)


def update(
    session: iRODSSession,
    path: str,
    replica: Replica,
    size: int,
    mtime: int,
    *,
    data_changed: bool,
    others: bool,
    checksum: bool,
) -> None:
    """Set the size and mtime of one replica to those of its file: MOD_DATA_OBJ_META (622), addressed by replica number.

    Never `all`: with `allReplStatus` it marks replicas of other objects stale, in the whole zone. `allReplStatus`
    beside a number makes the object's `others` stale, which is right when the data changed. A checksum of the old
    content is cleared, or computed anew. Needs rodsadmin.
    """
    changes: dict[str, object] = {"dataSize": size, "dataModify": catalog_time(mtime)}
    if data_changed and others:
        changes["allReplStatus"] = ""
    elif replica.status != GOOD:
        changes["replStatus"] = GOOD
    if data_changed and replica.checksum:
        changes["chksum"] = ""
    session.data_objects.modDataObjMeta({"objPath": path, "replNum": replica.number}, changes)
    if data_changed and checksum:
        session.data_objects.chksum(path, forceChksum="", replNum=str(replica.number))


def change_path(session: iRODSSession, path: str, replica: Replica, physical: str) -> None:
    """Set the physical path of a registered replica and keep its mtime: one call. Needs rodsadmin.

    A rename into another collection sets a new mtime, so the earlier one is written again.
    """
    changes = {"filePath": physical, "dataModify": catalog_time(replica.mtime)}
    session.data_objects.modDataObjMeta({"objPath": path, "replNum": replica.number}, changes)
