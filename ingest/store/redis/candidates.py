"""What a pass would delete, and what is mounted at its source: the Redis store's part of deletion."""

from __future__ import annotations

import msgspec

from ingest.messages import Candidate
from ingest.store.redis.server import Server


class Candidates:
    """The part of the store that holds candidates for deletion until they are judged as a whole."""

    _server: Server

    def candidates(self, pass_id: str, *, collections: bool, limit: int) -> list[Candidate]:
        """See Store."""
        kind = _KINDS[collections]
        targets = self._server.command("ZRANGE", self._server.key(kind, pass_id), 0, limit - 1) if limit else []
        if not targets:
            return []
        fields = [kind.encode() + target for target in targets]
        found = self._server.command("HMGET", self._server.key("candidates", pass_id), *fields)
        return [msgspec.msgpack.decode(each, type=Candidate) for each in found if each is not None]

    def candidate_counts(self, pass_id: str) -> tuple[int, int]:
        """See Store."""
        objects, collections = self._server.commands(*(("ZCARD", self._server.key(kind, pass_id)) for kind in _KINDS))
        return objects, collections

    def mount(self, space: int, host: str) -> str | None:
        """See Store."""
        mount = self._server.command("HGET", self._server.key("mounts"), f"{space}:{host}")
        return None if mount is None else mount.decode()

    def remember_mount(self, space: int, host: str, mount: str) -> None:
        """See Store."""
        self._server.command("HSET", self._server.key("mounts"), f"{space}:{host}", mount)


_KINDS = ("objects", "collections")


def packed(candidate: Candidate) -> dict[str, object]:
    """A candidate for a script; the deepest come first."""
    return {
        "kind": _KINDS[candidate.collection],
        "height": -candidate.target.count("/"),
        "target": candidate.target,
        "candidate": msgspec.msgpack.encode(candidate),
    }
