"""The queue and the store of a deployment: one state file, or Kafka and Redis."""

from __future__ import annotations

from pathlib import Path

import msgspec

from ingest.broker import Broker
from ingest.errors import Refused, Unreachable
from ingest.store import Store

DEFAULT_PARTITIONS = 12
_HOST, _PORT, _DB = "localhost", 6379, 0


class Deployment(msgspec.Struct, frozen=True, kw_only=True):
    """The settings of the queue and the store. `text` contains the secrets of the URL; only workers get it."""

    state: str
    kafka: str | None = None
    redis: str | None = None
    partitions: int | None = None
    replication_factor: int = 1

    @classmethod
    def of(
        cls,
        state: Path,
        *,
        kafka: str | None,
        redis: str | None,
        redis_host: str | None,
        redis_port: int | None,
        redis_db: int | None,
        partitions: int | None,
        replication_factor: int,
    ) -> Deployment:
        """Return the deployment for these options. Raises Refused for Kafka without Redis, or Redis without Kafka."""
        if redis is None and (redis_host, redis_port, redis_db) != (None, None, None):
            redis = f"redis://{redis_host or _HOST}:{redis_port or _PORT}/{redis_db or _DB}"
        if kafka is None and redis is not None:
            raise Refused("Redis without Kafka: set --kafka (INGEST_KAFKA) too, or neither of them to use a state file")
        if kafka is not None and redis is None:
            raise Refused("Kafka without Redis: set --redis (INGEST_REDIS) too, or neither of them to use a state file")
        return cls(
            state=str(state), kafka=kafka, redis=redis, partitions=partitions, replication_factor=replication_factor
        )

    @classmethod
    def of_text(cls, text: str) -> Deployment:
        """Return the deployment whose `text` this is."""
        return msgspec.json.decode(text, type=cls)

    @property
    def text(self) -> str:
        """The deployment as text, for workers."""
        return msgspec.json.encode(self).decode()

    @property
    def shared(self) -> bool:
        """Whether several machines can share it."""
        return self.kafka is not None

    def __str__(self) -> str:
        """Return its name for messages, without secrets."""
        if self.redis is None:
            return self.state
        from ingest.store.redis.server import place  # noqa: PLC0415 - a state file needs no redis

        return f"Kafka at {self.kafka} and Redis at {place(self.redis)}"

    def store(self) -> Store:
        """Open the store. Raises Refused, or Unreachable when Redis does not answer."""
        if self.redis is None:
            from ingest.store.embedded import EmbeddedStore  # noqa: PLC0415 - Kafka and Redis need no SQLite

            return EmbeddedStore(Path(self.state))
        from ingest.store.redis import RedisStore  # noqa: PLC0415

        return RedisStore(self.redis)

    def open_store(self) -> Store:
        """Open the store for a command. Raises Refused, also when Redis does not answer."""
        try:
            return self.store()
        except Unreachable as error:
            raise Refused(str(error)) from error

    def broker(self, least_partitions: int = 8, instance_id: str | None = None) -> Broker:
        """Open the queue.

        Args:
            least_partitions: The lowest number of partitions of a new topic in a state file. Kafka ignores it.
            instance_id: The id for Kafka's static membership. A state file ignores it.

        Raises:
            Refused: A setting is invalid, or the state file cannot be used.
        """
        if self.kafka is None:
            from ingest.broker.embedded.broker import EmbeddedBroker  # noqa: PLC0415

            return EmbeddedBroker(Path(self.state), partitions=max(least_partitions, self.partitions or 0))
        from ingest.broker.kafka.broker import KafkaBroker  # noqa: PLC0415

        return KafkaBroker(
            self.kafka,
            partitions=self.partitions or DEFAULT_PARTITIONS,
            replication_factor=self.replication_factor,
            instance_id=instance_id,
        )
