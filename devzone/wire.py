"""Protocol messages: their frames, and their bodies, which resemble XML.

A message is a four-byte big-endian length, a ``MsgHeader_PI`` of that length, and up to three parts, whose lengths are
in the header (source: python-irodsclient, ``irods.message.iRODSMessage``). Bodies are not XML: they contain unescaped
control characters. An XML parser rejects those, and is slower than the reader below.
"""

import re
import struct
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import BinaryIO

from devzone.errors import SYS_PACK_INSTRUCT_FORMAT_ERR, USER_PACKSTRUCT_INPUT_ERR, IrodsError

MAX_PATH = 1087  # bytes of a str[MAX_NAME_LEN] in the packing instructions, without the final zero
MAX_HEADER = 4096
_HEADER = re.compile(
    rb"<type>(.*?)</type>\s*<msgLen>(\d+)</msgLen>\s*<errorLen>(\d+)</errorLen>\s*"
    rb"<bsLen>(\d+)</bsLen>\s*<intInfo>(-?\d+)</intInfo>"
)
_TOKEN = re.compile(r"<(/?)(\w+)>([^<]*)")


@dataclass(slots=True)
class Message:
    """A message from a client: type, body, byte stream, and number (of the API, in a call)."""

    type: str
    body: bytes
    data: bytes
    info: int


class Node:
    """An element: its text (``value``) and its child elements by name, in order of appearance (``fields``)."""

    __slots__ = ("fields", "value")

    def __init__(self) -> None:
        self.fields: dict[str, list[Node]] = {}
        self.value = ""

    def text(self, name: str, default: str = "") -> str:
        """The text of the first child with that name."""
        found = self.fields.get(name)
        return found[0].value if found else default

    def number(self, name: str, default: int = 0) -> int:
        """The integer in the first child with that name; SYS_PACK_INSTRUCT_FORMAT_ERR if it is no integer."""
        try:
            return int(self.text(name) or default)
        except ValueError:
            raise IrodsError(SYS_PACK_INSTRUCT_FORMAT_ERR) from None

    def path(self, name: str) -> str:
        """A text of at most MAX_NAME_LEN bytes, as in the packing instruction; USER_PACKSTRUCT_INPUT_ERR if longer."""
        text = self.text(name)
        if len(text) > MAX_PATH or (not text.isascii() and len(text.encode()) > MAX_PATH):
            raise IrodsError(USER_PACKSTRUCT_INPUT_ERR)
        return text

    def child(self, name: str) -> "Node":
        """The first child with that name; an empty node if there is none."""
        found = self.fields.get(name)
        return found[0] if found else Node()

    def texts(self, name: str) -> list[str]:
        """The texts of all children with that name."""
        return [node.value for node in self.fields.get(name, ())]

    def keywords(self, name: str = "KeyValPair_PI") -> dict[str, str]:
        """A KeyValPair_PI as a dictionary."""
        pairs = self.child(name)
        return dict(zip(pairs.texts("keyWord"), pairs.texts("svalue"), strict=False))


def parse(body: bytes) -> Node:
    """Read a body; returns its outermost element, or an empty node for an empty body."""
    try:
        text = body.decode()
    except UnicodeDecodeError:
        raise IrodsError(USER_PACKSTRUCT_INPUT_ERR) from None
    root = Node()
    stack = [root]
    for slash, name, value in _TOKEN.findall(text):
        if slash:
            if len(stack) == 1:
                raise IrodsError(SYS_PACK_INSTRUCT_FORMAT_ERR)
            stack.pop()
            continue
        node = Node()
        node.value = unescape(value) if "&" in value else value
        stack[-1].fields.setdefault(name, []).append(node)
        stack.append(node)
    if len(stack) != 1:
        raise IrodsError(SYS_PACK_INSTRUCT_FORMAT_ERR)
    return next(iter(root.fields.values()))[0] if root.fields else root


def unescape(text: str) -> str:
    """Replace the protocol's five entities by their characters."""
    for entity, character in (("&lt;", "<"), ("&gt;", ">"), ("&quot;", '"'), ("&apos;", "'"), ("&amp;", "&")):
        text = text.replace(entity, character)
    return text


def escape(text: str) -> str:
    """Replace the five characters that the server writes as entities."""
    text = text.replace("&", "&amp;").replace("<", "&lt;").replace(">", "&gt;")
    return text.replace('"', "&quot;").replace("'", "&apos;")


def element(name: str, fields: Mapping[str, object] | Iterable[tuple[str, object]]) -> str:
    """Write an element whose children are texts and numbers."""
    pairs = fields.items() if isinstance(fields, Mapping) else fields
    inner = "".join(f"<{key}>{escape(str(value))}</{key}>" for key, value in pairs)
    return f"<{name}>{inner}</{name}>"


def read_message(stream: BinaryIO) -> Message | None:
    """Read one message; None if the client closed the connection or sent something that is not a message."""
    prefix = stream.read(4)
    if len(prefix) < 4:
        return None
    (length,) = struct.unpack(">i", prefix)
    if not 0 < length <= MAX_HEADER:
        return None
    found = _HEADER.search(stream.read(length))
    if found is None:
        return None
    sizes = [int(found[group]) for group in (2, 3, 4)]
    parts = [stream.read(size) if size else b"" for size in sizes]
    if [len(part) for part in parts] != sizes:
        return None
    return Message(found[1].decode("ascii", "replace"), parts[0], parts[2], int(found[5]))


def pack_message(kind: str, body: str, info: int = 0, data: bytes = b"") -> bytes:
    """The bytes of a message from the server to a client."""
    packed = body.encode()
    header = (
        f"<MsgHeader_PI><type>{kind}</type><msgLen>{len(packed)}</msgLen><errorLen>0</errorLen>"
        f"<bsLen>{len(data)}</bsLen><intInfo>{info}</intInfo></MsgHeader_PI>"
    ).encode()
    return struct.pack(">i", len(header)) + header + packed + data
