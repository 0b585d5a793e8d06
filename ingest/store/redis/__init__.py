"""The store in Redis, shared by all consumers and command lines of a deployment."""

from __future__ import annotations

from typing_extensions import override

from ingest.store import Store
from ingest.store.redis.cache import RedisCache
from ingest.store.redis.consumers import RedisConsumers
from ingest.store.redis.deletion import RedisDeletion
from ingest.store.redis.handlers import RedisHandlers
from ingest.store.redis.jobs import RedisJobs
from ingest.store.redis.leases import RedisLeases
from ingest.store.redis.moves import RedisMoves
from ingest.store.redis.outbox import RedisOutbox
from ingest.store.redis.server import PREFIX, Server
from ingest.store.redis.tasks import RedisTasks
from ingest.store.redis.values import RedisValues


class RedisStore(Store):
    """The store in a Redis server. Create one object per thread."""

    def __init__(self, url: str, prefix: str = PREFIX) -> None:
        """Connect to the server.

        Args:
            url: The server, as redis://… or rediss://….
            prefix: The beginning of all keys of this store.

        Raises:
            Refused: The URL is malformed, or the server denies access.
            Unreachable: The server does not answer.
        """
        self._server = Server(url, prefix)
        self.jobs = RedisJobs(self._server)
        self.tasks = RedisTasks(self._server)
        self.moves = RedisMoves(self._server)
        self.outbox = RedisOutbox(self._server)
        self.deletion = RedisDeletion(self._server)
        self.consumers = RedisConsumers(self._server)
        self.leases = RedisLeases(self._server)
        self.handlers = RedisHandlers(self._server)
        self.cache = RedisCache(self._server)
        self.values = RedisValues(self._server)

    @property
    def store_id(self) -> str:
        """The id of the data in the server; it changes when the data is lost."""
        return self._server.store_id.decode()

    @override
    def close(self) -> None:
        self._server.close()
