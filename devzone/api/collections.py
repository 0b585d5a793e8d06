"""Creation and removal of collections (681, 679)."""

from irods.api_number import api_number

from devzone.catalog.levels import DELETE, MODIFY
from devzone.catalog.paths import check_zone, in_trash, split
from devzone.catalog.rows import Replica
from devzone.errors import (
    CAT_COLLECTION_NOT_EMPTY,
    CAT_NAME_EXISTS_AS_DATAOBJ,
    CAT_NO_ROWS_FOUND,
    USER_FILE_DOES_NOT_EXIST,
    IrodsError,
)
from devzone.objects import collections, removal, replicas
from devzone.objects.access import is_visible, require
from devzone.objects.collections import UNREGISTER, Collection, create, create_with_parents
from devzone.objects.moving import move_to_trash
from devzone.session import Handler, Reply, Request, Session

# Recorded (name.long_path): a recursive removal does not find the contents of collections with longer paths.
MAX_LISTED_PATH = 1084  # bytes


def _create(session: Session, request: Request) -> Reply:
    """Create a collection, and its missing parents with the keyword recursiveOpr."""
    path = request.node.path("collName")
    if len(path) > 1 and path.endswith("/"):
        path = path[:-1]
    if "recursiveOpr" in request.node.keywords():
        create_with_parents(session, path)
    else:
        with session.transaction():
            create(session, path)
    return Reply()


def _remove(session: Session, request: Request) -> Reply:
    """Remove an empty collection, or a tree: to the trash, permanently, or from the catalog only."""
    node = request.node
    path, keywords = node.path("collName"), node.keywords()
    if len(path) > 1 and path.endswith("/"):
        path = path[:-1]
    unregister = node.number("oprType") == UNREGISTER or keywords.get("oprType") == str(UNREGISTER)
    if "recursiveOpr" not in keywords:
        with session.transaction():
            _remove_empty(session, collections.existing(session.db, path))
    elif unregister or "forceFlag" in keywords or in_trash(path):
        _remove_tree(session, path, unregister)
    else:
        _remove_to_trash(session, path)
    return Reply()


def _require_removable(session: Session, found: Collection) -> None:
    """Raise an error if the user may not remove the collection.

    It needs permissions on the collection and on its parent (recorded: coll.remove_without_permission).
    """
    parent = collections.existing(session.db, split(found.name)[0])
    require(session, parent.id, MODIFY)
    require(session, found.id, DELETE)


def _remove_empty(session: Session, found: Collection) -> None:
    """Remove a collection; CAT_COLLECTION_NOT_EMPTY if it is not empty. Call it only inside a transaction."""
    check_zone(found.name, session.zone.name)
    _require_removable(session, found)
    db = session.db
    inner = db.execute("select 1 from coll where parent = ? and id <> ? limit 1", (found.name, found.id)).fetchone()
    if inner or db.execute("select 1 from data where coll_id = ? limit 1", (found.id,)).fetchone():
        raise IrodsError(CAT_COLLECTION_NOT_EMPTY)
    collections.delete(db, found.id)
    collections.touch(db, collections.existing(db, split(found.name)[0]).id)


def _remove_tree(session: Session, path: str, unregister: bool) -> None:
    """Remove a collection with all its contents, and the files in vaults unless ``unregister`` is true."""
    with session.transaction() as db:
        found = collections.find(db, path)
        if found is None and collections.is_object(db, path):
            raise IrodsError(CAT_NAME_EXISTS_AS_DATAOBJ)
        if found is None or not is_visible(session, found.id):
            raise IrodsError(USER_FILE_DOES_NOT_EXIST)
        check_zone(path, session.zone.name)
        _require_removable(session, found)
        inner = db.execute(
            "select id, name, owner_name, inherit from coll where name > ? and name < ?", collections.subtree(path)
        ).fetchall()
        tree = sorted([found, *(Collection(*row) for row in inner)], key=lambda coll: -len(coll.name))
        if len(tree[0].name.encode()) > MAX_LISTED_PATH:
            raise IrodsError(CAT_COLLECTION_NOT_EMPTY)
        removed = [replica for coll in tree for replica in _remove_objects(session, coll, unregister)]
        for coll in tree:
            require(session, coll.id, DELETE)
            collections.delete(db, coll.id)
        collections.touch(db, collections.existing(db, split(path)[0]).id)
    if not unregister:
        removal.remove_files(session, removed)


def _remove_objects(session: Session, coll: Collection, unregister: bool) -> list[Replica]:
    """Remove the rows of all objects in a collection; returns their replicas."""
    found = replicas.below(session.db, coll.id)
    by_id: dict[int, list[Replica]] = {}
    for replica in found:
        by_id.setdefault(replica.id, []).append(replica)
    for group in by_id.values():
        removal.require_removable(session, group, unregister)
        replicas.delete_object(session.db, group[0].id)
    return found


def _remove_to_trash(session: Session, path: str) -> None:
    """Move a tree to the user's trash."""
    check_zone(path, session.zone.name)
    found = collections.find(session.db, path)
    if found is None or not is_visible(session, found.id):
        raise IrodsError(CAT_NO_ROWS_FOUND)
    _require_removable(session, found)
    move_to_trash(session, path)


HANDLERS: dict[int, Handler] = {
    api_number["COLL_CREATE_AN"]: _create,
    api_number["RM_COLL_AN"]: _remove,
}
