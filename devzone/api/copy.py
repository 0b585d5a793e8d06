"""Copies: replication of an object (695), and copying it to another object (696)."""

import os
from contextlib import suppress
from typing import BinaryIO

from irods.api_number import api_number

from devzone.catalog.catalog import now
from devzone.catalog.levels import MODIFY, READ
from devzone.catalog.resources import DEFAULT_RESOURCE, Resource
from devzone.catalog.rows import GOOD, NewReplica, Replica
from devzone.errors import (
    CAT_NAME_EXISTS_AS_COLLECTION,
    OVERWRITE_WITHOUT_FORCE_FLAG,
    SYS_USER_NOT_ALLOWED,
    UNIX_FILE_OPEN_ERR,
    UNIX_FILE_WRITE_ERR,
    USER_INPUT_PATH_ERR,
    IrodsError,
    unix_error,
)
from devzone.objects import collections, finishing, opening, replicas
from devzone.objects.access import is_visible, level_of, require
from devzone.objects.opening import O_CREAT, O_RDWR, O_TRUNC
from devzone.objects.replicas import visible_replicas
from devzone.objects.selection import for_reading, on_root
from devzone.session import Handler, Reply, Request, Session, source_and_target

_BLOCK = 1 << 20


def _replicate(session: Session, request: Request) -> Reply:
    """Create or update a replica on a root resource. A good replica there is left as it is (recorded: repl.*)."""
    path, keywords = request.node.path("objPath"), request.node.keywords()
    found = visible_replicas(session, path)
    name = keywords.get("destRescName") or keywords.get("defRescName") or DEFAULT_RESOURCE
    if "updateRepl" in keywords and "all" in keywords:
        targets = [replica for replica in found if replica.status != GOOD]
    else:
        root = session.resources.root(name)
        inside = on_root(session.resources, found, root)
        if any(replica.status == GOOD for replica in inside):
            return Reply()
        targets = inside[:1]
        if not targets:
            _require_write(session, found[0].id)
            _add(session, path, found, session.resources.for_create(name))
            return Reply()
    _require_write(session, found[0].id)
    source = for_reading(session.resources, found, {})
    for target in targets:
        copy_bytes(source, target.path)
        with session.transaction() as db:
            db.execute(
                "update data set repl_status = ?, size = ?, checksum = ?, modify_ts = ? where id = ? and number = ?",
                (GOOD, source.size, source.checksum, now(), target.id, target.number),
            )
    return Reply()


def _require_write(session: Session, data_id: int) -> None:
    if level_of(session.db, session.user, data_id) < MODIFY:
        raise IrodsError(SYS_USER_NOT_ALLOWED)


def _add(session: Session, path: str, found: list[Replica], resource: Resource) -> None:
    """Add a replica with the bytes and the checksum of the best one."""
    source = for_reading(session.resources, found, {})
    physical = opening.free_vault_path(session, resource, path)
    os.close(opening.create_file(resource, physical))
    copy_bytes(source, physical)
    new = NewReplica(physical, resource.id, source.size, source.type, checksum=source.checksum)
    try:
        with session.transaction():
            current = visible_replicas(session, path)
            key = (source.id, current[-1].number + 1, source.coll_id, source.name)
            replicas.insert_replica(session, key, new)
    except BaseException:
        with suppress(OSError):
            os.unlink(physical)
        raise


def copy_bytes(source: Replica, target: str) -> None:
    """Copy a replica's file. The number of bytes is the size in the catalog (recorded: repl.errors)."""
    try:
        data = os.fdopen(os.open(source.path, os.O_RDONLY), "rb")
    except OSError as problem:
        raise unix_error(UNIX_FILE_OPEN_ERR, problem) from None
    with data, _overwritten(target) as out:
        left = source.size
        try:
            while left > 0 and (block := data.read(min(_BLOCK, left))):
                out.write(block)
                left -= len(block)
        except OSError as problem:
            raise unix_error(UNIX_FILE_WRITE_ERR, problem) from None


def _overwritten(path: str) -> BinaryIO:
    try:
        return os.fdopen(os.open(path, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o600), "wb")
    except OSError as problem:
        raise unix_error(UNIX_FILE_OPEN_ERR, problem) from None


def _copy(session: Session, request: Request) -> Reply:
    """Copy an object to another path. The copy gets no checksum (recorded: copy.object)."""
    source_node, target_node = source_and_target(request)
    path, target, keywords = source_node.path("objPath"), target_node.path("objPath"), target_node.keywords()
    found = replicas.find(session.db, path)
    if not found or not is_visible(session, found[0].id):
        raise IrodsError(USER_INPUT_PATH_ERR, path)
    require(session, found[0].id, READ)
    if collections.find(session.db, target):
        raise IrodsError(CAT_NAME_EXISTS_AS_COLLECTION)
    if replicas.find(session.db, target) and "forceFlag" not in keywords:
        raise IrodsError(OVERWRITE_WITHOUT_FORCE_FLAG)
    source = for_reading(session.resources, found, {})
    with suppress(KeyError):
        del keywords["verifyChksum"]
    descriptor = opening.open_object(session, target, O_RDWR | O_CREAT | O_TRUNC, keywords)
    try:
        copy_bytes(source, descriptor.replica.path)
    except BaseException:
        finishing.give_up(session, descriptor)
        raise
    finishing.finish(session, descriptor, keywords)
    return Reply()


HANDLERS: dict[int, Handler] = {
    api_number["DATA_OBJ_REPL_AN"]: _replicate,
    api_number["DATA_OBJ_COPY_AN"]: _copy,
}
