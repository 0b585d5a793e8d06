"""Permissions (707): access levels and inheritance, of one path or a whole tree."""

from irods.api_number import api_number

from devzone.catalog.levels import LEVELS, OWN
from devzone.errors import CAT_INVALID_ARGUMENT, CAT_INVALID_USER, CAT_NO_ACCESS_PERMISSION, IrodsError
from devzone.objects import collections, replicas
from devzone.objects.access import grant, require
from devzone.session import Handler, Reply, Request, Session

ADMIN_PREFIX = "admin:"
INHERITANCE = {"inherit": "1", "noinherit": "0"}
SHORT = {"read": "read_object", "write": "modify_object", "none": "null"}


def _modify(session: Session, request: Request) -> Reply:
    """Set an access level or the inheritance, of a path or a whole tree (recorded: acl.set, acl.inherit)."""
    node = request.node
    level, path = node.text("accessLevel"), node.path("path")
    as_admin = level.startswith(ADMIN_PREFIX)
    if as_admin and not session.user.is_admin:
        raise IrodsError(CAT_NO_ACCESS_PERMISSION, "You must be the admin to use the -M admin mode")
    level = level.removeprefix(ADMIN_PREFIX)
    with session.transaction():
        found, objects = _targets(session, path, bool(node.number("recursiveFlag")))
        if level in INHERITANCE:
            _check(session, found, as_admin)
            session.db.executemany(
                "update coll set inherit = ? where id = ?", [(INHERITANCE[level], target) for target in found]
            )
            return Reply()
        name = SHORT.get(level, level.replace(" ", "_"))
        if name not in LEVELS:
            raise IrodsError(CAT_INVALID_ARGUMENT, f"access level '{level}' is invalid")
        _check(session, found + objects, as_admin)
        user_id = _user(session, node.text("userName"), node.text("zone"))
        for target in found + objects:
            grant(session.db, target, user_id, LEVELS[name])
    return Reply()


def _targets(session: Session, path: str, recursive: bool) -> tuple[list[int], list[int]]:
    """The ids of the collections and of the objects to change."""
    coll = collections.find(session.db, path)
    if coll is None:
        found = replicas.find(session.db, path)
        if not found:
            raise IrodsError(CAT_INVALID_ARGUMENT, f"Input path is not a collection and not a dataObj: {path}")
        return [], [found[0].id]
    if not recursive:
        return [coll.id], []
    below = session.db.execute("select id from coll where name > ? and name < ?", collections.subtree(path))
    tree = [coll.id, *(row[0] for row in below)]
    objects = [
        row[0]
        for one in tree
        for row in session.db.execute("select distinct id from data where coll_id = ?", (one,)).fetchall()
    ]
    return tree, objects


def _check(session: Session, targets: list[int], as_admin: bool) -> None:
    if not as_admin:
        for target in targets:
            require(session, target, OWN)


def _user(session: Session, name: str, zone: str) -> int:
    row = session.db.execute(
        "select id from user where name = ? and zone = ?", (name, zone or session.zone.name)
    ).fetchone()
    if row is None:
        raise IrodsError(CAT_INVALID_USER, name)
    return int(row[0])


HANDLERS: dict[int, Handler] = {api_number["MOD_ACCESS_CONTROL_AN"]: _modify}
