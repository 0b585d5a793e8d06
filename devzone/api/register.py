"""Registration of existing files: one per call with PHY_PATH_REG (630), many with BULK_DATA_OBJ_REG (688)."""

import os
import re
import stat

from irods.api_number import api_number

from devzone.catalog.paths import check_object_path, split
from devzone.catalog.resources import COORDINATING, DEFAULT_RESOURCE, Resource
from devzone.catalog.rows import STALE, NewReplica, Replica
from devzone.errors import (
    CAT_INVALID_DATA_TYPE,
    CAT_NAME_EXISTS_AS_COLLECTION,
    CAT_NO_ROWS_FOUND,
    CATALOG_ALREADY_HAS_ITEM_BY_THAT_NAME,
    CHILD_HAS_PARENT,
    CHILD_NOT_FOUND,
    HIERARCHY_ERROR,
    SYS_COPY_ALREADY_IN_RESC,
    SYS_INVALID_INPUT_PARAM,
    SYS_NO_PATH_PERMISSION,
    SYS_PATH_IS_NOT_A_FILE,
    UNIX_FILE_OPENDIR_ERR,
    UNIX_FILE_STAT_ERR,
    IrodsError,
    unix_error,
)
from devzone.objects import checksums, collections, replicas
from devzone.objects.access import is_visible
from devzone.objects.collections import create_with_parents
from devzone.query.tables import columns_of
from devzone.session import Handler, Reply, Request, Session
from devzone.wire import MAX_PATH

_INTEGER = re.compile(r"\s*([+-]?\d+)")
NAME, NUMBER, TYPE, SIZE, RESOURCE, PATH, CHECKSUM, MODE = 403, 404, 406, 407, 409, 410, 415, 421


def c_integer(text: str) -> int:
    """The integer at the start of a text, as C parses it; 0 if there is none (recorded: phypathreg.odd_values)."""
    found = _INTEGER.match(text)
    return max(-(2**63), min(2**63 - 1, int(found[1]))) if found else 0


def _register(session: Session, request: Request) -> Reply:
    """Register a file as a new object, a file as a further replica, or a directory with all its contents."""
    if not session.user.is_admin:
        raise IrodsError(SYS_NO_PATH_PERMISSION)
    path, keywords = request.node.path("objPath"), request.node.keywords()
    physical = keywords.get("filePath", "").encode()[:MAX_PATH].decode(errors="ignore")
    resource = _resource(session, keywords)
    if "collection" in keywords:
        _register_tree(session, path, physical, resource)
    elif "regRepl" in keywords:
        _register_replica(session, path, _described(physical, resource, keywords))
    else:
        _register_object(session, path, physical, resource, keywords)
    return Reply()


def _resource(session: Session, keywords: dict[str, str]) -> Resource:
    """The storage resource for a registration. The keywords name a root or a leaf (recorded: phypathreg.resource)."""
    if keywords.get("destRescName") == "":
        raise IrodsError(SYS_INVALID_INPUT_PARAM)
    name = keywords.get("destRescName") or keywords.get("rescName") or keywords.get("defRescName") or DEFAULT_RESOURCE
    found = session.resources.named(name)
    if found.parent and found.type in COORDINATING:
        raise IrodsError(HIERARCHY_ERROR)
    return session.resources.leaf(found)


def _described(physical: str, resource: Resource, keywords: dict[str, str]) -> NewReplica:
    """The row of a registered replica. The file is read only for values that the keywords do not contain."""
    size = c_integer(keywords["dataSize"]) if "dataSize" in keywords else _stat(physical).st_size
    checksum = ""
    if "regChksum" in keywords or "verifyChksum" in keywords:
        checksum = checksums.of_file(physical, size)
    return NewReplica(physical, resource.id, size, keywords.get("dataType") or "generic", checksum=checksum,
                      modified=keywords.get("dataModify", ""))  # fmt: skip


def _stat(physical: str) -> os.stat_result:
    try:
        found = os.stat(physical)
    except OSError as problem:
        raise unix_error(UNIX_FILE_STAT_ERR, problem) from None
    if stat.S_ISDIR(found.st_mode):
        raise IrodsError(SYS_PATH_IS_NOT_A_FILE)
    return found


def _register_object(session: Session, path: str, physical: str, resource: Resource, keywords: dict[str, str]) -> None:
    check_object_path(path)
    new = _described(physical, resource, keywords)
    with session.transaction():
        if new.type != "generic":
            _check_type(session, new.type)
        parent = collections.writable_parent(session, path)
        _insert_new(session, path, parent, new)


