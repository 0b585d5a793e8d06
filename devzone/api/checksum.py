"""Checksums of data objects (629): compute, store and verify."""

import json

from irods.api_number import api_number

from devzone.catalog.levels import MODIFY
from devzone.catalog.rows import GOOD, Replica
from devzone.errors import (
    CAT_NO_CHECKSUM_FOR_REPLICA,
    CHECK_VERIFICATION_RESULTS,
    HIERARCHY_ERROR,
    SYS_REPLICA_DOES_NOT_EXIST,
    USER_CHKSUM_MISMATCH,
    IrodsError,
)
from devzone.objects import checksums
from devzone.objects.access import require
from devzone.objects.replicas import best_first, visible_replicas
from devzone.objects.selection import on_root
from devzone.session import Handler, Reply, Request, Session
from devzone.wire import element


def _checksum(session: Session, request: Request) -> Reply:
    """Return the checksum. One in the catalog is computed again only with the keyword forceChksum."""
    keywords = request.node.keywords()
    found = visible_replicas(session, request.node.path("objPath"))
    chosen = _chosen(session, found, keywords)
    if "verifyChksum" in keywords:
        return _verify(chosen)
    require(session, found[0].id, MODIFY)
    values = [_stored(session, replica, "forceChksum" in keywords) for replica in chosen]
    return Reply(0, element("STR_PI", {"myStr": values[0]}))


def _chosen(session: Session, found: list[Replica], keywords: dict[str, str]) -> list[Replica]:
    """The requested replicas: one by number, one by resource, all good ones, or the best."""
    name = keywords.get("rescName")
    root = session.resources.root(name) if name else None
    if "replNum" in keywords:
        chosen = [replica for replica in found if str(replica.number) == keywords["replNum"]]
        if not chosen:
            raise IrodsError(SYS_REPLICA_DOES_NOT_EXIST)
        return chosen
    usable = [replica for replica in best_first(found) if replica.status <= GOOD]
    if not usable:
        raise IrodsError(HIERARCHY_ERROR)
    if "ChksumAll" in keywords:
        return [replica for replica in usable if replica.status == GOOD] or usable[:1]
    return ((on_root(session.resources, usable, root) if root else []) or usable)[:1]


def _stored(session: Session, replica: Replica, force: bool) -> str:
    if replica.checksum and not force:
        return replica.checksum
    value = checksums.of_file(replica.path, replica.size)
    with session.transaction() as db:
        db.execute("update data set checksum = ? where id = ? and number = ?", (value, replica.id, replica.number))
    return value


def _verify(chosen: list[Replica]) -> Reply:
    """Compare files with the catalog. The reply lists differences as JSON (recorded: chksum.verify)."""
    results = []
    for replica in chosen:
        if not replica.checksum:
            results.append(_result(CAT_NO_CHECKSUM_FOR_REPLICA, "no checksum available", replica, "warning"))
        elif not checksums.matches(replica.path, replica.size, replica.checksum):
            results.append(_result(USER_CHKSUM_MISMATCH, "checksum mismatch", replica, "error"))
    if not results:
        return Reply()
    return Reply(CHECK_VERIFICATION_RESULTS, element("STR_PI", {"myStr": json.dumps(results)}))


def _result(code: int, text: str, replica: Replica, severity: str) -> dict[str, object]:
    return {"error_code": code, "message": f"{text} for replica {replica.number}", "severity": severity}


HANDLERS: dict[int, Handler] = {api_number["DATA_OBJ_CHKSUM_AN"]: _checksum}
