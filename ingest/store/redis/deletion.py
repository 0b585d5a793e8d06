"""Deletion candidates and mounts in Redis."""

from __future__ import annotations

import msgspec
from typing_extensions import override

from ingest.messages import Candidate
from ingest.store.deletion import Deletion
from ingest.store.redis.server import Server


class RedisDeletion(Deletion):
    """Implements `ingest.store.deletion.Deletion`."""

    def __init__(self, server: Server) -> None:
        self._server = server

    @override
    def candidates(self, pass_id: str, *, collections: bool, limit: int) -> list[Candidate]:
        kind = _KINDS[collections]
        targets = self._server.command("ZRANGE", self._server.key(kind, pass_id), 0, limit - 1) if limit else []
        if not targets:
            return []
        fields = [kind.encode() + target for target in targets]
        found = self._server.command("HMGET", self._server.key("candidates", pass_id), *fields)
        return [msgspec.msgpack.decode(each, type=Candidate) for each in found if each is not None]

    @override
    def candidate_counts(self, pass_id: str) -> tuple[int, int]:
        objects, collections = self._server.commands(*(("ZCARD", self._server.key(kind, pass_id)) for kind in _KINDS))
        return objects, collections

    @override
    def mount(self, space: int, host: str) -> str | None:
        mount = self._server.command("HGET", self._server.key("mounts"), f"{space}:{host}")
        return None if mount is None else mount.decode()

    @override
    def remember_mount(self, space: int, host: str, mount: str) -> None:
        self._server.command("HSET", self._server.key("mounts"), f"{space}:{host}", mount)


_KINDS = ("objects", "collections")


def packed(candidate: Candidate) -> dict[str, object]:
    """Return a candidate as an argument of a script. The deepest candidates come first."""
    return {
        "kind": _KINDS[candidate.collection],
        "height": -candidate.target.count("/"),
        "target": candidate.target,
        "candidate": msgspec.msgpack.encode(candidate),
    }
