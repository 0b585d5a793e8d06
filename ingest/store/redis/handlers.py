"""Sources of handlers in Redis."""

from __future__ import annotations

from typing_extensions import override

from ingest.store.handlers import Handlers
from ingest.store.redis.server import Server


class RedisHandlers(Handlers):
    """Implements `ingest.store.handlers.Handlers`."""

    def __init__(self, server: Server) -> None:
        self._server = server

    @override
    def save(self, sha256: str, source: bytes) -> None:
        self._server.command("HSET", self._server.key("handlers"), sha256, source)

    @override
    def get(self, sha256: str) -> bytes | None:
        source: bytes | None = self._server.command("HGET", self._server.key("handlers"), sha256)
        return source
