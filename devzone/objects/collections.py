"""Collection rows: find, insert, touch; used by every family of calls."""

import sqlite3
from dataclasses import dataclass

from devzone.catalog.catalog import now
from devzone.catalog.paths import split
from devzone.errors import CAT_UNKNOWN_COLLECTION, IrodsError
from devzone.objects.access import MODIFY, first_rights, require
from devzone.session import Session


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
