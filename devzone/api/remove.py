"""Removal of data objects (615) and replicas (632): to the trash, permanently, or from the catalog only."""

from irods.api_number import api_number

from devzone.catalog.levels import DELETE
from devzone.catalog.paths import in_trash
from devzone.catalog.rows import GOOD, Replica
from devzone.errors import CANT_UNREG_IN_VAULT_FILE, SYS_REPLICA_DOES_NOT_EXIST, IrodsError
from devzone.objects import collections, removal, replicas
from devzone.objects.access import require
from devzone.objects.collections import UNREGISTER
from devzone.objects.moving import move_to_trash
from devzone.objects.replicas import visible_replicas
from devzone.session import Handler, Reply, Request, Session

DEFAULT_COPIES = 2


def _operation(request: Request) -> int:
    return request.node.number("oprType") or int(request.node.keywords().get("oprType") or 0)


def _unlink(session: Session, request: Request) -> Reply:
    """Remove an object with all its replicas."""
    path, keywords = request.node.path("objPath"), request.node.keywords()
    unregister = _operation(request) == UNREGISTER
    found = visible_replicas(session, path)
    if not (unregister or "forceFlag" in keywords or in_trash(path)):
        removal.require_removable(session, found, unregister=False)
        move_to_trash(session, path)
        return Reply()
    with session.transaction() as db:
        found = visible_replicas(session, path)
        removal.require_removable(session, found, unregister)
        replicas.delete_object(db, found[0].id)
        collections.touch(db, found[0].coll_id)
    if not unregister:
        removal.remove_files(session, found)
    return Reply()


def _trim(session: Session, request: Request) -> Reply:
    """Remove replicas while enough others remain. It succeeds if there are none to remove (recorded: trim.replicas)."""
    path, keywords = request.node.path("objPath"), request.node.keywords()
    unregister = _operation(request) == UNREGISTER
    removed = []
    with session.transaction() as db:
        found = visible_replicas(session, path)
        for replica in _to_trim(session, found, keywords):
            require(session, replica.id, DELETE)
            if unregister and not session.user.is_admin and removal.in_vault(session, replica):
                raise IrodsError(CANT_UNREG_IN_VAULT_FILE)
            replicas.delete_replica(db, replica)
            removed.append(replica)
    if not unregister:
        removal.remove_files(session, removed)
    return Reply()


def _to_trim(session: Session, found: list[Replica], keywords: dict[str, str]) -> list[Replica]:
    """The replicas to remove: the requested ones, stale ones first, while at least ``copies`` replicas remain."""
    name = keywords.get("rescName")
    root = session.resources.named(name) if name else None
    copies = int(keywords.get("copies") or DEFAULT_COPIES)
    left = len(found)
    if left <= copies:
        return []
    requested = found
    if "replNum" in keywords:
        requested = [replica for replica in found if str(replica.number) == keywords["replNum"]]
        if not requested:
            raise IrodsError(SYS_REPLICA_DOES_NOT_EXIST)
    elif root is not None:
        by_id = session.resources.by_id
        requested = [replica for replica in found if root.name in by_id[replica.resc_id].hierarchy.split(";")]
    good = sum(replica.status == GOOD for replica in found)
    chosen = []
    for replica in sorted(requested, key=lambda replica: (replica.status == GOOD, -replica.number)):
        last_good = replica.status == GOOD and good <= 1
        if left <= copies or last_good:
            continue
        chosen.append(replica)
        left -= 1
        good -= replica.status == GOOD
    return chosen


HANDLERS: dict[int, Handler] = {
    api_number["DATA_OBJ_UNLINK_AN"]: _unlink,
    api_number["DATA_OBJ_TRIM_AN"]: _trim,
}
