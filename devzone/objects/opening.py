"""Opening of replicas for reading and writing, and creation of data objects and their files.

Sources: the recorded cases ``obj.*`` and ``put.*``, and the keywords that python-irodsclient sends.
"""

import os
import secrets
from contextlib import suppress

from devzone.catalog.catalog import now
from devzone.catalog.descriptors import Descriptor
from devzone.catalog.levels import MODIFY, READ
from devzone.catalog.paths import check_object_path, split, vault_path
from devzone.catalog.resources import Resource
from devzone.catalog.rows import GOOD, INTERMEDIATE, LOCKED, STALE, NewReplica, Replica
from devzone.errors import (
    CAT_NAME_EXISTS_AS_COLLECTION,
    LOCKED_DATA_OBJECT_ACCESS,
    OBJ_PATH_DOES_NOT_EXIST,
    SYS_OUT_OF_FILE_DESC,
    UNIX_FILE_CREATE_ERR,
    UNIX_FILE_OPEN_ERR,
    IrodsError,
    unix_error,
)
from devzone.objects import collections, replicas
from devzone.objects.access import is_visible, require
from devzone.objects.selection import for_reading, for_writing
from devzone.session import Session

O_RDWR, O_ACCMODE, O_CREAT, O_TRUNC = 2, 3, 64, 512  # the protocol's flags are those of Linux
_NEW = os.O_RDWR | os.O_CREAT | os.O_EXCL
FIRST_DESCRIPTOR, LAST_DESCRIPTOR = 3, 1025


def open_object(session: Session, path: str, flags: int, keywords: dict[str, str]) -> Descriptor:
    """Open a data object, or create it if the flags contain O_CREAT; returns a descriptor without a number."""
    check_object_path(path)
    if not flags & (O_ACCMODE | O_CREAT):
        return _open_for_reading(session, path, keywords)
    with session.transaction():
        found = replicas.find(session.db, path)
        if found:
            return _open_for_writing(session, found, path, flags, keywords)
        if not flags & O_CREAT:
            raise IrodsError(OBJ_PATH_DOES_NOT_EXIST)
        return _create(session, path, keywords)


def open_numbered(session: Session, path: str, flags: int, keywords: dict[str, str]) -> int:
    """Open a data object for the client; returns the descriptor's number, the lowest free one of the connection."""
    for number in range(FIRST_DESCRIPTOR, LAST_DESCRIPTOR + 1):
        if number not in session.descriptors:
            session.descriptors[number] = open_object(session, path, flags, keywords)
            return number
    raise IrodsError(SYS_OUT_OF_FILE_DESC)


def _open_for_reading(session: Session, path: str, keywords: dict[str, str]) -> Descriptor:
    found = replicas.find(session.db, path)
    if not found or not is_visible(session, found[0].id):
        raise IrodsError(OBJ_PATH_DOES_NOT_EXIST)
    require(session, found[0].id, READ)
    replica = for_reading(session.resources, found, keywords)
    fd = _open_file(replica.path, os.O_RDONLY)
    hierarchy = session.resources.by_id[replica.resc_id].hierarchy
    return Descriptor(fd, replica, hierarchy, keywords, limit=replica.size if replica.size >= 0 else None)


def _open_for_writing(
    session: Session, found: list[Replica], path: str, flags: int, keywords: dict[str, str]
) -> Descriptor:
    require(session, found[0].id, MODIFY)
    target = for_writing(session.resources, found, keywords, bool(flags & O_CREAT))
    if any(replica.status > GOOD for replica in found):
        return _join(session, target, keywords)
    if isinstance(target, Resource):
        return _add_replica(session, found, path, target, keywords)
    truncate = bool(flags & O_TRUNC)
    fd = _open_file(target.path, os.O_RDWR | (os.O_TRUNC if truncate else 0))
    session.db.execute(
        "update data set repl_status = ?, modify_ts = case when ? then ? else modify_ts end "
        "where id = ? and number = ?",
        (INTERMEDIATE, truncate, now(), target.id, target.number),
    )
    _lock_others(session, target)
    hierarchy = session.resources.by_id[target.resc_id].hierarchy
    return Descriptor(fd, target, hierarchy, keywords, writing=session.zone.open_replicas.add(target, truncate))


def _join(session: Session, target: Replica | Resource, keywords: dict[str, str]) -> Descriptor:
    if isinstance(target, Resource):
        raise IrodsError(LOCKED_DATA_OBJECT_ACCESS)
    writing = session.zone.open_replicas.joined(target, keywords.get("replicaToken", ""))
    hierarchy = session.resources.by_id[target.resc_id].hierarchy
    return Descriptor(_open_file(target.path, os.O_RDWR), target, hierarchy, keywords, writing=writing)


