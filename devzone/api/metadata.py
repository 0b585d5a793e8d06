"""AVUs (attribute, value, units) of objects, collections, resources and users: 706, and the atomic form 20002."""

from collections.abc import Callable
from typing import Any

from irods.api_number import api_number

from devzone.catalog.catalog import now
from devzone.catalog.levels import CREATE_METADATA, DELETE_METADATA
from devzone.errors import (
    CAT_INVALID_ARGUMENT,
    CAT_INVALID_RESOURCE,
    CAT_INVALID_USER,
    CAT_NO_ACCESS_PERMISSION,
    CAT_SQL_ERR,
    CAT_SUCCESS_BUT_WITH_NO_INFO,
    CAT_UNKNOWN_COLLECTION,
    CAT_UNKNOWN_FILE,
    CATALOG_ALREADY_HAS_ITEM_BY_THAT_NAME,
    INVALID_OPERATION,
    SYS_INVALID_INPUT_PARAM,
    IrodsError,
)
from devzone.objects import collections, replicas
from devzone.objects.access import level_of
from devzone.session import Handler, Reply, Request, Session, json_of, json_reply

MAX_TEXT, MAX_UNITS = 2700, 250  # characters
MISSING = {"d": CAT_UNKNOWN_FILE, "C": CAT_UNKNOWN_COLLECTION, "R": CAT_INVALID_RESOURCE, "u": CAT_INVALID_USER}
KINDS = {"data_object": "d", "collection": "C", "resource": "R", "user": "u"}
Avu = tuple[str, str, str]


def _entity(session: Session, kind: str, name: str) -> int:
    """The catalog id of an entity that has AVUs; 0 if there is no such entity."""
    if kind == "d":
        found = replicas.find(session.db, name)
        return found[0].id if found else 0
    if kind == "C":
        coll = collections.find(session.db, name)
        return coll.id if coll else 0
    if kind == "R":
        resource = session.resources.by_name.get(name)
        return resource.id if resource else 0
    user, _, zone = name.partition("#")
    row = session.db.execute(
        "select id from user where name = ? and zone = ?", (user, zone or session.zone.name)
    ).fetchone()
    return int(row[0]) if row else 0


def _check_right(session: Session, kind: str, entity: int, level: int) -> None:
    """Raise CAT_NO_ACCESS_PERMISSION if the user may not change the entity's AVUs.

    Objects and collections need an access level; resources and users need an administrator.
    """
    allowed = level_of(session.db, session.user, entity) >= level if kind in "dC" else session.user.is_admin
    if not allowed:
        raise IrodsError(CAT_NO_ACCESS_PERMISSION)


def add(session: Session, entity: int, avu: Avu) -> bool:
    """Attach an AVU; False if it was attached before. Call it only inside a transaction."""
    if max(len(avu[0]), len(avu[1])) > MAX_TEXT or len(avu[2]) > MAX_UNITS:
        raise IrodsError(CAT_SQL_ERR)
    db, stamp = session.db, now()
    row = db.execute("select id from meta where name = ? and value = ? and units = ?", avu).fetchone()
    meta_id = row[0] if row else session.new_id()
    if row is None:
        db.execute("insert into meta values (?, ?, ?, ?, ?, ?)", (meta_id, *avu, stamp, stamp))
    made = db.execute("insert or ignore into metamap values (?, ?, ?, ?)", (entity, meta_id, stamp, stamp))
    return made.rowcount == 1


def remove(session: Session, entity: int, condition: str, values: tuple[str, ...]) -> bool:
    """Detach the AVUs that match an SQL condition on the table ``meta``; False if there are none."""
    removed = session.db.execute(
        f"delete from metamap where object_id = ? and meta_id in (select id from meta where {condition})",  # noqa: S608
        (entity, *values),
    )
    return removed.rowcount > 0


SAME = "name = ? and value = ? and units = ?"


def _add(session: Session, entity: int, arguments: list[str]) -> None:
    if not add(session, entity, _avu(arguments)):
        raise IrodsError(CATALOG_ALREADY_HAS_ITEM_BY_THAT_NAME)


def _set(session: Session, entity: int, arguments: list[str]) -> None:
    avu = _avu(arguments)
    remove(session, entity, "name = ? and not (value = ? and units = ?)", avu)
    add(session, entity, avu)


def _remove(session: Session, entity: int, arguments: list[str]) -> None:
    if not remove(session, entity, SAME, _avu(arguments)):
        raise IrodsError(CAT_SUCCESS_BUT_WITH_NO_INFO)


