"""Leases in Redis."""

from __future__ import annotations

from typing_extensions import override

from ingest.store.leases import Leases
from ingest.store.redis.server import Server


class RedisLeases(Leases):
    """Implements `ingest.store.leases.Leases`."""

    def __init__(self, server: Server) -> None:
        self._server = server

    @override
    def take(self, name: str, owner: str, seconds: float) -> bool:
        return bool(self._server.run("lease", name=name, owner=owner, seconds=seconds))

    @override
    def release(self, name: str, owner: str) -> None:
        self._server.run("release", name=name, owner=owner)
