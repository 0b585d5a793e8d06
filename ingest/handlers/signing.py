"""Signatures of handlers: with a common key, workers run no code that was put into the store by others."""

from __future__ import annotations

import hashlib
import hmac
import os

from ingest.credentials import secret
from ingest.errors import Refused

VARIABLE = "INGEST_HANDLER_KEY"
"""The variable with the key, or with _FILE the file that has it, of those who submit and of workers."""


def sign(source: bytes) -> str | None:
    """The HMAC-SHA256 of a handler's source in hexadecimal digits; None without a key."""
    key = secret(VARIABLE)
    return hmac.new(os.fsencode(key), source, hashlib.sha256).hexdigest() if key else None


def check(source: bytes, signature: str | None) -> None:
    """Raises Refused when this process has a key, and the signature was not made of the source with it."""
    expected = sign(source)
    if expected is None:
        return
    if signature is None:
        raise Refused(f"the event handler is not signed, and this worker has {VARIABLE}: start the job with that key")
    if not hmac.compare_digest(expected, signature):
        raise Refused(f"the signature of the event handler was not made with this worker's {VARIABLE}")