def _remove_like(session: Session, entity: int, arguments: list[str]) -> None:
    if not remove(session, entity, "name like ? and value like ? and units like ?", _avu(arguments)):
        raise IrodsError(CAT_SUCCESS_BUT_WITH_NO_INFO)


def _modify(session: Session, entity: int, arguments: list[str]) -> None:
    """Replace an AVU. The new parts follow the old ones, with the prefixes ``n:``, ``v:`` and ``u:``."""
    parts = [argument for argument in arguments[3:] if argument]
    units = parts.pop(0) if parts and parts[0][:2] not in ("n:", "v:", "u:") else ""
    old = _avu([*arguments[:3], units])
    new = {part[0]: part[2:] for part in parts}
    _remove(session, entity, ["", *old])
    add(session, entity, (new.get("n", old[0]), new.get("v", old[1]), new.get("u", old[2])))


def _avu(arguments: list[str]) -> Avu:
    name, value, units = [*arguments, "", "", ""][1:4]
    if not name or not value:
        raise IrodsError(CAT_INVALID_ARGUMENT)
    return name, value, units


OPERATIONS: dict[str, tuple[Callable[[Session, int, list[str]], None], int]] = {
    "add": (_add, CREATE_METADATA),
    "adda": (_add, CREATE_METADATA),
    "set": (_set, CREATE_METADATA),
    "rm": (_remove, DELETE_METADATA),
    "rmw": (_remove_like, DELETE_METADATA),
    "mod": (_modify, DELETE_METADATA),
}


def _mod_avu(session: Session, request: Request) -> Reply:
    """Run one operation on the AVUs of one entity. The arguments are those of the command ``imeta``."""
    operation, kind, *arguments = (request.node.text(f"arg{number}") for number in range(10))
    kind = kind.removeprefix("-")
    kind = {"c": "C", "r": "R"}.get(kind, kind)
    with session.transaction():
        if operation == "cp":
            _copy(session, kind, arguments)
            return Reply()
        if operation not in OPERATIONS or kind not in MISSING:
            raise IrodsError(CAT_INVALID_ARGUMENT)
        entity = _entity(session, kind, arguments[0])
        if not entity:
            raise IrodsError(MISSING[kind])
        function, level = OPERATIONS[operation]
        if "irodsAdmin" not in request.node.keywords() or not session.user.is_admin:
            _check_right(session, kind, entity, level)
        function(session, entity, arguments)
    return Reply()


def _copy(session: Session, kind: str, arguments: list[str]) -> None:
    """Copy all AVUs of one entity to another. The arguments are the target's kind, the source and the target."""
    target_kind = arguments[0].removeprefix("-")
    if kind not in MISSING or target_kind not in MISSING:
        raise IrodsError(CAT_INVALID_ARGUMENT)
    source, target = _entity(session, kind, arguments[1]), _entity(session, target_kind, arguments[2])
    if not source or not target:
        raise IrodsError(MISSING[kind if not source else target_kind])
    _check_right(session, target_kind, target, CREATE_METADATA)
    stamp = now()
    session.db.execute(
        "insert or ignore into metamap select ?, meta_id, ?, ? from metamap where object_id = ?",
        (target, stamp, stamp, source),
    )


def _atomic(session: Session, request: Request) -> Reply:
    """Add and remove several AVUs, all or none. Repeating an operation is no error (recorded: meta.atomic)."""
    fields = json_of(request)
    kind, operations = KINDS.get(str(fields.get("entity_type"))), fields.get("operations")
    if kind is None or not isinstance(operations, list):
        raise IrodsError(SYS_INVALID_INPUT_PARAM)
    with session.transaction():
        entity = _entity(session, kind, str(fields.get("entity_name")))
        if not entity:
            raise IrodsError(SYS_INVALID_INPUT_PARAM)
        if not fields.get("admin_mode") or not session.user.is_admin:
            _check_right(session, kind, entity, CREATE_METADATA)
        for operation in operations:
            _apply(session, entity, operation)
    return json_reply({})


def _apply(session: Session, entity: int, operation: dict[str, Any]) -> None:
    avu = (str(operation.get("attribute", "")), str(operation.get("value", "")), str(operation.get("units", "")))
    if not avu[0] or not avu[1]:
        raise IrodsError(SYS_INVALID_INPUT_PARAM)
    if operation.get("operation") == "add":
        add(session, entity, avu)
    elif operation.get("operation") == "remove":
        remove(session, entity, SAME, avu)
    else:
        raise IrodsError(INVALID_OPERATION)


HANDLERS: dict[int, Handler] = {
    api_number["MOD_AVU_METADATA_AN"]: _mod_avu,
    api_number["ATOMIC_APPLY_METADATA_OPERATIONS_APN"]: _atomic,
}
