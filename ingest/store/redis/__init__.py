"""The store in Redis, shared by all consumers and command lines of a deployment."""

from __future__ import annotations

from ingest.store.redis.cache import Cache
from ingest.store.redis.candidates import Candidates
from ingest.store.redis.consumers import Consumers
from ingest.store.redis.jobs import Jobs
from ingest.store.redis.server import PREFIX, Server
from ingest.store.redis.tasks import Tasks
from ingest.store.redis.values import RedisValues
from ingest.store.redis.watching import Watches


class RedisStore(Jobs, Tasks, Watches, Candidates, Consumers, Cache, RedisValues):
    """Implements `ingest.store.Store`; one object per thread.

    Every method raises Unreachable when the server does not answer, and Refused when it does not let us in, or when
    it has lost what was in it since this object was made.
    """

    def __init__(self, url: str, prefix: str = PREFIX) -> None:
        """The store under `prefix` on the server at `url` (redis://… or rediss://…)."""
        self._server = Server(url, prefix)

    @property
    def store_id(self) -> str:
        """The same for as long as nothing is lost."""
        return self._server.store_id.decode()

    def close(self) -> None:
        """Let go of the connections."""
        self._server.close()
