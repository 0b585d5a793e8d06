"""Renaming of data objects and collections in the catalog and in the vault, and moving to the trash."""

import os
import secrets

from devzone.catalog.catalog import now
from devzone.catalog.levels import MODIFY, OWN
from devzone.catalog.paths import check_object_path, split, trash_path, vault_path
from devzone.catalog.rows import Replica
from devzone.errors import (
    CAT_NAME_EXISTS_AS_COLLECTION,
    CAT_NAME_EXISTS_AS_DATAOBJ,
    CAT_NO_ROWS_FOUND,
    CAT_RECURSIVE_MOVE,
    UNIX_FILE_RENAME_ERR,
    IrodsError,
    unix_error,
)
from devzone.objects import collections, removal, replicas
from devzone.objects.access import is_visible, require
from devzone.objects.collections import Collection
from devzone.session import Session


def rename_object(session: Session, source: str, target: str) -> None:
    """Rename a data object, and move its files in vaults. Call it only inside a transaction."""
    found = replicas.find(session.db, source)
    if not found or not is_visible(session, found[0].id):
        raise IrodsError(CAT_NO_ROWS_FOUND)
    require(session, found[0].id, OWN)
    check_object_path(target)
    parent = _free_target(session, target)
    moved = parent.id != found[0].coll_id
    moves = _vault_moves(session, [(replica, target) for replica in found])
    _move_files(moves)
    stamp = now()
    for replica, new_path in moves:
        _set_path(session, replica, new_path)
    session.db.execute(
        "update data set coll_id = ?, name = ?, modify_ts = case when ? then ? else modify_ts end where id = ?",
        (parent.id, split(target)[1], moved, stamp, found[0].id),
    )
    collections.touch(session.db, parent.id)
    if moved:
        collections.touch(session.db, found[0].coll_id)


def rename_collection(session: Session, source: str, target: str) -> None:
    """Rename a collection with everything below it, and move the files in vaults. Call it only inside a transaction."""
    db = session.db
    found = collections.find(db, source)
    if found is None or not is_visible(session, found.id):
        raise IrodsError(CAT_NO_ROWS_FOUND)
    require(session, found.id, OWN)
    if target.startswith(source + "/"):
        raise IrodsError(CAT_RECURSIVE_MOVE)
    parent = _free_target(session, target)
    below = db.execute("select id, name from coll where name > ? and name < ?", collections.subtree(source)).fetchall()
    tree = [(found.id, source), *below]
    objects = [
        (replica, f"{target}{name[len(source) :]}/{replica.name}")
        for coll_id, name in tree
        for replica in replicas.below(db, coll_id)
    ]
    moves = _vault_moves(session, objects)
    _move_files(moves)
    for replica, new_path in moves:
        _set_path(session, replica, new_path)
    for coll_id, name in tree:
        new_name = target + name[len(source) :]
        db.execute("update coll set name = ?, parent = ? where id = ?", (new_name, split(new_name)[0], coll_id))
    db.execute("update coll set modify_ts = ? where id = ?", (now(), found.id))
    collections.touch(db, parent.id)
    collections.touch(db, collections.existing(db, split(source)[0]).id)


def _free_target(session: Session, target: str) -> Collection:
    """The parent collection of a target path. Raises an error if the path is taken."""
    parent = collections.existing(session.db, split(target)[0])
    if collections.find(session.db, target):
        raise IrodsError(CAT_NAME_EXISTS_AS_COLLECTION)
    if collections.is_object(session.db, target):
        raise IrodsError(CAT_NAME_EXISTS_AS_DATAOBJ)
    require(session, parent.id, MODIFY)
    return parent


def _vault_moves(session: Session, objects: list[tuple[Replica, str]]) -> list[tuple[Replica, str]]:
    """The replicas whose files are in vaults, with their new physical paths. Registered files are not moved."""
    by_id = session.resources.by_id
    return [
        (replica, vault_path(by_id[replica.resc_id].vault, target))
        for replica, target in objects
        if removal.in_vault(session, replica)
    ]


def _move_files(moves: list[tuple[Replica, str]]) -> None:
    """Move files. If one cannot be moved, the ones moved before it are moved back."""
    done: list[tuple[str, str]] = []
    try:
        for replica, new_path in moves:
            os.makedirs(os.path.dirname(new_path), exist_ok=True)
            os.rename(replica.path, new_path)
            done.append((replica.path, new_path))
    except OSError as problem:
        for old_path, new_path in reversed(done):
            os.rename(new_path, old_path)
        raise unix_error(UNIX_FILE_RENAME_ERR, problem) from None


def _set_path(session: Session, replica: Replica, path: str) -> None:
    session.db.execute("update data set path = ? where id = ? and number = ?", (path, replica.id, replica.number))


def move_to_trash(session: Session, path: str) -> None:
    """Move an object or a collection to the user's trash. If its name is taken there, a number is appended."""
    target = trash_path(path, session.user.name)
    collections.create_with_parents(session, split(target)[0])
    with session.transaction() as db:
        if collections.find(db, target) or collections.is_object(db, target):
            target += f".{secrets.randbelow(9 * 10**9) + 10**9}"
        if collections.find(db, path):
            rename_collection(session, path, target)
        else:
            rename_object(session, path, target)
