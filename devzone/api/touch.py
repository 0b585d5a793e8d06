"""Changes of time and size: touch (20007), truncate (652), replica truncate (802)."""

import json
import os
from typing import Any

from irods.api_number import api_number

from devzone.catalog.catalog import now
from devzone.catalog.levels import MODIFY
from devzone.catalog.rows import STALE, Replica
from devzone.errors import (
    OBJ_PATH_DOES_NOT_EXIST,
    SYS_INVALID_INPUT_PARAM,
    SYS_REPLICA_DOES_NOT_EXIST,
    UNIX_FILE_TRUNCATE_ERR,
    USER_INCOMPATIBLE_PARAMS,
    IrodsError,
    unix_error,
)
from devzone.objects import collections, finishing, opening, replicas
from devzone.objects.access import is_visible, require
from devzone.objects.opening import O_CREAT, O_RDWR
from devzone.objects.replicas import best_first, visible_replicas
from devzone.objects.selection import for_reading
from devzone.session import Handler, Reply, Request, Session, json_of
from devzone.wire import element


def _touch(session: Session, request: Request) -> Reply:
    """Set the modification time of a collection or a replica. A missing object is created."""
    fields = json_of(request)
    path, options = fields.get("logical_path"), fields.get("options") or {}
    if not isinstance(path, str) or not isinstance(options, dict):
        raise IrodsError(SYS_INVALID_INPUT_PARAM)
    if "replica_number" in options and "leaf_resource_name" in options:
        raise IrodsError(USER_INCOMPATIBLE_PARAMS)
    if not collections.find(session.db, path) and not replicas.find(session.db, path):
        if options.get("no_create"):
            return Reply()
        _make(session, path, options)
    with session.transaction():
        _set_time(session, path, options)
    return Reply()


def _make(session: Session, path: str, options: dict[str, Any]) -> None:
    """Create an empty object, on the root of the requested leaf resource."""
    if "replica_number" in options:
        raise IrodsError(OBJ_PATH_DOES_NOT_EXIST)
    name = options.get("leaf_resource_name")
    keywords = {"destRescName": session.resources.named(name).root_name} if name else {}
    finishing.finish(session, opening.open_object(session, path, O_RDWR | O_CREAT, keywords), {})


def _set_time(session: Session, path: str, options: dict[str, Any]) -> None:
    stamp = _time(session, options)
    coll = collections.find(session.db, path)
    if coll is not None:
        require(session, coll.id, MODIFY)
        session.db.execute("update coll set modify_ts = ? where id = ?", (stamp, coll.id))
        return
    found = replicas.find(session.db, path)
    require(session, found[0].id, MODIFY)
    replica = _replica(session, found, options)
    session.db.execute("update data set modify_ts = ? where id = ? and number = ?", (stamp, replica.id, replica.number))


def _replica(session: Session, found: list[Replica], options: dict[str, Any]) -> Replica:
    chosen = best_first(found)
    if "replica_number" in options:
        chosen = [replica for replica in found if replica.number == options["replica_number"]]
    elif options.get("leaf_resource_name"):
        leaf = session.resources.named(options["leaf_resource_name"])
        chosen = [replica for replica in found if replica.resc_id == leaf.id]
    if not chosen:
        raise IrodsError(SYS_REPLICA_DOES_NOT_EXIST)
    return chosen[0]


def _time(session: Session, options: dict[str, Any]) -> str:
    """The requested time: a number, the time of another path, or the current time."""
    if "seconds_since_epoch" in options:
        return f"{int(options['seconds_since_epoch']):011d}"
    reference = options.get("reference")
    if not reference:
        return now()
    coll = collections.find(session.db, reference)
    if coll is not None:
        (stamp,) = session.db.execute("select modify_ts from coll where id = ?", (coll.id,)).fetchone()
        return str(stamp)
    found = replicas.find(session.db, reference)
    if not found:
        raise IrodsError(OBJ_PATH_DOES_NOT_EXIST)
    return best_first(found)[0].modified


def _truncate(session: Session, request: Request) -> Reply:
    """Set the size of the best replica of an object."""
    found = visible_replicas(session, request.node.path("objPath"))
    _set_size(session, found, request)
    return Reply()


def _truncate_replica(session: Session, request: Request) -> Reply:
    """Set the size of one replica; returns its number and hierarchy."""
    found = replicas.find(session.db, request.node.path("objPath"))
    if not found or not is_visible(session, found[0].id):
        raise IrodsError(OBJ_PATH_DOES_NOT_EXIST)
    replica = _set_size(session, found, request)
    hierarchy = session.resources.by_id[replica.resc_id].hierarchy
    answer = {"message": "", "replica_number": replica.number, "resource_hierarchy": hierarchy}
    return Reply(0, element("STR_PI", {"myStr": json.dumps(answer)}))


def _set_size(session: Session, found: list[Replica], request: Request) -> Replica:
    require(session, found[0].id, MODIFY)
    replica = for_reading(session.resources, found, request.node.keywords())
    size = request.node.number("dataSize")
    try:
        os.truncate(replica.path, size)
    except OSError as problem:
        raise unix_error(UNIX_FILE_TRUNCATE_ERR, problem) from None
    with session.transaction() as db:
        db.execute(
            "update data set size = ?, checksum = '', modify_ts = ? where id = ? and number = ?",
            (size, now(), replica.id, replica.number),
        )
        replicas.set_others(db, replica.id, replica.number, STALE)
    return replica


HANDLERS: dict[int, Handler] = {
    api_number["TOUCH_APN"]: _touch,
    api_number["DATA_OBJ_TRUNCATE_AN"]: _truncate,
    api_number["REPLICA_TRUNCATE_AN"]: _truncate_replica,
}