def _add_replica(
    session: Session, found: list[Replica], path: str, resource: Resource, keywords: dict[str, str]
) -> Descriptor:
    """Add an empty replica to an object, and open it. The other replicas are locked until it is closed."""
    first = found[0]
    physical = free_vault_path(session, resource, path)
    fd = create_file(resource, physical)
    number = found[-1].number + 1
    new = NewReplica(physical, resource.id, 0, first.type, INTERMEDIATE)
    replicas.insert_replica(session, (first.id, number, first.coll_id, first.name), new)
    replica = Replica(first.id, number, first.coll_id, first.name, first.type, 0, resource.id, physical, STALE, "",
                      "", first.owner)  # fmt: skip
    _lock_others(session, replica)
    writing = session.zone.open_replicas.add(replica, written=True)
    return Descriptor(fd, replica, resource.hierarchy, keywords, writing=writing)


def _create(session: Session, path: str, keywords: dict[str, str]) -> Descriptor:
    """Create a data object with one empty replica, and open it."""
    if collections.find(session.db, path):
        raise IrodsError(CAT_NAME_EXISTS_AS_COLLECTION)
    resource = session.resources.for_create(destination(keywords))
    parent = collections.writable_parent(session, path)
    physical = free_vault_path(session, resource, path)
    fd = create_file(resource, physical)
    name = split(path)[1]
    kind = keywords.get("dataType") or "generic"
    new = NewReplica(physical, resource.id, 0, kind, INTERMEDIATE)
    data_id = replicas.insert_object(session, parent, name, new)
    collections.touch(session.db, parent.id)
    replica = Replica(data_id, 0, parent.id, name, kind, 0, resource.id, physical, STALE, "", "", "")
    writing = session.zone.open_replicas.add(replica, written=True)
    return Descriptor(fd, replica, resource.hierarchy, keywords, writing=writing)


def destination(keywords: dict[str, str]) -> str:
    """The resource in the keywords for a new replica; empty if they contain none."""
    return keywords.get("destRescName") or keywords.get("rescName") or keywords.get("defRescName") or ""


def free_vault_path(session: Session, resource: Resource, path: str) -> str:
    """A physical path for a new replica that no other replica has."""
    physical = vault_path(resource.vault, path)
    if session.db.execute("select 1 from data where path = ?", (physical,)).fetchone():
        physical += f".{secrets.randbelow(9 * 10**9) + 10**9}"
    return physical


def create_file(resource: Resource, physical: str) -> int:
    """Create an empty file and its parent directories in a vault; returns its file descriptor.

    It does what the server's ``rsFileCreate`` and ``create_physical_file_for_replica`` do. An empty directory with that
    path is removed; one that is not empty is an error. (Removing a collection leaves its directory in the vault.) An
    existing file belongs to no replica; it is moved to the vault's ``orphan`` directory.
    """
    try:
        try:
            return os.open(physical, _NEW, 0o600)
        except FileNotFoundError:
            os.makedirs(os.path.dirname(physical), exist_ok=True)
        except FileExistsError:
            with suppress(OSError):
                os.rmdir(physical)
            if not os.path.isdir(physical):
                _move_orphan(resource, physical)
        return os.open(physical, _NEW, 0o600)
    except OSError as problem:
        raise unix_error(UNIX_FILE_CREATE_ERR, problem) from None


def _move_orphan(resource: Resource, physical: str) -> None:
    vault = resource.vault.rstrip("/")
    aside = f"{vault}/orphan{physical.removeprefix(vault)}.{secrets.randbelow(2**32)}"
    os.makedirs(os.path.dirname(aside), exist_ok=True)
    with suppress(FileNotFoundError):
        os.rename(physical, aside)


def _open_file(physical: str, flags: int) -> int:
    try:
        return os.open(physical, flags | os.O_NONBLOCK)
    except OSError as problem:
        raise unix_error(UNIX_FILE_OPEN_ERR, problem) from None


def _lock_others(session: Session, replica: Replica) -> None:
    session.db.execute(
        "update data set locked_from = repl_status, repl_status = ? where id = ? and number <> ?",
        (LOCKED, replica.id, replica.number),
    )


def write_all(descriptor: Descriptor, data: bytes) -> None:
    """Write all bytes at the descriptor's current offset."""
    left = memoryview(data)
    while left:
        left = left[os.write(descriptor.fd, left) :]
    if data and descriptor.writing is not None:
        descriptor.writing.written = True
