"""Collection rows: find, insert, touch; used by every family of calls."""

import sqlite3
from dataclasses import dataclass

from devzone.catalog.catalog import now
from devzone.catalog.levels import MODIFY
from devzone.catalog.paths import check_zone, split
from devzone.errors import (
    CAT_NAME_EXISTS_AS_DATAOBJ,
    CAT_UNKNOWN_COLLECTION,
    CATALOG_ALREADY_HAS_ITEM_BY_THAT_NAME,
    USER_INPUT_PATH_ERR,
    IrodsError,
)
from devzone.objects.access import first_rights, is_visible, require
from devzone.session import Session

UNREGISTER = 26  # oprType of an unregistration


@dataclass(slots=True)
class Collection:
    """The part of a collection's row that calls decide on."""

    id: int
    name: str
    owner: str
    inherit: str


def find(db: sqlite3.Connection, path: str) -> Collection | None:
    """The collection of that path."""
    row = db.execute("select id, name, owner_name, inherit from coll where name = ?", (path,)).fetchone()
    return Collection(*row) if row else None


def existing(db: sqlite3.Connection, path: str) -> Collection:
    """The collection of that path; CAT_UNKNOWN_COLLECTION otherwise."""
    found = find(db, path)
    if found is None:
        raise IrodsError(CAT_UNKNOWN_COLLECTION, f"collection '{path}' is unknown")
    return found


def writable_parent(session: Session, path: str) -> Collection:
    """The parent collection of a path, in which the user may make something."""
    parent = existing(session.db, split(path)[0])
    require(session, parent.id, MODIFY, f"no permission to update collection '{parent.name}'")
    return parent


def is_object(db: sqlite3.Connection, path: str) -> bool:
    """Whether a data object has that path."""
    parent, name = split(path)
    return (
        db.execute(
            "select 1 from data where coll_id = (select id from coll where name = ?) and name = ?", (parent, name)
        ).fetchone()
        is not None
    )


def insert(session: Session, path: str, owner: tuple[int, str, str], parent: Collection) -> Collection:
    """Add a collection owned by (id, name, zone) with the rights it starts with; only inside a transaction."""
    stamp = now()
    made = Collection(session.new_id(), path, owner[1], parent.inherit)
    session.db.execute(
        "insert into coll (id, name, parent, owner_name, owner_zone, inherit, create_ts, modify_ts) "
        "values (?, ?, ?, ?, ?, ?, ?, ?)",
        (made.id, path, split(path)[0], owner[1], owner[2], parent.inherit, stamp, stamp),
    )
    first_rights(session.db, made.id, owner[0], parent.id, parent.inherit)
    return made


def touch(db: sqlite3.Connection, coll_id: int) -> None:
    """Something was made, renamed or removed in the collection: its modification time is now."""
    db.execute("update coll set modify_ts = ? where id = ?", (now(), coll_id))


def subtree(path: str) -> tuple[str, str]:
    """Bounds of the names below a path, for ``name > ? and name < ?``: an index can use them."""
    return path + "/", path + "0"


def delete(db: sqlite3.Connection, coll_id: int) -> None:
    """Remove a collection's row, rights and metadata."""
    for statement in (
        "delete from access where object_id = ?",
        "delete from metamap where object_id = ?",
        "delete from coll where id = ?",
    ):
        db.execute(statement, (coll_id,))


def create_with_parents(session: Session, path: str) -> None:
    """Make a collection and what is missing above it, as far as the user can see (recorded: coll.create_deep)."""
    found = find(session.db, path)
    if found is not None and is_visible(session, found.id):
        return
    with session.transaction():
        missing = _missing(session, path)
        for part in reversed(missing):
            create(session, part)


def _missing(session: Session, path: str) -> list[str]:
    """The path and its parents up to the first that the user can see, the deepest first."""
    missing: list[str] = []
    while True:
        found = find(session.db, path)
        if found is not None and is_visible(session, found.id):
            return missing
        check_zone(path, session.zone.name)
        missing.append(path)
        path = split(path)[0]


def create(session: Session, path: str) -> Collection:
    """Make one collection; only inside a transaction."""
    check_zone(path, session.zone.name)
    if path.rpartition("/")[2] in (".", ".."):
        raise IrodsError(USER_INPUT_PATH_ERR, path)
    parent = writable_parent(session, path)
    if find(session.db, path):
        raise IrodsError(CATALOG_ALREADY_HAS_ITEM_BY_THAT_NAME)
    if is_object(session.db, path):
        raise IrodsError(CAT_NAME_EXISTS_AS_DATAOBJ)
    user = session.user
    made = insert(session, path, (user.id, user.name, user.zone), parent)
    touch(session.db, parent.id)
    return made
