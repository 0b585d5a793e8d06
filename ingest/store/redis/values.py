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
    def get(self, key: bytes, now: float) -> bytes | None:
        content: bytes | None = self._operate("get", now, key=key)
        return content

    @override
    def set(self, key: bytes, value: bytes, now: float, *, until: float | None = None, only_new: bool = False) -> bool:
        return bool(self._operate("set", now, key=key, value=value, over=until, only_new=only_new))

    @override
    def add(self, key: bytes, amount: int, now: float) -> int:
        return int(self._operate("add", now, key=key, amount=str(amount)))

    @override
    def push(self, key: bytes, values: Sequence[bytes], now: float, *, left: bool = False) -> int:
        return int(self._operate("push", now, key=key, values=list(values), left=left))

    @override
    def elements(self, key: bytes, first: int, last: int, now: float) -> list[bytes]:
        return list(self._operate("range", now, key=key, first=first, last=last))

    @override
    def length(self, key: bytes, now: float) -> int:
        return int(self._operate("count", now, key=key))

    @override
    def delete(self, key: bytes, now: float) -> bool:
        return bool(self._operate("delete", now, key=key))

    @override
    def expire(self, key: bytes, until: float | None, now: float) -> bool:
        return bool(self._operate("expire", now, key=key, over=until))

    @override
    def expiry(self, key: bytes, now: float) -> float | None:
        there, until = self._operate("expiry", now, key=key)
        if not there:
            raise KeyError(key)
        return None if until is None else float(until)

    @override
    def keys(self, prefix: bytes, now: float) -> list[bytes]:
        stem = prefix.rstrip(b"\xff")
        beyond = stem[:-1] + bytes([stem[-1] + 1]) if stem else None
        return list(self._operate("keys", now, prefix=prefix, beyond=beyond))

    def _operate(self, operation: str, now: float, **arguments: object) -> Any:
        try:
            return self._server.run("values", operation=operation, now=now, **arguments)
        except ResponseError as error:
            if "KIND" not in str(error):
                raise
            raise WrongKind(f"{arguments['key']!r} {str(error).partition('KIND ')[2]}") from None
