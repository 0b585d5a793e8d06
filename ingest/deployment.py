"""Where queue and store are, in one state file or in Kafka and Redis: from the settings to both, also in workers."""

from __future__ import annotations

from pathlib import Path

import msgspec

from ingest.broker import Broker
from ingest.errors import Refused, Unreachable
from ingest.store import Store

DEFAULT_PARTITIONS = 12
_HOST, _PORT, _DB = "localhost", 6379, 0


class Deployment(msgspec.Struct, frozen=True, kw_only=True):
    """The settings of queue and store. Its `text` holds the secrets of the URL: it goes to workers alone."""

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
        """What these options mean. Raises Refused for Kafka without Redis, or the other way round."""
        if redis is None and (redis_host, redis_port, redis_db) != (None, None, None):
            redis = f"redis://{redis_host or _HOST}:{redis_port or _PORT}/{redis_db or _DB}"
        if kafka is None and redis is not None:
            raise Refused("Redis without Kafka: give --kafka (INGEST_KAFKA) as well, or neither for a state file")
        if kafka is not None and redis is None:
            raise Refused("Kafka without Redis: give --redis (INGEST_REDIS) as well, or neither for a state file")
        return cls(
            state=str(state), kafka=kafka, redis=redis, partitions=partitions, replication_factor=replication_factor
        )

    @classmethod
    def of_text(cls, text: str) -> Deployment:
        """What `text` was made of."""
        return msgspec.json.decode(text, type=cls)

    @property
    def text(self) -> str:
        """All of it, for the workers."""
        return msgspec.json.encode(self).decode()

    @property
    def shared(self) -> bool:
        """Whether several machines may share it."""
        return self.kafka is not None

    def __str__(self) -> str:
        """How a person calls it; without secrets."""
        if self.redis is None:
            return self.state
        from ingest.store.redis.server import place  # noqa: PLC0415 - redis is not needed for a state file

        return f"Kafka at {self.kafka} and Redis at {place(self.redis)}"

    def store(self) -> Store:
        """The store. Raises Refused, or Unreachable when Redis does not answer."""
        if self.redis is None:
            from ingest.store.embedded import EmbeddedStore  # noqa: PLC0415 - only what is needed

            return EmbeddedStore(Path(self.state))
        from ingest.store.redis import RedisStore  # noqa: PLC0415

        return RedisStore(self.redis)

    def open_store(self) -> Store:
        """The store, for a command line: whoever does not answer is named in a sentence. Raises Refused."""
        try:
            return self.store()
        except Unreachable as error:
            raise Refused(str(error)) from error

    def broker(self, least_partitions: int = 8, instance_id: str | None = None) -> Broker:
        """The queue; in a state file a new topic gets at least so many partitions, and no instance id counts."""
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
