"""Information on a path (633), on the resource for an operation (10220), and on the server (700)."""

import json

from irods.api_number import api_number

from devzone.catalog.resources import Resource
from devzone.errors import (
    CAT_NO_ROWS_FOUND,
    INVALID_OPERATION,
    USER_FILE_DOES_NOT_EXIST,
    IrodsError,
)
from devzone.objects import collections, replicas
from devzone.objects.access import is_visible
from devzone.objects.opening import O_CREAT, destination
from devzone.objects.replicas import best_first
from devzone.objects.selection import for_reading, for_writing
from devzone.session import Handler, Reply, Request, Session, json_reply
from devzone.wire import element

DATA_OBJECT, COLLECTION = 1, 2


def _stat(session: Session, request: Request) -> Reply:
    """Return type, size, owner and times of an object or a collection (recorded: obj.stat)."""
    path = request.node.path("objPath")
    found = replicas.find(session.db, path)
    if found and is_visible(session, found[0].id):
        best = best_first(found)[0]
        zone, created = session.db.execute(
            "select owner_zone, create_ts from data where id = ? and number = ?", (best.id, best.number)
        ).fetchone()
        hierarchy = session.resources.by_id[best.resc_id].hierarchy
        return _stat_reply(DATA_OBJECT, best.size, best.id, best.checksum, (best.owner, zone), (created, best.modified),
                           hierarchy)  # fmt: skip
    coll = collections.find(session.db, path)
    if coll is None or not is_visible(session, coll.id):
        raise IrodsError(USER_FILE_DOES_NOT_EXIST)
    zone, *times = session.db.execute(
        "select owner_zone, create_ts, modify_ts from coll where id = ?", (coll.id,)
    ).fetchone()
    return _stat_reply(COLLECTION, 0, coll.id, "", (coll.owner, zone), (times[0], times[1]), "")


def _stat_reply(
    kind: int, size: int, number: int, checksum: str, owner: tuple[str, str], times: tuple[str, str], hierarchy: str
) -> Reply:
    fields = {
        "objSize": size, "objType": kind, "dataMode": 0, "dataId": number, "chksum": checksum, "ownerName": owner[0],
        "ownerZone": owner[1], "createTime": times[0], "modifyTime": times[1], "rescHier": hierarchy,
    }  # fmt: skip
    return Reply(kind, element("RodsObjStat_PI", fields))


def _resource_for(session: Session, request: Request) -> Reply:
    """Return the host and the hierarchy that an operation would use (recorded: obj.resource_info)."""
    path, keywords = request.node.path("objPath"), request.node.keywords()
    operation = keywords.get("getResourceInfoOpType", "")
    if operation not in ("CREATE", "OPEN", "WRITE", "UNLINK"):
        raise IrodsError(INVALID_OPERATION, operation)
    found = replicas.find(session.db, path)
    if operation == "CREATE" and not found:
        resource = session.resources.for_create(destination(keywords))
    elif not found or not is_visible(session, found[0].id):
        raise IrodsError(CAT_NO_ROWS_FOUND)
    else:
        create = operation == "CREATE" or bool(request.node.number("openFlags") & O_CREAT)
        chosen = (
            for_reading(session.resources, found, keywords)
            if operation == "OPEN"
            else for_writing(session.resources, found, keywords, create)
        )
        resource = chosen if isinstance(chosen, Resource) else session.resources.by_id[chosen.resc_id]
    answer = {"host": resource.location, "resource_hierarchy": resource.hierarchy}
    return Reply(0, element("STR_PI", {"myStr": json.dumps(answer)}))


def _server(session: Session, request: Request) -> Reply:  # noqa: ARG001 - the request has no body
    """Return the server's type and version."""
    fields = {
        "serverType": 1, "serverBootTime": 0, "relVersion": "rods5.0.2", "apiVersion": "d",
        "rodsZone": session.zone.name,
    }  # fmt: skip
    return Reply(0, element("MiscSvrInfo_PI", fields))


def _hints(session: Session, request: Request) -> Reply:  # noqa: ARG001 - the request has no body
    """Return the settings that clients may need."""
    return json_reply({"hash_scheme": "SHA256", "match_hash_policy": "compatible", "plugins": [], "rules": []})


def _features(session: Session, request: Request) -> Reply:  # noqa: ARG001 - the request has no body
    """Return no features: the server has no optional ones."""
    return Reply(0, element("STR_PI", {"myStr": "{}"}))


HANDLERS: dict[int, Handler] = {
    api_number["OBJ_STAT_AN"]: _stat,
    api_number["GET_RESOURCE_INFO_FOR_OPERATION_AN"]: _resource_for,
    api_number["GET_MISC_SVR_INFO_AN"]: _server,
    api_number["CLIENT_HINTS_AN"]: _hints,
    api_number["GET_LIBRARY_FEATURES_AN"]: _features,
}
