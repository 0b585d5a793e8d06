"""The content of one object, read in ranges that are pinned to its ETag, and compared with the ETag if it is an MD5."""

from __future__ import annotations

import errno
import hashlib
import os
import re
from collections.abc import Callable, Mapping
from typing import Protocol

from typing_extensions import override

from scanner.buckets.client import Client, S3Failed
from scanner.content import Content, FileChanged
from scanner.entries import Entry

_CHANGED = frozenset({"PreconditionFailed", "InvalidRange"})
_ETAG = re.compile(r"([0-9a-f]{32})(?:-([0-9]+))?")
_MIB = 1024 * 1024


class S3Content(Content):
    """The content of one object."""

    def __init__(
        self, client: Client, see_root: Callable[[S3Failed], None], key: str, entry: Entry, part_mib: int | None
    ) -> None:
        """`see_root` raises SourceNotVisible if a failure is an outage; `part_mib`: part size of uploads in MiB."""
        self.size = entry.stat.size
        self._client = client
        self._see_root = see_root
        self._key = key
        self._path = entry.path
        self._etag = entry.version or ""
        self._digest = _digest(self._etag, self.size, part_mib) if self.size else None
        """None for an empty object, too: it is never read, so no answer would say whether it is encrypted."""
        self._encrypted = False

    @override
    def read(self, offset: int, length: int) -> bytes:
        if not length:
            return b""
        try:
            data, headers = self._client.read(self._key, self._etag, offset, length)
        except S3Failed as error:
            self._see_root(error)
            if error.code in _CHANGED:
                raise FileChanged("the object changed while it was read") from error
            if error.absent:
                raise FileNotFoundError(errno.ENOENT, os.strerror(errno.ENOENT), self._path) from error
            if error.denied:  # archived, or encrypted with a key that this account may not use
                raise PermissionError(errno.EACCES, str(error), self._path) from error
            raise OSError(errno.EIO, str(error)) from error
        if len(data) != length:
            raise FileChanged(f"the server returned {len(data)} bytes of the object instead of {length}")
        self._encrypted = self._encrypted or _is_encrypted(headers)
        return data

    @override
    def feed(self, data: bytes) -> None:
        if self._digest is not None:
            self._digest.update(data)

    @override
    def check(self) -> None:
        if self._digest is not None and not self._encrypted and self._digest.hexdigest() != self._etag:
            raise FileChanged(f"the content that was read does not match the ETag {self._etag} of the object")

    @override
    def close(self) -> None:
        """Do nothing: no connection is held."""


def _is_encrypted(headers: Mapping[str, str]) -> bool:
    """Whether the ETag is not that of the plain content (SSE-KMS; see the S3 documentation of ETags)."""
    return "kms" in headers.get("x-amz-server-side-encryption", "")


class _Digest(Protocol):
    def update(self, data: bytes, /) -> None: ...
    def hexdigest(self) -> str: ...


def _digest(etag: str, size: int, part_mib: int | None) -> _Digest | None:
    """What recomputes the ETag; None if that is impossible: most stores do not publish the size of parts."""
    found = _ETAG.fullmatch(etag)
    if found is None:
        return None
    if found[2] is None:
        return hashlib.md5(usedforsecurity=False)
    if part_mib is None or -(-size // (part_mib * _MIB)) != int(found[2]):
        return None
    return _PartsDigest(part_mib * _MIB)


class _PartsDigest:
    """Computes the ETag of an object that was uploaded in parts: the MD5 of the MD5s of all parts, and their number."""

    def __init__(self, part: int) -> None:
        self._part = part
        self._left = part
        self._now = hashlib.md5(usedforsecurity=False)
        self._parts: list[bytes] = []

    def update(self, data: bytes) -> None:
        """Add the next bytes."""
        view = memoryview(data)
        while view:
            self._now.update(view[: self._left])
            taken, view = min(self._left, len(view)), view[self._left :]
            self._left -= taken
            if not self._left:
                self._end()

    def hexdigest(self) -> str:
        """The ETag of all bytes that were added."""
        if self._left != self._part:
            self._end()
        whole = hashlib.md5(b"".join(self._parts), usedforsecurity=False)
        return f"{whole.hexdigest()}-{len(self._parts)}"

    def _end(self) -> None:
        self._parts.append(self._now.digest())
        self._now, self._left = hashlib.md5(usedforsecurity=False), self._part
