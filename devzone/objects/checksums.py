"""Checksums of files as the server writes them: SHA-256 in base64 with the prefix ``sha2:``."""

import base64
import hashlib
import os

from devzone.errors import UNIX_FILE_OPEN_ERR, UNIX_FILE_READ_ERR, IrodsError, unix_error

PREFIX = "sha2:"
_BLOCK = 1 << 20


def of_bytes(data: bytes) -> str:
    """Checksum of bytes."""
    return PREFIX + base64.b64encode(hashlib.sha256(data).digest()).decode()


def of_file(path: str, size: int) -> str:
    """Checksum of the first ``size`` bytes of a file; a shorter file is a read error (recorded: chksum.wrong_size)."""
    return PREFIX + base64.b64encode(_digest(path, size, "sha256")).decode()


def matches(path: str, size: int, wanted: str) -> bool:
    """Whether a file has a checksum that a client gives, in the server's form or as hexadecimal MD5."""
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
