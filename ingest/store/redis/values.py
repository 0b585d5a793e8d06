"""The values of handlers in Redis; `scripts/values.lua` says how they are kept."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from redis.exceptions import ResponseError

from ingest.store.redis.server import Server
from ingest.store.values import WrongKind


class RedisValues:
    """Implements `ingest.store.values.Values`."""

    _server: Server

    def value(self, key: bytes, now: float) -> bytes | None:
        """See Values."""
        content: bytes | None = self._operate("get", now, key=key)
        return content

    def set_value(
        self, key: bytes, value: bytes, now: float, *, until: float | None = None, only_new: bool = False
    ) -> bool:
        """See Values."""
        return bool(self._operate("set", now, key=key, value=value, over=until, only_new=only_new))

    def add_to_value(self, key: bytes, amount: int, now: float) -> int:
        """See Values."""
        return int(self._operate("add", now, key=key, amount=str(amount)))

    def push_values(self, key: bytes, values: Sequence[bytes], now: float, *, left: bool = False) -> int:
        """See Values."""
        return int(self._operate("push", now, key=key, values=list(values), left=left))

    def list_values(self, key: bytes, first: int, last: int, now: float) -> list[bytes]:
        """See Values."""
        return list(self._operate("range", now, key=key, first=first, last=last))

    def count_values(self, key: bytes, now: float) -> int:
        """See Values."""
        return int(self._operate("count", now, key=key))

    def delete_value(self, key: bytes, now: float) -> bool:
        """See Values."""
        return bool(self._operate("delete", now, key=key))

    def expire_value(self, key: bytes, until: float | None, now: float) -> bool:
        """See Values."""
        return bool(self._operate("expire", now, key=key, over=until))

    def value_expiry(self, key: bytes, now: float) -> float | None:
        """See Values."""
        there, until = self._operate("expiry", now, key=key)
        if not there:
            raise KeyError(key)
        return None if until is None else float(until)

    def value_keys(self, prefix: bytes, now: float) -> list[bytes]:
        """See Values."""
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
