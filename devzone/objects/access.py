"""Permissions: the levels, what a user may do with an object or collection, and how rights are stored."""

import sqlite3

from devzone.catalog.catalog import OWN, now
from devzone.errors import CAT_NO_ACCESS_PERMISSION, IrodsError
from devzone.session import Session, User

# Token ids of the access types (source: python-irodsclient, irods.access, copied there from the server).
LEVELS = {
    "null": 1000, "execute": 1010, "read_annotation": 1020, "read_system_metadata": 1030, "read_metadata": 1040,
    "read_object": 1050, "write_annotation": 1060, "create_metadata": 1070, "modify_metadata": 1080,
    "delete_metadata": 1090, "administer_object": 1100, "create_object": 1110, "modify_object": 1120,
    "delete_object": 1130, "create_token": 1140, "delete_token": 1150, "curate": 1160, "own": OWN,
}  # fmt: skip
READ = LEVELS["read_object"]
CREATE_METADATA = LEVELS["create_metadata"]
MODIFY_METADATA = LEVELS["modify_metadata"]
DELETE_METADATA = LEVELS["delete_metadata"]
MODIFY = LEVELS["modify_object"]
DELETE = LEVELS["delete_object"]


def level_of(db: sqlite3.Connection, user: User, object_id: int) -> int:
    """The highest level that the user or one of its groups has on an object or collection; 0 for none."""
    best = 0
    for identity in user.identities:
        row = db.execute(
            "select level from access where object_id = ? and user_id = ?", (object_id, identity)
        ).fetchone()
        if row and row[0] > best:
            best = row[0]
    return best


def is_visible(session: Session, object_id: int) -> bool:
    """Whether queries of this user show the object: administrators see everything."""
    return session.user.is_admin or level_of(session.db, session.user, object_id) >= READ


def require(session: Session, object_id: int, level: int, message: str = "") -> None:
    """Refuse with CAT_NO_ACCESS_PERMISSION what the user has no right for; administrators are no exception."""
    if level_of(session.db, session.user, object_id) < level:
        raise IrodsError(CAT_NO_ACCESS_PERMISSION, message)


def grant(db: sqlite3.Connection, object_id: int, user_id: int, level: int) -> None:
    """Set one right; the null level takes it away."""
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
    """Rights of something new: its parent's if that collection hands them on, and 'own' for its maker."""
    if inherit == "1":
        stamp = now()
        db.execute(
            "insert into access select ?, user_id, level, ?, ? from access where object_id = ?",
            (object_id, stamp, stamp, parent_id),
        )
    grant(db, object_id, owner_id, OWN)
