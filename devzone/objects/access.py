"""Permissions of users on data objects and collections: checks and changes."""

import sqlite3

from devzone.catalog.catalog import now
from devzone.catalog.levels import LEVELS, OWN, READ
from devzone.errors import CAT_NO_ACCESS_PERMISSION, IrodsError
from devzone.session import Session, User


def level_of(db: sqlite3.Connection, user: User, object_id: int) -> int:
    """The highest access level that the user or one of its groups has on an object or collection; 0 if none."""
    best = 0
    for identity in user.identities:
        row = db.execute(
            "select level from access where object_id = ? and user_id = ?", (object_id, identity)
        ).fetchone()
        if row and row[0] > best:
            best = row[0]
    return best


def is_visible(session: Session, object_id: int) -> bool:
    """Whether queries of this user return the object. Administrators see every object."""
    return session.user.is_admin or level_of(session.db, session.user, object_id) >= READ


def require(session: Session, object_id: int, level: int, message: str = "") -> None:
    """Raise CAT_NO_ACCESS_PERMISSION if the user does not have the access level, also if it is an administrator."""
    if level_of(session.db, session.user, object_id) < level:
        raise IrodsError(CAT_NO_ACCESS_PERMISSION, message)


def grant(db: sqlite3.Connection, object_id: int, user_id: int, level: int) -> None:
    """Set the access level of a user or group. The level "null" removes it."""
    if level == LEVELS["null"]:
        db.execute("delete from access where object_id = ? and user_id = ?", (object_id, user_id))
        return
    stamp = now()
    db.execute(
        "insert into access values (?, ?, ?, ?, ?) on conflict do update set level = excluded.level, "
        "modify_ts = excluded.modify_ts",
        (object_id, user_id, level, stamp, stamp),
    )


def first_rights(db: sqlite3.Connection, object_id: int, owner_id: int, parent_id: int, inherit: str) -> None:
    """Set the permissions of a new object or collection: "own" for its owner, and the parent's if inheritance is on."""
    if inherit == "1":
        stamp = now()
        db.execute(
            "insert into access select ?, user_id, level, ?, ? from access where object_id = ?",
            (object_id, stamp, stamp, parent_id),
        )
    grant(db, object_id, owner_id, OWN)
