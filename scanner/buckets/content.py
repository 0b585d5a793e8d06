"""The content of one object: read in ranges that are pinned to an ETag, and compared with it where that is an MD5."""

from __future__ import annotations

import errno
import hashlib
import os
import re
from collections.abc import Callable, Mapping
from typing import Protocol

from scanner.buckets.client import Client, S3Failed
from scanner.content import FileChanged
from scanner.entries import Entry

_CHANGED = frozenset({"PreconditionFailed", "InvalidRange"})
_ETAG = re.compile(r"([0-9a-f]{32})(?:-([0-9]+))?")
_MIB = 1024 * 1024


class S3Content:
    """What `scanner.content.Content` asks for."""

    def __init__(
        self, client: Client, see_root: Callable[[S3Failed], None], key: str, entry: Entry, part_mib: int | None
    ) -> None:
        """`see_root` raises when nothing is known after a failure; `part_mib` is the size of the parts of uploads."""
        self.size = entry.stat.size
        self._client = client
        self._see_root = see_root
        self._key = key
        self._path = entry.path
        self._etag = entry.version or ""
        self._digest = _digest(self._etag, self.size, part_mib) if self.size else None
        """None for what is empty, too: no answer would tell whether its ETag is that of something encrypted."""
        self._encrypted = False

    def read(self, offset: int, length: int) -> bytes:
        """See Content. Raises FileNotFoundError when it is gone, PermissionError or OSError when it is not given."""
        if not length:
            return b""
        try:
            data, headers = self._client.read(self._key, self._etag, offset, length)
        except S3Failed as error:
            self._see_root(error)
            if error.code in _CHANGED:
                raise FileChanged("the object changed while it was read") from error
            if error.gone:
                raise FileNotFoundError(errno.ENOENT, os.strerror(errno.ENOENT), self._path) from error
            if error.denied:  # archived, or encrypted with a key that this account may not use
                raise PermissionError(errno.EACCES, str(error), self._path) from error
            raise OSError(errno.EIO, str(error)) from error
        if len(data) != length:
            raise FileChanged(f"the server gave {len(data)} bytes of the object instead of {length}")
        self._encrypted = self._encrypted or _is_encrypted(headers)
        return data

    def feed(self, data: bytes) -> None:
        """See Content."""
        if self._digest is not None:
            self._digest.update(data)

    def check(self) -> None:
        """See Content."""
        if self._digest is not None and not self._encrypted and self._digest.hexdigest() != self._etag:
            raise FileChanged(f"what was read of the object is not what its ETag {self._etag} stands for")

    def close(self) -> None:
        """Nothing is held."""


def _is_encrypted(headers: Mapping[str, str]) -> bool:
    """Whether the ETag is of no plain content (SSE-KMS, as the S3 documentation of ETags says)."""
    return "kms" in headers.get("x-amz-server-side-encryption", "")


class _Digest(Protocol):
    def update(self, data: bytes, /) -> None: ...
    def hexdigest(self) -> str: ...


def _digest(etag: str, size: int, part_mib: int | None) -> _Digest | None:
    """What computes the ETag anew; None when it cannot be known how: most stores do not tell the size of parts."""
    found = _ETAG.fullmatch(etag)
    if found is None:
        return None
    if found[2] is None:
        return hashlib.md5(usedforsecurity=False)
    if part_mib is None or -(-size // (part_mib * _MIB)) != int(found[2]):
        return None
    return _PartsDigest(part_mib * _MIB)


class _PartsDigest:
    """The ETag of an object that was uploaded in parts: the MD5 of the MD5s of all parts, and their number."""

    def __init__(self, part: int) -> None:
        self._part = part
        self._left = part
        self._now = hashlib.md5(usedforsecurity=False)
        self._parts: list[bytes] = []

    def update(self, data: bytes) -> None:
        """Take the next bytes."""
        view = memoryview(data)
        while view:
            self._now.update(view[: self._left])
            taken, view = min(self._left, len(view)), view[self._left :]
            self._left -= taken
            if not self._left:
                self._end()

    def hexdigest(self) -> str:
        """The ETag of what came."""
        if self._left != self._part:
            self._end()
        whole = hashlib.md5(b"".join(self._parts), usedforsecurity=False)
        return f"{whole.hexdigest()}-{len(self._parts)}"

    def _end(self) -> None:
        self._parts.append(self._now.digest())
        self._now, self._left = hashlib.md5(usedforsecurity=False), self._part
