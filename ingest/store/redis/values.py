"""The values of handlers in Redis; the format is in `scripts/values.lua`."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from redis.exceptions import ResponseError
from typing_extensions import override

from ingest.store.redis.server import Server
from ingest.store.values import Values, WrongKind


class RedisValues(Values):
    """Implements `ingest.store.values.Values`."""

    def __init__(self, server: Server) -> None:
        self._server = server

    @override
    def get(self, key: bytes) -> bytes | None:
        content: bytes | None = self._operate("get", key=key)
        return content

    @override
    def set(self, key: bytes, value: bytes, *, seconds: float | None = None, only_new: bool = False) -> bool:
        return bool(self._operate("set", key=key, value=value, seconds=seconds, only_new=only_new))

    @override
    def add(self, key: bytes, amount: int) -> int:
        return int(self._operate("add", key=key, amount=str(amount)))

    @override
    def push(self, key: bytes, values: Sequence[bytes], *, left: bool = False) -> int:
        return int(self._operate("push", key=key, values=list(values), left=left))

    @override
    def elements(self, key: bytes, first: int, last: int) -> list[bytes]:
        return list(self._operate("range", key=key, first=first, last=last))

    @override
    def length(self, key: bytes) -> int:
        return int(self._operate("count", key=key))

    @override
    def delete(self, key: bytes) -> bool:
        return bool(self._operate("delete", key=key))

    @override
    def expire(self, key: bytes, seconds: float | None) -> bool:
        return bool(self._operate("expire", key=key, seconds=seconds))

    @override
    def expiry(self, key: bytes) -> float | None:
        there, until = self._operate("expiry", key=key)
        if not there:
            raise KeyError(key)
        return None if until is None else float(until)

    @override
    def keys(self, prefix: bytes) -> list[bytes]:
        stem = prefix.rstrip(b"\xff")
        beyond = stem[:-1] + bytes([stem[-1] + 1]) if stem else None
        return list(self._operate("keys", prefix=prefix, beyond=beyond))

    def _operate(self, operation: str, **arguments: object) -> Any:
        try:
            return self._server.run("values", operation=operation, **arguments)
        except ResponseError as error:
            if "KIND" not in str(error):
                raise
            raise WrongKind(f"{arguments['key']!r} {str(error).partition('KIND ')[2]}") from None
