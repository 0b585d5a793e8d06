"""Live consumers, leases and stored handlers of the Redis store."""

from __future__ import annotations

import time

import msgspec

from ingest.store import ConsumerStatus
from ingest.store.redis.server import Server


class Consumers:
    """The part of the store through which processes know of each other."""

    _server: Server

    def announce(self, status: ConsumerStatus, until: float) -> None:
        """See Store."""
        packed = msgspec.msgpack.encode(status)
        self._server.run("announce", name=status.consumer, status=packed, over=until, now=min(until, time.time()))

    def consumers(self, now: float) -> list[ConsumerStatus]:
        """See Store."""
        alive, known = self._server.commands(
            ("ZRANGEBYSCORE", self._server.key("alive"), f"({now!r}", "+inf"),
            ("HGETALL", self._server.key("consumers")),
        )
        return [msgspec.msgpack.decode(known[name], type=ConsumerStatus) for name in sorted(alive)]

    def lease(self, name: str, owner: str, now: float, seconds: float) -> bool:
        """See Store."""
        return bool(self._server.run("lease", name=name, owner=owner, now=now, seconds=seconds))

    def release(self, name: str, owner: str) -> None:
        """See Store."""
        self._server.run("release", name=name, owner=owner)

    def save_handler(self, sha256: str, source: bytes) -> None:
        """See Store."""
        self._server.command("HSET", self._server.key("handlers"), sha256, source)

    def handler(self, sha256: str) -> bytes | None:
        """See Store."""
        source: bytes | None = self._server.command("HGET", self._server.key("handlers"), sha256)
        return source
