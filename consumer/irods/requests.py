"""Single API calls that python-irodsclient has messages for, but no method, or one that asks more than once.

The numbers and fields are those of `irods.api_number` and `irods.message`; what a real server makes of each call is in
the record under tests/devzone/facts.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from irods.api_number import api_number
from irods.message import (
    CollectionRequest,
    FileOpenRequest,
    GenQueryResponse,
    GenQueryResponseColumn,
    JSON_Message,
    ObjCopyRequest,
    StringStringMap,
    iRODSMessage,
)
from irods.models import DataObject
from irods.session import iRODSSession

_PUT_OPERATION = 1
_RENAME_OBJECT, _RENAME_COLLECTION = 11, 12
_DATA_MODE, _OPERATION_TYPE = 421, 999999
_WIDTH, _COLUMNS = 1088, 50
"""Bytes of a value, and columns of a table, as the server wants them."""


def call(session: iRODSSession, api: str, message: Any, data: bytes = b"") -> iRODSMessage:
    """Send one request and return the answer. Raises the exceptions of python-irodsclient."""
    with session.pool.get_connection() as connection:
        connection.send(iRODSMessage("RODS_API_REQ", msg=message, bs=data, int_info=api_number[api]))
        return connection.recv()


def object_request(path: str, keywords: Mapping[str, str], *, size: int = -1, operation: int = 0) -> FileOpenRequest:
    """A DataObjInp_PI for a data object."""
    return FileOpenRequest(
        objPath=path,
        createMode=0o600,
        openFlags=0,
        offset=0,
        dataSize=size,
        numThreads=-1,
        oprType=operation,
        KeyValPair_PI=StringStringMap(dict(keywords)),
    )


def create_collection(session: iRODSSession, path: str) -> None:
    """COLL_CREATE (681) of one level."""
    call(
        session, "COLL_CREATE_AN", CollectionRequest(collName=path, flags=0, oprType=0, KeyValPair_PI=StringStringMap())
    )


def register(session: iRODSSession, path: str, keywords: Mapping[str, str]) -> None:
    """PHY_PATH_REG (630)."""
    call(session, "PHY_PATH_REG_AN", object_request(path, keywords))


def register_bulk(session: iRODSSession, rows: Sequence[tuple[str, str, int]], leaf: str, leaf_number: int) -> None:
    """BULK_DATA_OBJ_REG (688) of rows of logical path, physical path and size: all of them or none, without mtime.

    The columns travel as the answer to a query would; the number of the leaf resource decides, not its name.
    """

    def same(value: object) -> list[str]:
        return [str(value)] * len(rows)

    columns = [
        (DataObject.name.icat_id, [row[0] for row in rows]),
        (DataObject.type.icat_id, same("generic")),
        (DataObject.size.icat_id, [str(row[2]) for row in rows]),
        (DataObject.resource_name.icat_id, same(leaf)),
        (DataObject.path.icat_id, [row[1] for row in rows]),
        (_DATA_MODE, same(0o100600)),
        (_OPERATION_TYPE, same("register")),
        (DataObject.replica_number.icat_id, same(0)),
        (DataObject.checksum.icat_id, same("")),
        (DataObject.resc_id.icat_id, same(leaf_number)),
    ]
    table = [GenQueryResponseColumn(attriInx=number, reslen=_WIDTH, value=values) for number, values in columns]
    table += [GenQueryResponseColumn(attriInx=0, reslen=0, value=[])] * (_COLUMNS - len(columns))
    message = GenQueryResponse(
        rowCnt=len(rows), attriCnt=len(columns), continueInx=-1, totalRowCount=len(rows), SqlResult_PI=table
    )
    call(session, "BULK_DATA_OBJ_REG_AN", message)


def put(session: iRODSSession, path: str, data: bytes, keywords: Mapping[str, str]) -> None:
    """DATA_OBJ_PUT (606) with the content in the request, up to 32 MiB: the whole put in one call."""
    keywords = {"dataType": "generic", "dataIncluded": "", **keywords}
    call(session, "DATA_OBJ_PUT_AN", object_request(path, keywords, size=len(data), operation=_PUT_OPERATION), data)


def touch(session: iRODSSession, path: str, mtime: int) -> None:
    """TOUCH (20007): set the modification time (seconds) of an existing object; open to plain users."""
    options = {"no_create": True, "seconds_since_epoch": mtime}
    message = JSON_Message({"logical_path": path, "options": options}, session.server_version)
    call(session, "TOUCH_APN", message)


def rename(session: iRODSSession, old: str, new: str, *, collection: bool) -> None:
    """DATA_OBJ_RENAME (627) of an object, or of a collection with all below it, to exactly the path `new`.

    Never into a collection that is there: then the server says that the name is taken.
    """
    operation = _RENAME_COLLECTION if collection else _RENAME_OBJECT
    source, target = (object_request(path, {}, size=0, operation=operation) for path in (old, new))
    call(session, "DATA_OBJ_RENAME_AN", ObjCopyRequest(srcDataObjInp_PI=source, destDataObjInp_PI=target))