def _check_type(session: Session, name: str) -> None:
    known = session.db.execute("select 1 from token where namespace = 'data_type' and name = ?", (name,)).fetchone()
    if known is None:
        raise IrodsError(CAT_INVALID_DATA_TYPE, name)


def _insert_new(session: Session, path: str, parent: collections.Collection, new: NewReplica) -> None:
    """Add an object; raises an error if its path is taken. Call it only inside a transaction."""
    db, name = session.db, split(path)[1]
    if db.execute("select 1 from data where coll_id = ? and name = ?", (parent.id, name)).fetchone():
        raise IrodsError(CATALOG_ALREADY_HAS_ITEM_BY_THAT_NAME)
    if collections.find(db, path):
        raise IrodsError(CAT_NAME_EXISTS_AS_COLLECTION)
    replicas.insert_object(session, parent, name, new)


def _register_replica(session: Session, path: str, new: NewReplica) -> None:
    """Register a further replica. It is good, and the others become stale (recorded).

    Its modification time is the current time. It gets a checksum if another replica has one.
    """
    with session.transaction() as db:
        found = replicas.find(db, path)
        if not found or not is_visible(session, found[0].id):
            raise IrodsError(CAT_NO_ROWS_FOUND)
        collections.writable_parent(session, path)
        resource = session.resources.by_id[new.resc_id]
        if any(_same_hierarchy(session, replica, resource) for replica in found):
            raise IrodsError(SYS_COPY_ALREADY_IN_RESC)
        if not new.checksum and any(replica.checksum for replica in found):
            new.checksum = checksums.of_file(new.path, new.size)
        new.modified = ""
        first, number = found[0], found[-1].number + 1
        replicas.insert_replica(session, (first.id, number, first.coll_id, first.name), new)
        replicas.set_others(db, first.id, number, STALE)


def _same_hierarchy(session: Session, replica: Replica, resource: Resource) -> bool:
    return session.resources.by_id[replica.resc_id].root_name == resource.root_name


def _register_tree(session: Session, path: str, physical: str, resource: Resource) -> None:
    """Register a directory as a collection, and its files as objects. Existing objects are kept (recorded)."""
    create_with_parents(session, path)
    try:
        with os.scandir(physical) as listing:
            entries = sorted(listing, key=lambda entry: entry.name)
    except OSError as problem:
        raise unix_error(UNIX_FILE_OPENDIR_ERR, problem) from None
    for entry in entries:
        inner = f"{path}/{entry.name}"
        if entry.is_dir(follow_symlinks=False):
            _register_tree(session, inner, entry.path, resource)
        elif not replicas.find(session.db, inner):
            _register_object(session, inner, entry.path, resource, {})


def _register_bulk(session: Session, request: Request) -> Reply:
    """Register many objects in one call, all or none (recorded: bulkreg.*)."""
    columns = columns_of(request.node)
    paths = columns.get(NAME, [])
    if any(len(columns.get(number, [])) != len(paths) for number in (TYPE, SIZE, RESOURCE, PATH, MODE)):
        raise IrodsError(SYS_INVALID_INPUT_PARAM)
    checks = columns.get(CHECKSUM) or [""] * len(paths)
    parents: dict[str, collections.Collection] = {}
    with session.transaction():
        for row, path in enumerate(paths):
            check_object_path(path)
            above = split(path)[0]
            if above not in parents:
                parents[above] = collections.writable_parent(session, path)
            resource = _bulk_resource(session, columns[RESOURCE][row])
            new = NewReplica(
                columns[PATH][row], resource.id, c_integer(columns[SIZE][row]), columns[TYPE][row] or "generic",
                checksum=checks[row], mode=columns[MODE][row],
            )  # fmt: skip
            _insert_new(session, path, parents[above], new)
    return Reply()


def _bulk_resource(session: Session, name: str) -> Resource:
    """The resource with that name; an error if it is no storage resource (recorded: bulkreg.resource)."""
    found = session.resources.by_name.get(name)
    if found is None:
        raise IrodsError(SYS_INVALID_INPUT_PARAM)
    if found.type in COORDINATING:
        raise IrodsError(CHILD_HAS_PARENT if found.parent else CHILD_NOT_FOUND)
    return found


HANDLERS: dict[int, Handler] = {
    api_number["PHY_PATH_REG_AN"]: _register,
    api_number["BULK_DATA_OBJ_REG_AN"]: _register_bulk,
}
