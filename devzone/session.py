"""The state of a client connection: its user, catalog connection, open data objects and open queries."""

import base64
import json
import sqlite3
from collections.abc import Callable
from contextlib import AbstractContextManager
from dataclasses import dataclass, field
from typing import Any

from devzone.catalog.catalog import Catalog
from devzone.catalog.descriptors import Descriptor, OpenReplicas
from devzone.catalog.resources import Resources
from devzone.errors import SYS_INVALID_INPUT_PARAM, SYS_PACK_INSTRUCT_FORMAT_ERR, IrodsError
from devzone.wire import Node


@dataclass(slots=True)
class User:
    """A user. ``identities`` are the ids that can hold permissions: its own and those of its groups."""

    id: int
    name: str
    zone: str
    type: str
    identities: tuple[int, ...]

    @property
    def is_admin(self) -> bool:
        """Whether the user is a rodsadmin."""
        return self.type == "rodsadmin"


@dataclass(slots=True)
class Request:
    """One API call: the root element of its body, and its byte stream."""

    node: Node
    data: bytes


@dataclass(slots=True)
class Reply:
    """The answer to a call: status (``info``), body, byte stream."""

    info: int = 0
    body: str = ""
    data: bytes = b""


@dataclass(slots=True)
class Zone:
    """The state that all connections share."""

    name: str
    catalog: Catalog
    open_replicas: OpenReplicas = field(default_factory=OpenReplicas)


@dataclass(slots=True)
class Session:
    """The state of one client connection."""

    zone: Zone
    db: sqlite3.Connection
    startup: dict[str, str] = field(default_factory=dict)
    challenge: str = ""
    client: User | None = None
    proxy: User | None = None
    user_version: int = -1
    descriptors: dict[int, Descriptor] = field(default_factory=dict)
    queries: dict[int, sqlite3.Cursor] = field(default_factory=dict)
    stale_binds: list[str] = field(default_factory=list)

    @property
    def user(self) -> User:
        """The user on whose behalf the client works. Call it only after login."""
        assert self.client is not None  # noqa: S101
        if self.user_version != self.zone.catalog.user_version:
            self.user_version = self.zone.catalog.user_version
            self.client = load_user(self.db, self.client.name, self.client.zone) or self.client
        return self.client

    @property
    def signature(self) -> str:
        """The session signature, which both sides derive from the challenge. It hides new passwords in transit."""
        return self.challenge[:16].encode().hex()

    @property
    def resources(self) -> Resources:
        """All resources of the zone."""
        return self.zone.catalog.resources(self.db)

    def transaction(self) -> AbstractContextManager[sqlite3.Connection]:
        """Start a write transaction on this connection's catalog connection."""
        return self.zone.catalog.transaction(self.db)

    def new_id(self) -> int:
        """A new catalog id. Call it only inside a transaction."""
        return self.zone.catalog.new_id(self.db)


Handler = Callable[[Session, Request], Reply]


def load_user(db: sqlite3.Connection, name: str, zone: str) -> User | None:
    """Read a user and its groups; None if there is no such user."""
    row = db.execute(
        "select id, name, zone, type from user where name = ? and zone = ? and type <> 'rodsgroup'", (name, zone)
    ).fetchone()
    if row is None:
        return None
    groups = [group for (group,) in db.execute("select group_id from member where user_id = ?", (row[0],))]
    return User(row[0], row[1], row[2], row[3], tuple(dict.fromkeys([row[0], *groups])))


def source_and_target(request: Request) -> tuple[Node, Node]:
    """The two parts of a DataObjCopyInp_PI body. Both have the same element name."""
    found = request.node.fields.get("DataObjInp_PI", [])
    if len(found) != 2:
        raise IrodsError(SYS_PACK_INSTRUCT_FORMAT_ERR)
    return found[0], found[1]


def json_of(request: Request) -> dict[str, Any]:
    """The JSON object in a BinBytesBuf_PI body (base64) or BytesBuf_PI body (plain)."""
    text = request.node.text("buf")
    try:
        try:
            found = json.loads(text)
        except ValueError:
            found = json.loads(base64.b64decode(text).rstrip(b"\0"))
    except ValueError:
        raise IrodsError(SYS_INVALID_INPUT_PARAM, "not JSON") from None
    if not isinstance(found, dict):
        raise IrodsError(SYS_INVALID_INPUT_PARAM, "not a JSON object")
    return found


def json_reply(value: object) -> Reply:
    """A reply whose body is a BinBytesBuf_PI with a JSON document."""
    text = json.dumps(value).encode()
    return Reply(
        0, f"<BinBytesBuf_PI><buflen>{len(text)}</buflen><buf>{base64.b64encode(text).decode()}</buf></BinBytesBuf_PI>"
    )
