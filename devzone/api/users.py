"""Users and groups: add, remove, modify, passwords, membership. Call all only inside a transaction."""

import hashlib

from irods.password_obfuscation import unscramble

from devzone.catalog.catalog import now
from devzone.errors import (
    CAT_INVALID_ARGUMENT,
    CAT_INVALID_GROUP,
    CAT_INVALID_USER,
    CAT_INVALID_USER_TYPE,
    CATALOG_ALREADY_HAS_ITEM_BY_THAT_NAME,
    USER_INVALID_USERNAME_FORMAT,
    IrodsError,
)
from devzone.objects import collections
from devzone.session import Session

TYPES = ("rodsadmin", "groupadmin", "rodsuser")
PADDING = "1gCBizHWbwIYyWLoysGzTe6SyzqFKMniZX05faZHWAwQKXf6Fs"  # clients append it to new passwords
PREFIX_LENGTH = 7  # characters before the password
COLUMNS = {"type": "type", "comment": "comment", "info": "info"}


def _split(session: Session, name: str, zone: str = "") -> tuple[str, str]:
    user, _, given = name.partition("#")
    return user, given or zone or session.zone.name


def _find(session: Session, name: str, zone: str = "", missing: int = CAT_INVALID_USER) -> int:
    row = session.db.execute("select id from user where name = ? and zone = ?", _split(session, name, zone)).fetchone()
    if row is None:
        raise IrodsError(missing, name)
    return int(row[0])


def _insert(session: Session, name: str, zone: str, kind: str) -> int:
    if not name or any(character in name for character in "/#\\' \n"):
        raise IrodsError(USER_INVALID_USERNAME_FORMAT)
    db, stamp = session.db, now()
    if db.execute("select 1 from user where name = ? and zone = ?", (name, zone)).fetchone():
        raise IrodsError(CATALOG_ALREADY_HAS_ITEM_BY_THAT_NAME)
    user_id = session.new_id()
    db.execute(
        "insert into user (id, name, zone, type, create_ts, modify_ts) values (?, ?, ?, ?, ?, ?)",
        (user_id, name, zone, kind, stamp, stamp),
    )
    return user_id


def add_user(session: Session, arguments: list[str]) -> None:
    """Add a user with home and trash collections, as the server's rules do. Arguments: name[#zone], type, zone."""
    name, zone = _split(session, arguments[0], arguments[2])
    if arguments[1] == "rodsgroup":
        add_group(session, arguments)
        return
    if arguments[1] not in TYPES:
        raise IrodsError(CAT_INVALID_USER_TYPE)
    user_id = _insert(session, name, zone, arguments[1])
    public = session.db.execute("select id from user where name = 'public' and type = 'rodsgroup'").fetchone()
    session.db.execute("insert into member values (?, ?), (?, ?)", (user_id, user_id, public[0], user_id))
    if zone == session.zone.name:
        for above in (f"/{zone}/home", f"/{zone}/trash/home"):
            collections.insert(
                session, f"{above}/{name}", (user_id, name, zone), collections.existing(session.db, above)
            )


def add_group(session: Session, arguments: list[str]) -> None:
    """Add a group with a home collection. Argument: name."""
    zone = session.zone.name
    group_id = _insert(session, arguments[0], zone, "rodsgroup")
    above = collections.existing(session.db, f"/{zone}/home")
    collections.insert(session, f"/{zone}/home/{arguments[0]}", (group_id, arguments[0], zone), above)


def remove_user(session: Session, arguments: list[str]) -> None:
    """Remove a user or group, and its home and trash collections if they are empty. Argument: name[#zone]."""
    user_id = _find(session, arguments[0])
    name, zone = _split(session, arguments[0])
    db = session.db
    for path in (f"/{zone}/home/{name}", f"/{zone}/trash/home/{name}"):
        coll = collections.find(db, path)
        inner = db.execute(
            "select (select count(*) from coll where parent = ?) + (select count(*) from data where coll_id = ?)",
            (path, coll.id if coll else 0),
        ).fetchone()[0]
        if coll and not inner:
            collections.delete(db, coll.id)
    for statement in ("delete from user where id = ?", "delete from access where user_id = ?",
                      "delete from metamap where object_id = ?", "delete from member where user_id = ?",
                      "delete from member where group_id = ?"):  # fmt: skip
        db.execute(statement, (user_id,))


def modify_user(session: Session, arguments: list[str]) -> None:
    """Change password, type, comment or info of a user. Arguments: name[#zone], option, value."""
    user_id, option, value = _find(session, arguments[0]), arguments[1], arguments[2]
    if option == "password":
        set_password(session, user_id, value)
        return
    if option not in COLUMNS:
        raise IrodsError(CAT_INVALID_ARGUMENT, option)
    if option == "type" and value not in TYPES:
        raise IrodsError(CAT_INVALID_USER_TYPE)
    session.db.execute(
        f"update user set {COLUMNS[option]} = ?, modify_ts = ? where id = ?",  # noqa: S608 - from the table above
        (value, now(), user_id),
    )


def set_password(session: Session, user_id: int, hidden: str) -> None:
    """Store a new password. The client obfuscated it with the caller's password and the session signature."""
    assert session.proxy is not None  # noqa: S101
    (own,) = session.db.execute("select password from user where id = ?", (session.proxy.id,)).fetchone()
    session.db.execute("update user set password = ? where id = ?", (reveal(hidden, own, session.signature), user_id))


def reveal(hidden: str, own_password: str, signature: str) -> str:
    """Reverse ``irods.password_obfuscation.obfuscate_new_password``: a prefix, the password, padding."""
    key = (own_password[:90] + signature[:100]).ljust(100, "\0")
    ring = hashlib.md5(key.encode(), usedforsecurity=False).hexdigest()
    password = str(unscramble(hidden, key=ring, scramble_prefix="", block_chaining=True))[PREFIX_LENGTH:]
    start = password.find(PADDING[:15])
    return password[:start] if start >= 0 else password


def modify_group(session: Session, arguments: list[str]) -> None:
    """Add a user to a group, or remove it. Arguments: group, "add" or "remove", user, zone."""
    group_id = _find(session, arguments[0], missing=CAT_INVALID_GROUP)
    user_id = _find(session, arguments[2], arguments[3])
    if arguments[1] == "add":
        if session.db.execute("insert or ignore into member values (?, ?)", (group_id, user_id)).rowcount != 1:
            raise IrodsError(CATALOG_ALREADY_HAS_ITEM_BY_THAT_NAME)
    elif arguments[1] == "remove":
        session.db.execute("delete from member where group_id = ? and user_id = ?", (group_id, user_id))
    else:
        raise IrodsError(CAT_INVALID_ARGUMENT)
