"""One client connection: the opening exchange, then API calls until the client disconnects."""

import logging
import socket
import sqlite3
from typing import BinaryIO, cast

from irods.api_number import api_number

from devzone.api import auth, query, table
from devzone.errors import CAT_SQL_ERR, SYS_LIBRARY_ERROR, SYS_NO_API_PRIV, SYS_UNMATCHED_API_NUM, IrodsError
from devzone.objects.finishing import drop_descriptors
from devzone.server.latency import Latency
from devzone.session import Reply, Request, Session, Zone
from devzone.wire import Message, Node, pack_message, parse, read_message

log = logging.getLogger(__name__)
_KNOWN = frozenset(api_number.values())


def serve(connection: socket.socket, zone: Zone, latency: Latency) -> None:
    """Serve one client until it disconnects. Replicas that it left open become stale."""
    session = Session(zone, zone.catalog.connect())
    try:
        with connection, cast("BinaryIO", connection.makefile("rb", buffering=65536)) as stream:
            if _open(connection, stream, session):
                while _serve_call(connection, stream, session, latency):
                    pass
    except OSError as problem:
        log.debug("connection lost: %s", problem)
    finally:
        drop_descriptors(session)
        for cursor in session.queries.values():
            query.close(session, cursor)
        zone.catalog.give_back(session.db)


def _open(connection: socket.socket, stream: BinaryIO, session: Session) -> bool:
    """Read the startup packet, negotiate if requested, and send the server's version; False to close the connection."""
    first = read_message(stream)
    if first is None or first.type != "RODS_CONNECT":
        return False
    packet = parse(first.body)
    session.startup = {name: packet.text(name) for name in packet.fields}
    if auth.NEGOTIATION in session.startup.get("option", ""):
        connection.sendall(pack_message("RODS_CS_NEG_T", auth.NEGOTIATION_BODY))
        answer = read_message(stream)
        if answer is None or b"CS_NEG_FAILURE" in answer.body:
            return False
    connection.sendall(pack_message("RODS_VERSION", auth.VERSION_BODY))
    return True


def _serve_call(connection: socket.socket, stream: BinaryIO, session: Session, latency: Latency) -> bool:
    """Answer one call; False if the connection is to be closed."""
    message = read_message(stream)
    if message is None or message.type == "RODS_DISCONNECT":
        return False
    if message.info not in _KNOWN:
        return False  # recorded: the server closes the connection on an API number that iRODS does not have
    reply = latency.delayed(message, lambda: _answer(message, session))
    connection.sendall(pack_message("RODS_API_REPLY", reply.body, reply.info, reply.data))
    return True


def _answer(message: Message, session: Session) -> Reply:
    """Run the call. Every failure becomes an iRODS error code."""
    try:
        return _run(message, session)
    except IrodsError as problem:
        return Reply(problem.code)
    except sqlite3.Error as problem:
        log.warning("call %d: %s", message.info, problem)
        return Reply(CAT_SQL_ERR)
    except Exception:
        log.exception("call %d", message.info)
        return Reply(SYS_LIBRARY_ERROR)


def _run(message: Message, session: Session) -> Reply:
    handler = table.HANDLERS.get(message.info)
    if handler is None:
        raise IrodsError(SYS_UNMATCHED_API_NUM)
    if session.client is None and message.info not in auth.HANDLERS:
        raise IrodsError(SYS_NO_API_PRIV)
    return handler(session, Request(parse(message.body) if message.body else Node(), message.data))
