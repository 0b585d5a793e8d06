"""MOD_DATA_OBJ_META (622): direct changes to columns of replicas, by administrators."""

import re

from irods.api_number import api_number

from devzone.catalog.levels import MODIFY_METADATA
from devzone.catalog.paths import split
from devzone.catalog.rows import GOOD, STALE, Replica
from devzone.errors import (
    CAT_NO_ROWS_FOUND,
    CAT_SQL_ERR,
    CAT_SUCCESS_BUT_WITH_NO_INFO,
    CAT_UNKNOWN_FILE,
    SYS_NO_API_PRIV,
    IrodsError,
)
from devzone.objects import collections, replicas
from devzone.objects.access import require
from devzone.session import Handler, Reply, Request, Session

# Keyword -> column, for keywords whose values are stored unchanged.
TEXTS = {
    "chksum": "checksum", "filePath": "path", "dataType": "type", "version": "version", "dataOwner": "owner_name",
    "dataOwnerZone": "owner_zone", "statusString": "status", "dataComments": "comments", "dataMode": "mode",
    "dataExpiry": "expiry", "dataCreate": "create_ts", "dataAccessTime": "access_ts",
}  # fmt: skip
NUMBERS = {"dataSize": "size", "replStatus": "repl_status", "rescId": "resc_id", "dataMapId": "map_id"}
SELECTORS = {"all", "allReplStatus", "irodsAdmin", "replNum"}
NO_TIME = "00000000000"
_INTEGER = re.compile(r"\s*[+-]?\d+\s*")


def _modify(session: Session, request: Request) -> Reply:
    """Change the replicas that the object info and the keywords select (recorded: modmeta.*)."""
    if not session.user.is_admin:
        raise IrodsError(SYS_NO_API_PRIV)
    info = request.node.child("DataObjInfo_PI") if "DataObjInfo_PI" in request.node.fields else request.node
    values = request.node.keywords()
    with session.transaction():
        chosen = _chosen(session, info.path("objPath"), info.text("rescHier"), info.number("replNum"), "all" in values)
        if "irodsAdmin" not in values:
            require(session, chosen[0].id, MODIFY_METADATA)
        assignments = _assignments(values)
        for replica in chosen:
            _assign(session, replica, assignments)
        if "allReplStatus" in values:
            _other_statuses(session, chosen[0].id, info.number("replNum"), "all" in values)
    return Reply()


def _chosen(session: Session, path: str, hierarchy: str, number: int, every: bool) -> list[Replica]:
    """All replicas if ``every`` is true, else the one of a hierarchy or number. The resource name is ignored."""
    found = replicas.find(session.db, path)
    if not found and every:
        raise IrodsError(CAT_NO_ROWS_FOUND)
    if not found:
        collections.existing(session.db, split(path)[0])
        raise IrodsError(CAT_UNKNOWN_FILE)
    if every:
        return found
    if hierarchy:
        by_id = session.resources.by_id
        chosen = [replica for replica in found if by_id[replica.resc_id].hierarchy == hierarchy]
    else:
        chosen = [replica for replica in found if replica.number == number]
    if not chosen:
        raise IrodsError(CAT_SUCCESS_BUT_WITH_NO_INFO)
    return chosen


def _assignments(values: dict[str, str]) -> list[tuple[str, str | int]]:
    """Columns and their new values; CAT_SQL_ERR for a value that PostgreSQL would refuse."""
    found: list[tuple[str, str | int]] = []
    for keyword, value in values.items():
        if keyword in TEXTS:
            found.append((TEXTS[keyword], value))
        elif keyword in NUMBERS and _INTEGER.fullmatch(value):
            found.append((NUMBERS[keyword], int(value)))
        elif keyword == "dataModify":
            found.append(("modify_ts", value if value[:1].isdigit() else NO_TIME))
        elif keyword not in SELECTORS:
            raise IrodsError(CAT_SQL_ERR, keyword)
    return found


def _assign(session: Session, replica: Replica, assignments: list[tuple[str, str | int]]) -> None:
    for column, value in assignments:
        session.db.execute(
            f"update data set {column} = ? where id = ? and number = ?",  # noqa: S608 - from the tables above
            (value, replica.id, replica.number),
        )


def _other_statuses(session: Session, data_id: int, number: int, every: bool) -> None:
    """Apply the keyword allReplStatus: the selected replica becomes good, and the object's others become stale.

    Together with the keyword "all", the server does not change the object, but makes good replicas of other objects
    in the whole zone stale (recorded: modmeta.all_and_all_repl_status).
    """
    db = session.db
    if every:
        db.execute(
            "update data set repl_status = ? where id <> ? and number <> ? and repl_status = ?",
            (STALE, data_id, number, GOOD),
        )
        return
    db.execute("update data set repl_status = ? where id = ? and number = ?", (GOOD, data_id, number))
    replicas.set_others(db, data_id, number, STALE)


HANDLERS: dict[int, Handler] = {api_number["MOD_DATA_OBJ_META_AN"]: _modify}
