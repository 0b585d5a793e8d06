"""Checksums as the catalog has them: computed from content, and verified by the server."""

from __future__ import annotations

import base64
import hashlib
import json
import zlib
from collections.abc import Callable
from typing import Protocol

from irods.api_number import api_number
from irods.exception import CHECK_VERIFICATION_RESULTS
from irods.message import DataObjChksumRequest, DataObjChksumResponse, iRODSMessage
from irods.session import iRODSSession

from ingest.messages import Replica
from scanner.content import Content

NO_CHECKSUM = -862000
"""CAT_NO_CHECKSUM_FOR_REPLICA."""
_PIECE = 4 * 1024 * 1024


class _Digest(Protocol):
    def update(self, data: bytes, /) -> None: ...
    def digest(self) -> bytes: ...


class _Adler32:
    def __init__(self) -> None:
        self._value = 1

    def update(self, data: bytes, /) -> None:
        self._value = zlib.adler32(data, self._value)

    def digest(self) -> bytes:
        return self._value.to_bytes(4, "big")


_SCHEMES: dict[str, Callable[[], _Digest]] = {
    "sha2": hashlib.sha256,
    "sha512": hashlib.sha512,
    "sha1": lambda: hashlib.sha1(usedforsecurity=False),
    "adler32": _Adler32,
    "": lambda: hashlib.md5(usedforsecurity=False),
}
"""By the prefix of a checksum in the catalog. An MD5 has no prefix."""
_HEXADECIMAL = ("", "adler32")


def scheme_of(checksum: str) -> str:
    """The scheme of a checksum of the catalog, "" for an MD5. Raises ValueError for an unknown one."""
    scheme = checksum.rpartition(":")[0]
    if scheme not in _SCHEMES:
        raise ValueError(f"the catalog has a checksum of the unknown kind {scheme}")
    return scheme


def same(one: str, other: str) -> bool:
    """Whether two checksums of one scheme are equal. Hexadecimal digits may be of either case."""
    return one.lower() == other.lower() if scheme_of(one) in _HEXADECIMAL else one == other


def of_content(content: Content, scheme: str) -> str:
    """The checksum of a file in the form of the catalog. Raises FileChanged or OSError."""
    digest = _SCHEMES[scheme]()
    for at in range(0, content.size, _PIECE):
        piece = content.read(at, min(_PIECE, content.size - at))
        digest.update(piece)
        content.feed(piece)
    content.check()
    found = digest.digest()
    text = found.hex() if scheme in _HEXADECIMAL else base64.b64encode(found).decode("ascii")
    return f"{scheme}:{text}" if scheme else text


def verify(session: iRODSSession, path: str, replica: Replica) -> str | None:
    """Have the server read a replica and compare its checksum with the catalog's: DATA_OBJ_CHKSUM (629).

    The catalog is not changed. Returns None if they are equal, else what the server says. Raises what iRODS raises,
    for instance when the file of the replica is absent.
    """
    request = DataObjChksumRequest(path, verifyChksum="", replNum=str(replica.number))
    answers: list[iRODSMessage] = []
    with session.pool.get_connection() as connection:
        connection.send(iRODSMessage("RODS_API_REQ", msg=request, int_info=api_number["DATA_OBJ_CHKSUM_AN"]))
        try:
            connection.recv(return_message=answers)
        except CHECK_VERIFICATION_RESULTS:
            text = str(answers[0].get_main_message(DataObjChksumResponse).myStr)
            found = [each for each in json.loads(text) if each["error_code"] != NO_CHECKSUM]
            return "; ".join(each["message"] for each in found) or None
    return None
