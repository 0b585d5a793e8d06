"""Live consumers in Redis."""

from __future__ import annotations

import msgspec
from typing_extensions import override

from ingest.store.consumers import Consumers, ConsumerStatus
from ingest.store.redis.server import Server


class RedisConsumers(Consumers):
    """Implements `ingest.store.consumers.Consumers`."""

    def __init__(self, server: Server) -> None:
        self._server = server

    @override
    def announce(self, status: ConsumerStatus, seconds: float) -> None:
        self._server.run("announce", name=status.consumer, status=msgspec.msgpack.encode(status), seconds=seconds)

    @override
    def alive(self) -> list[ConsumerStatus]:
        found = [msgspec.msgpack.decode(each, type=ConsumerStatus) for each in self._server.run("alive")]
        return sorted(found, key=lambda status: status.consumer)
