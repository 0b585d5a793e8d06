"""Checksums of files in the server's form: SHA-256 in base64 with the prefix ``sha2:``."""

import base64
import hashlib
import os

from devzone.errors import UNIX_FILE_OPEN_ERR, UNIX_FILE_READ_ERR, IrodsError, unix_error

PREFIX = "sha2:"
_BLOCK = 1 << 20


def of_bytes(data: bytes) -> str:
    """The checksum of ``data``."""
    return PREFIX + base64.b64encode(hashlib.sha256(data).digest()).decode()


def of_file(path: str, size: int) -> str:
    """The checksum of a file's first ``size`` bytes; an error if it has fewer (recorded: chksum.wrong_size)."""
    return PREFIX + base64.b64encode(_digest(path, size, "sha256")).decode()


def matches(path: str, size: int, wanted: str) -> bool:
    """Whether a file has the checksum ``wanted``, which is in the server's form or a hexadecimal MD5."""
    if wanted.startswith(PREFIX):
        return of_file(path, size) == wanted
    return _digest(path, size, "md5").hex() == wanted.lower()


def _digest(path: str, size: int, algorithm: str) -> bytes:
    found = hashlib.new(algorithm, usedforsecurity=False)
    try:
        fd = os.open(path, os.O_RDONLY | os.O_NONBLOCK)
    except OSError as problem:
        raise unix_error(UNIX_FILE_OPEN_ERR, problem) from None
    with os.fdopen(fd, "rb", buffering=0) as source:
        left = size
        while left > 0:
            try:
                block = source.read(min(_BLOCK, left))
            except OSError as problem:
                raise unix_error(UNIX_FILE_READ_ERR, problem) from None
            if not block:
                raise IrodsError(UNIX_FILE_READ_ERR)
            found.update(block)
            left -= len(block)
    return found.digest()
