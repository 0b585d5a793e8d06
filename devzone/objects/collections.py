"""Collections: find, create, touch and delete their rows."""

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
    """The columns of a collection that API calls need."""

    id: int
    name: str
    owner: str
    inherit: str


def find(db: sqlite3.Connection, path: str) -> Collection | None:
    """The collection with that path; None if there is none."""
    row = db.execute("select id, name, owner_name, inherit from coll where name = ?", (path,)).fetchone()
    return Collection(*row) if row else None


def existing(db: sqlite3.Connection, path: str) -> Collection:
    """The collection with that path; CAT_UNKNOWN_COLLECTION if there is none."""
    found = find(db, path)
    if found is None:
        raise IrodsError(CAT_UNKNOWN_COLLECTION, f"collection '{path}' is unknown")
    return found


def writable_parent(session: Session, path: str) -> Collection:
    """The parent collection of a path. Raises an error if the user may not create something in it."""
    parent = existing(session.db, split(path)[0])
    require(session, parent.id, MODIFY, f"no permission to update collection '{parent.name}'")
    return parent


def is_object(db: sqlite3.Connection, path: str) -> bool:
    """Whether there is a data object with that path."""
    parent, name = split(path)
    return (
        db.execute(
            "select 1 from data where coll_id = (select id from coll where name = ?) and name = ?", (parent, name)
        ).fetchone()
        is not None
    )


def insert(session: Session, path: str, owner: tuple[int, str, str], parent: Collection) -> Collection:
    """Add a collection with its first permissions; ``owner`` is (id, name, zone). Call it only inside a transaction."""
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
    """Set the collection's modification time, because an entry was created, renamed or removed in it."""
    db.execute("update coll set modify_ts = ? where id = ?", (now(), coll_id))


def subtree(path: str) -> tuple[str, str]:
    """The bounds of the paths below a path, for ``name > ? and name < ?``, which can use an index."""
    return path + "/", path + "0"


def delete(db: sqlite3.Connection, coll_id: int) -> None:
    """Delete a collection's row, permissions and metadata."""
    for statement in (
        "delete from access where object_id = ?",
        "delete from metamap where object_id = ?",
        "delete from coll where id = ?",
    ):
        db.execute(statement, (coll_id,))


def create_with_parents(session: Session, path: str) -> None:
    """Create a collection and its missing parents. One that the user cannot see counts as missing.

    Recorded: coll.create_deep.
    """
    found = find(session.db, path)
    if found is not None and is_visible(session, found.id):
        return
    with session.transaction():
        missing = _missing(session, path)
        for part in reversed(missing):
            create(session, part)


def _missing(session: Session, path: str) -> list[str]:
    """The path and its parents, the deepest first, up to the first that the user can see."""
    missing: list[str] = []
    while True:
        found = find(session.db, path)
        if found is not None and is_visible(session, found.id):
            return missing
        check_zone(path, session.zone.name)
        missing.append(path)
        path = split(path)[0]


def create(session: Session, path: str) -> Collection:
    """Create one collection. Call it only inside a transaction."""
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
