"""The path cache in Redis: 20 bytes per path; the format is in `scripts/cache.lua`."""

from __future__ import annotations

from collections.abc import Sequence
from struct import Struct

from typing_extensions import override

from ingest.fingerprint import name_hash
from ingest.messages import Fingerprint
from ingest.store.cache import Cache
from ingest.store.redis.server import Server

_SIGNED = Struct("<q")
_FINGERPRINT = Struct("<qI")
_NAMES_PER_SCRIPT = 1000
_BUCKETS_PER_COMMAND = 1000


class RedisCache(Cache):
    """Implements `ingest.store.cache.Cache`."""

    def __init__(self, server: Server) -> None:
        self._server = server

    @override
    def get(self, space: int, directory: bytes, names: Sequence[bytes]) -> list[Fingerprint | None]:
        hashes = [path_hash(directory, name) for name in names]
        found: list[Fingerprint | None] = []
        for start in range(0, len(hashes), _NAMES_PER_SCRIPT):
            chunk = hashes[start : start + _NAMES_PER_SCRIPT]
            answer = self._server.run("cached", space=str(space), hashes=chunk)
            found += [None if each is None else Fingerprint(*_FINGERPRINT.unpack(each)) for each in answer]
        return found

    @override
    def bind(self, space: int, collection: str) -> None:
        key = self._server.key("cache-of", str(space))
        known = self._server.command("GET", key)
        if known not in (None, b"", collection.encode()):
            self.clear(space)  # before its entries are said to be about the other collection
        self._server.command("SET", key, collection)

    @override
    def clear(self, space: int) -> None:
        buckets = self._server.run("clear_cache", space=str(space))
        for start in range(0, buckets, _BUCKETS_PER_COMMAND):
            numbers = range(start, min(buckets, start + _BUCKETS_PER_COMMAND))
            self._server.command("UNLINK", *(self._server.key("cache", f"{space}:{number}") for number in numbers))


def path_hash(directory: bytes, name: bytes) -> bytes:
    """Return the key of a path in the cache."""
    return _SIGNED.pack(name_hash(directory + b"\0" + name))


def packed(fingerprint: Fingerprint) -> bytes:
    """Return a fingerprint as it is stored."""
    return _FINGERPRINT.pack(*fingerprint)
