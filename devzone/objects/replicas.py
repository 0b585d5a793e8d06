"""Replicas of data objects: find, insert, change and delete their rows."""

import sqlite3

from devzone.catalog.catalog import now
from devzone.catalog.paths import split
from devzone.catalog.rows import GOOD, NewReplica, Replica
from devzone.errors import CAT_NO_ROWS_FOUND, IrodsError
from devzone.objects.access import first_rights, is_visible
from devzone.objects.collections import Collection
from devzone.session import Session

_FIELDS = "id, number, coll_id, name, type, size, resc_id, path, repl_status, checksum, modify_ts, owner_name"


def find(db: sqlite3.Connection, path: str) -> list[Replica]:
    """All replicas of the data object with that logical path, ordered by number; empty if there is no such object."""
    parent, name = split(path)
    rows = db.execute(
        f"select {_FIELDS} from data where coll_id = (select id from coll where name = ?) and name = ? "  # noqa: S608
        "order by number",
        (parent, name),
    )
    return [Replica(*row) for row in rows]


def below(db: sqlite3.Connection, coll_id: int) -> list[Replica]:
    """All replicas of the data objects directly in a collection."""
    rows = db.execute(f"select {_FIELDS} from data where coll_id = ?", (coll_id,))  # noqa: S608
    return [Replica(*row) for row in rows]


def insert_object(session: Session, parent: Collection, name: str, new: NewReplica) -> int:
    """Add a data object with its first replica and its first permissions; returns its id."""
    data_id = session.new_id()
    insert_replica(session, (data_id, 0, parent.id, name), new)
    first_rights(session.db, data_id, session.user.id, parent.id, parent.inherit)
    return data_id


def insert_replica(session: Session, key: tuple[int, int, int, str], new: NewReplica) -> None:
    """Add a replica; ``key`` is (object id, replica number, collection id, object name)."""
    stamp = now()
    session.db.execute(
        "insert into data (id, number, coll_id, name, type, size, resc_id, path, owner_name, owner_zone, repl_status, "
        "checksum, mode, create_ts, modify_ts, access_ts) values (?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?)",
        (
            *key, new.type, new.size, new.resc_id, new.path, session.user.name, session.user.zone, new.status,
            new.checksum, new.mode, stamp, new.modified or stamp, stamp,
        ),
    )  # fmt: skip


def set_others(db: sqlite3.Connection, data_id: int, number: int, status: int) -> None:
    """Set the status of all other replicas of an object."""
    db.execute("update data set repl_status = ? where id = ? and number <> ?", (status, data_id, number))


def delete_object(db: sqlite3.Connection, data_id: int) -> None:
    """Delete a data object's replicas, permissions and metadata."""
    for statement in (
        "delete from data where id = ?",
        "delete from access where object_id = ?",
        "delete from metamap where object_id = ?",
    ):
        db.execute(statement, (data_id,))


def delete_replica(db: sqlite3.Connection, replica: Replica) -> None:
    """Delete one replica of an object that has others."""
    db.execute("delete from data where id = ? and number = ?", (replica.id, replica.number))


def best_first(found: list[Replica]) -> list[Replica]:
    """Good replicas before the others, each group ordered by number."""
    return sorted(found, key=lambda replica: (replica.status != GOOD, replica.number))


def visible_replicas(session: Session, path: str) -> list[Replica]:
    """The replicas of an object; CAT_NO_ROWS_FOUND if there is no such object or the user cannot see it."""
    found = find(session.db, path)
    if not found or not is_visible(session, found[0].id):
        raise IrodsError(CAT_NO_ROWS_FOUND, path)
    return found
