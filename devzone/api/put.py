"""Upload in one call: DATA_OBJ_PUT (606) with the bytes in the request, and BULK_DATA_OBJ_PUT (689)."""

from irods.api_number import api_number

from devzone.catalog.paths import split
from devzone.catalog.resources import Resource
from devzone.errors import (
    HIERARCHY_ERROR,
    OVERWRITE_WITHOUT_FORCE_FLAG,
    SYS_BULK_REG_COUNT_EXCEEDED,
    SYS_COPY_LEN_ERR,
    SYS_INVALID_INPUT_PARAM,
    SYS_NOT_SUPPORTED,
    UNIX_FILE_WRITE_ERR,
    USER_CHKSUM_MISMATCH,
    USER_INCOMPATIBLE_PARAMS,
    IrodsError,
    unix_error,
)
from devzone.objects import checksums, collections, finishing, opening, replicas
from devzone.objects.collections import create_with_parents
from devzone.objects.opening import O_CREAT, O_RDWR, O_TRUNC, write_all
from devzone.objects.selection import for_writing
from devzone.query.tables import columns_of
from devzone.session import Handler, Reply, Request, Session

MAX_BULK_ROWS = 50
DATA_NAME, OFFSET = 403, 999998


def _put(session: Session, request: Request) -> Reply:
    """Write the request's bytes to an object (recorded: put.single_buffer*)."""
    node = request.node
    path, keywords = node.path("objPath"), node.keywords()
    if "dataIncluded" not in keywords:
        raise IrodsError(SYS_NOT_SUPPORTED, "upload through portals")
    put_bytes(session, path, request.data, keywords, node.number("dataSize", -1))
    return Reply()


def put_bytes(session: Session, path: str, data: bytes, keywords: dict[str, str], size: int) -> None:
    """Create or overwrite one object. After a failure its replica is stale."""
    found = replicas.find(session.db, path)
    if (found or collections.find(session.db, path)) and "forceFlag" not in keywords:
        raise IrodsError(OVERWRITE_WITHOUT_FORCE_FLAG)
    if found and isinstance(for_writing(session.resources, found, keywords, create=True), Resource):
        raise IrodsError(HIERARCHY_ERROR)
    descriptor = opening.open_object(session, path, O_RDWR | O_CREAT | O_TRUNC, keywords)
    try:
        write_all(descriptor, data)
    except OSError as problem:
        finishing.give_up(session, descriptor)
        raise unix_error(UNIX_FILE_WRITE_ERR, problem) from None
    if size not in (-1, len(data)):
        finishing.give_up(session, descriptor)
        raise IrodsError(SYS_COPY_LEN_ERR)
    wanted = keywords.get("verifyChksum")
    if wanted and wanted != checksums.of_bytes(data):
        finishing.give_up(session, descriptor, len(data), checksums.of_bytes(data))
        raise IrodsError(USER_CHKSUM_MISMATCH)
    register = wanted is not None or "regChksum" in keywords
    finishing.finish(session, descriptor, {"regChksum": ""} if register else {})


def _bulk_put(session: Session, request: Request) -> Reply:
    """Write several objects in one call. If one fails, the ones before it are kept (recorded: bulkput.*)."""
    keywords = request.node.keywords()
    if "forceFlag" in keywords:
        raise IrodsError(USER_INCOMPATIBLE_PARAMS, "Force flag keyword is not allowed for bulk puts.")
    columns = columns_of(request.node.child("GenQueryOut_PI"))
    names, ends = columns.get(DATA_NAME, []), columns.get(OFFSET, [])
    if len(names) > MAX_BULK_ROWS:
        raise IrodsError(SYS_BULK_REG_COUNT_EXCEEDED)
    if not names or len(names) != len(ends) or not all(end.isdigit() for end in ends):
        raise IrodsError(SYS_INVALID_INPUT_PARAM)
    start = 0
    for name, end in zip(names, map(int, ends), strict=True):
        create_with_parents(session, split(name)[0])
        put_bytes(session, name, request.data[start:end], keywords, -1)
        start = end
    return Reply()


HANDLERS: dict[int, Handler] = {
    api_number["DATA_OBJ_PUT_AN"]: _put,
    api_number["BULK_DATA_OBJ_PUT_AN"]: _bulk_put,
}
