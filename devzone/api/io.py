"""Open, create, read, write, seek and close data objects (601, 602, 673-676); replica close (20004)."""

import os

from irods.api_number import api_number

from devzone.catalog.descriptors import Descriptor
from devzone.errors import (
    BAD_INPUT_DESC_INDEX,
    SYS_FILE_DESC_OUT_OF_RANGE,
    SYS_INVALID_INPUT_PARAM,
    UNIX_FILE_LSEEK_ERR,
    UNIX_FILE_READ_ERR,
    UNIX_FILE_WRITE_ERR,
    IrodsError,
    unix_error,
)
from devzone.objects import finishing, opening
from devzone.objects.opening import FIRST_DESCRIPTOR, LAST_DESCRIPTOR, O_CREAT, O_RDWR, O_TRUNC, write_all
from devzone.session import Handler, Reply, Request, Session, json_of, json_reply
from devzone.wire import element


def _open(session: Session, request: Request) -> Reply:
    """Open a data object; returns the descriptor's number."""
    node = request.node
    return Reply(opening.open_numbered(session, node.path("objPath"), node.number("openFlags"), node.keywords()))


def _create(session: Session, request: Request) -> Reply:
    """Create and open a data object. An existing one is truncated, also without forceFlag (recorded: obj.create)."""
    node = request.node
    return Reply(opening.open_numbered(session, node.path("objPath"), O_RDWR | O_CREAT | O_TRUNC, node.keywords()))


def _descriptor(session: Session, number: int, missing: int = BAD_INPUT_DESC_INDEX) -> Descriptor:
    """The descriptor with that number; the recorded errors if there is none (obj.write_on_read_handle)."""
    if not FIRST_DESCRIPTOR <= number <= LAST_DESCRIPTOR:
        raise IrodsError(SYS_FILE_DESC_OUT_OF_RANGE)
    if number not in session.descriptors:
        raise IrodsError(missing)
    return session.descriptors[number]


def _read(session: Session, request: Request) -> Reply:
    """Return the bytes and their number."""
    descriptor = _descriptor(session, request.node.number("l1descInx"))
    wanted = max(0, request.node.number("len"))
    try:
        if descriptor.limit is not None:
            wanted = min(wanted, max(0, descriptor.limit - os.lseek(descriptor.fd, 0, os.SEEK_CUR)))
        data = _read_all(descriptor.fd, wanted)
    except OSError as problem:
        raise unix_error(UNIX_FILE_READ_ERR, problem) from None
    return Reply(len(data), "", data)


def _read_all(fd: int, wanted: int) -> bytes:
    data = os.read(fd, wanted)
    while data and len(data) < wanted:
        more = os.read(fd, wanted - len(data))
        if not more:
            break
        data += more
    return data


def _write(session: Session, request: Request) -> Reply:
    """Write the request's bytes; returns their number."""
    descriptor = _descriptor(session, request.node.number("l1descInx"))
    try:
        write_all(descriptor, request.data)
    except OSError as problem:
        raise unix_error(UNIX_FILE_WRITE_ERR, problem) from None
    return Reply(len(request.data))


def _seek(session: Session, request: Request) -> Reply:
    """Return the new offset. For a reader it is at most the object's size (recorded: obj.read_and_seek)."""
    descriptor = _descriptor(session, request.node.number("l1descInx"))
    try:
        offset = os.lseek(descriptor.fd, request.node.number("offset"), request.node.number("whence"))
        if descriptor.limit is not None and offset > descriptor.limit:
            offset = os.lseek(descriptor.fd, descriptor.limit, os.SEEK_SET)
    except OSError as problem:
        raise unix_error(UNIX_FILE_LSEEK_ERR, problem) from None
    return Reply(0, element("fileLseekOut_PI", {"offset": offset}))


def _close(session: Session, request: Request) -> Reply:
    """Close a descriptor, and update the catalog. The keywords are those of this call and of the opening."""
    number = request.node.number("l1descInx")
    descriptor = _descriptor(session, number, SYS_INVALID_INPUT_PARAM)
    del session.descriptors[number]
    finishing.finish(session, descriptor, {**descriptor.keywords, **request.node.keywords()})
    return Reply()


def _close_replica(session: Session, request: Request) -> Reply:
    """Close one descriptor of a parallel transfer. The catalog is updated unless the request excludes it."""
    fields = json_of(request)
    number = fields.get("fd")
    if not isinstance(number, int):
        raise IrodsError(SYS_INVALID_INPUT_PARAM)
    descriptor = _descriptor(session, number)
    del session.descriptors[number]
    if fields.get("update_size", True) or fields.get("update_status", True):
        finishing.finish(session, descriptor, {"regChksum": ""} if fields.get("compute_checksum") else {})
    else:
        os.close(descriptor.fd)
    return Reply()


def _descriptor_info(session: Session, request: Request) -> Reply:
    """Return the token and the hierarchy, which other connections need to open the same replica."""
    number = json_of(request).get("fd")
    if not isinstance(number, int):
        raise IrodsError(SYS_INVALID_INPUT_PARAM)
    descriptor = _descriptor(session, number)
    replica, writing = descriptor.replica, descriptor.writing
    return json_reply(
        {
            "l3descInx": descriptor.fd,
            "in_use": True,
            "replica_token": writing.token if writing else "",
            "data_object_info": {
                "object_name": replica.name,
                "data_id": replica.id,
                "replica_number": replica.number,
                "file_path": replica.path,
                "resource_hierarchy": descriptor.hierarchy,
            },
        }
    )


HANDLERS: dict[int, Handler] = {
    api_number["DATA_OBJ_CREATE_AN"]: _create,
    api_number["DATA_OBJ_OPEN_AN"]: _open,
    api_number["DATA_OBJ_READ_AN"]: _read,
    api_number["DATA_OBJ_WRITE_AN"]: _write,
    api_number["DATA_OBJ_LSEEK_AN"]: _seek,
    api_number["DATA_OBJ_CLOSE_AN"]: _close,
    api_number["REPLICA_CLOSE_APN"]: _close_replica,
    api_number["GET_FILE_DESCRIPTOR_INFO_APN"]: _descriptor_info,
}
