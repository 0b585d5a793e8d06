"""Live consumers in Redis."""

from __future__ import annotations

import time

import msgspec
from typing_extensions import override

from ingest.store.consumers import Consumers, ConsumerStatus
from ingest.store.redis.server import Server


class RedisConsumers(Consumers):
    """Implements `ingest.store.consumers.Consumers`."""

    def __init__(self, server: Server) -> None:
        self._server = server

    @override
    def announce(self, status: ConsumerStatus, until: float) -> None:
        packed = msgspec.msgpack.encode(status)
        self._server.run("announce", name=status.consumer, status=packed, over=until, now=min(until, time.time()))

    @override
    def alive(self, now: float) -> list[ConsumerStatus]:
        alive, known = self._server.commands(
            ("ZRANGEBYSCORE", self._server.key("alive"), f"({now!r}", "+inf"),
            ("HGETALL", self._server.key("consumers")),
        )
        return [msgspec.msgpack.decode(known[name], type=ConsumerStatus) for name in sorted(alive)]
