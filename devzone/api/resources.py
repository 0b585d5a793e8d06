"""Resources and their hierarchies: add, remove, modify (recorded: resc.*). Call all only inside a transaction."""

import re

from devzone.catalog.catalog import now
from devzone.catalog.resources import load_resources
from devzone.errors import (
    CAT_INVALID_ARGUMENT,
    CAT_INVALID_CHILD,
    CAT_INVALID_RESOURCE,
    CAT_INVALID_RESOURCE_NAME,
    CAT_INVALID_RESOURCE_VAULT_PATH,
    CAT_NO_ROWS_FOUND,
    CAT_RESOURCE_NOT_EMPTY,
    CATALOG_ALREADY_HAS_ITEM_BY_THAT_NAME,
    CHILD_EXISTS,
    CHILD_NOT_FOUND,
    HIERARCHY_ERROR,
    SYS_INVALID_INPUT_PARAM,
    SYS_RESC_DOES_NOT_EXIST,
    IrodsError,
)
from devzone.session import Session

MAX_NAME = 63  # characters
_NAME = re.compile(r"[A-Za-z0-9_-]+")
COLUMNS = {
    "status": "status", "comment": "comment", "info": "info", "context": "context", "path": "vault",
    "host": "location", "type": "type", "free_space": "free_space",
}  # fmt: skip


def _find(session: Session, name: str, missing: int) -> tuple[int, str]:
    """The id and the parent of a resource."""
    row = session.db.execute("select id, parent from resc where name = ?", (name,)).fetchone()
    if row is None:
        raise IrodsError(missing, f"no resource found for name [{name}]")
    return int(row[0]), str(row[1])


def add(session: Session, arguments: list[str]) -> None:
    """Add a resource. Arguments: name, type, host:vault, context, zone."""
    name, kind, location, context = arguments[:4]
    if not name or " " in name:
        raise IrodsError(CAT_INVALID_RESOURCE_NAME)
    if not _NAME.fullmatch(name) or len(name) > MAX_NAME:
        raise IrodsError(SYS_INVALID_INPUT_PARAM)
    host, _, vault = location.partition(":")
    if vault == "/":
        raise IrodsError(CAT_INVALID_RESOURCE_VAULT_PATH, "root directory cannot be used as vault path.")
    if session.db.execute("select 1 from resc where name = ?", (name,)).fetchone():
        raise IrodsError(CATALOG_ALREADY_HAS_ITEM_BY_THAT_NAME)
    stamp = now()
    session.db.execute(
        "insert into resc (id, name, zone, type, location, vault, context, create_ts, modify_ts, hier) "
        "values (?, ?, ?, ?, ?, ?, ?, ?, ?, ?)",
        (session.new_id(), name, session.zone.name, kind, host, vault, context, stamp, stamp, name),
    )


def remove(session: Session, arguments: list[str]) -> None:
    """Remove a resource that has no data, no parent and no children. Arguments: name, [--dryrun]."""
    if " " in arguments[0] or not arguments[0]:
        raise IrodsError(CAT_INVALID_RESOURCE_NAME)
    resource, parent = _find(session, arguments[0], CAT_NO_ROWS_FOUND)
    db = session.db
    if db.execute("select 1 from data where resc_id = ? limit 1", (resource,)).fetchone():
        raise IrodsError(CAT_RESOURCE_NOT_EMPTY, f"resource '{arguments[0]}' contains one or more dataObjects")
    if parent or db.execute("select 1 from resc where parent = ?", (str(resource),)).fetchone():
        raise IrodsError(CHILD_EXISTS)
    if arguments[1] != "--dryrun":
        db.execute("delete from metamap where object_id = ?", (resource,))
        db.execute("delete from resc where id = ?", (resource,))


def modify(session: Session, arguments: list[str]) -> None:
    """Change an attribute of a resource. Arguments: name, attribute, value."""
    resource, _ = _find(session, arguments[0], CAT_INVALID_RESOURCE)
    attribute, value = arguments[1], arguments[2]
    if attribute == "name":
        _rename(session, resource, value)
    elif attribute in COLUMNS:
        session.db.execute(
            f"update resc set {COLUMNS[attribute]} = ?, modify_ts = ? where id = ?",  # noqa: S608 - from the table above
            (value, now(), resource),
        )
    else:
        raise IrodsError(CAT_INVALID_ARGUMENT, attribute)


def _rename(session: Session, resource: int, name: str) -> None:
    if not _NAME.fullmatch(name) or len(name) > MAX_NAME:
        raise IrodsError(SYS_INVALID_INPUT_PARAM)
    if session.db.execute("select 1 from resc where name = ?", (name,)).fetchone():
        raise IrodsError(CATALOG_ALREADY_HAS_ITEM_BY_THAT_NAME)
    session.db.execute("update resc set name = ?, modify_ts = ? where id = ?", (name, now(), resource))
    _write_hierarchies(session)


def add_child(session: Session, arguments: list[str]) -> None:
    """Make a resource the child of another, in place of its parent if it has one. Arguments: parent, child, context."""
    parent_name, child_name, context = arguments[:3]
    if parent_name == child_name:
        raise IrodsError(HIERARCHY_ERROR, f"Cannot add resource [{parent_name}] as child to itself.")
    parent, _ = _find(session, parent_name, CAT_INVALID_RESOURCE)
    child, _ = _find(session, child_name, CHILD_NOT_FOUND)
    above = load_resources(session.db).by_id[parent].hierarchy.split(";")
    if child_name in above:
        raise IrodsError(HIERARCHY_ERROR)
    _set_parent(session, child, str(parent), context)


def remove_child(session: Session, arguments: list[str]) -> None:
    """Detach a child from its parent. Arguments: parent, child."""
    parent, _ = _find(session, arguments[0], SYS_RESC_DOES_NOT_EXIST)
    child, current = _find(session, arguments[1], SYS_RESC_DOES_NOT_EXIST)
    if current != str(parent):
        raise IrodsError(CAT_INVALID_CHILD)
    _set_parent(session, child, "", "")


def _set_parent(session: Session, child: int, parent: str, context: str) -> None:
    session.db.execute(
        "update resc set parent = ?, parent_context = ?, modify_ts = ? where id = ?", (parent, context, now(), child)
    )
    _write_hierarchies(session)


def _write_hierarchies(session: Session) -> None:
    """Store the hierarchy of every resource as a text."""
    by_id = load_resources(session.db).by_id
    for resource in by_id.values():
        names, above = [resource.name], resource.parent
        while above:
            names.append(by_id[int(above)].name)
            above = by_id[int(above)].parent
        session.db.execute("update resc set hier = ? where id = ?", (";".join(reversed(names)), resource.id))
