"""The Kafka broker: topics, partitions and the consumer group of a Kafka cluster, through kafka-python."""

from __future__ import annotations

import re
import secrets
from collections.abc import Iterable, Iterator, Sequence
from contextlib import contextmanager, suppress
from datetime import datetime, timezone
from typing import Any

import msgspec
from kafka import KafkaAdminClient, KafkaConsumer, KafkaProducer, OffsetSpec
from kafka import TopicPartition as KafkaPartition
from kafka.errors import (
    KafkaTimeoutError,
    MessageSizeTooLargeError,
    RecordListTooLargeError,
    TopicAlreadyExistsError,
)
from typing_extensions import override

from ingest.broker import Broker, Outgoing, TooLarge
from ingest.broker.kafka.assignor import FairAssignor
from ingest.broker.kafka.member import KafkaMember
from ingest.broker.kafka.settings import connection, translated
from ingest.broker.kafka.topics import LARGEST_MESSAGE, SETTINGS, check
from ingest.errors import Refused

PARTITIONS = 12
SESSION_SECONDS = 10.0
"""After this time without a heartbeat, a member loses its partitions. A thread of kafka-python sends heartbeats."""
STATIC_SESSION_SECONDS = 60.0
"""The same for a member with an instance id: for this time its partitions wait for its restart."""
HEARTBEAT_SECONDS = 1.0
"""Time between two heartbeats. The answer to a heartbeat announces a rebalance."""
POLL_SECONDS = 60.0
"""After this time without a poll, a member loses its partitions."""
METADATA_MS = 30_000
"""After this time, a member asks for the topics anew, so that it notices one that was deleted and made anew."""
PATIENCE_SECONDS = 10.0
"""After this time without an answer, Kafka counts as unreachable."""


class KafkaBroker(Broker):
    """A `Broker` on a Kafka cluster. It connects when the first request needs a connection."""

    def __init__(
        self,
        bootstrap: str,
        *,
        partitions: int = PARTITIONS,
        replication_factor: int = 1,
        session_seconds: float | None = None,
        poll_seconds: float = POLL_SECONDS,
        patience: float = PATIENCE_SECONDS,
        instance_id: str | None = None,
    ) -> None:
        """Check the settings; nothing is connected yet.

        Args:
            bootstrap: The servers, as host:port[,host:port…].
            partitions: The number of partitions of each topic that this broker creates.
            replication_factor: The number of replicas of each topic that this broker creates.
            session_seconds: After this time without a heartbeat, a member loses its partitions; None for the default.
            poll_seconds: After this time without a poll, a member loses its partitions.
            patience: After this time without an answer, the cluster counts as unreachable, in seconds.
            instance_id: The id for Kafka's static membership: a member that restarts gets its partitions back. When a
                second member joins with the same id, the next poll of the first one raises Refused.

        Raises:
            Refused: A setting is invalid.
        """
        if partitions < 1:
            raise Refused(f"a topic needs at least one partition, not {partitions}")
        if instance_id is not None and not re.fullmatch(r"[\w.-]{1,249}", instance_id, re.ASCII):
            raise Refused(f"an instance id may have letters, digits, '.', '_' and '-' only, not {instance_id!r}")
        self._bootstrap = bootstrap
        self._partitions = partitions
        self._replication_factor = replication_factor
        self._session_seconds = session_seconds or (STATIC_SESSION_SECONDS if instance_id else SESSION_SECONDS)
        self._instance_id = instance_id
        self._poll_seconds = poll_seconds
        self._patience_ms = round(patience * 1000)
        self._settings = {
            **connection(bootstrap),
            "bootstrap_timeout_ms": self._patience_ms,
            "request_timeout_ms": self._patience_ms,
            "reconnect_backoff_max_ms": 1000,
        }
        self._admin: Any = None
        self._producer: Any = None
        self._counts: dict[str, int] = {}

    @override
    def ensure_topics(self, topics: Iterable[str]) -> dict[str, int]:
        wanted = list(dict.fromkeys(topics))
        with translated(self._bootstrap):
            found = self._describe(wanted)
            missing = [topic for topic in wanted if topic not in found]
            if missing:
                self._create(missing)
            replicas = {topic: min(len(each["replica_nodes"]) for each in found[topic]) for topic in found}
            check(self._connected_admin(), replicas, self._replication_factor)
            counts = self._described(wanted)
        return {topic: counts[topic] for topic in wanted}

    @override
    def delete_topics(self, topics: Iterable[str]) -> None:
        with translated(self._bootstrap):
            found = sorted(self._describe(topics))
            if found:
                self._connected_admin().delete_topics(found)
        for topic in found:
            self._counts.pop(topic, None)

    @override
    def publish(self, messages: Sequence[Outgoing]) -> None:
        if not messages:
            return
        self._check(messages)
        try:
            with translated(self._bootstrap), _sizes_named(messages):
                self._send(messages)
        except BaseException:
            self._drop_producer()  # or it would send the remaining messages later, after newer ones
            self._counts.clear()  # a topic may have been deleted
            raise

    def _send(self, messages: Sequence[Outgoing]) -> None:
        producer = self._connected_producer()
        sent = [
            producer.send(each.topic, each.value, partition=each.partition, headers=_headers(each)) for each in messages
        ]
        for each in sent:
            each.get(timeout=2 * self._patience_ms / 1000)

    @override
    def join(self, group: str, topics: Iterable[str]) -> KafkaMember:
        wanted = sorted(set(topics))
        with translated(self._bootstrap):
            missing = set(wanted) - self._described(wanted).keys()
            if missing:
                raise ValueError(f"no such topic: {', '.join(sorted(missing))}")
            consumer = KafkaConsumer(
                **self._settings,
                group_id=group,
                group_instance_id=self._instance_id,
                auto_offset_reset="earliest",
                enable_auto_commit=False,
                allow_auto_create_topics=False,
                partition_assignment_strategy=(FairAssignor,),
                session_timeout_ms=round(self._session_seconds * 1000),
                heartbeat_interval_ms=round(1000 * min(HEARTBEAT_SECONDS, self._session_seconds / 4)),
                max_poll_interval_ms=round(self._poll_seconds * 1000),
                metadata_max_age_ms=METADATA_MS,
                metrics_enabled=False,
            )
            return KafkaMember(consumer, wanted, self._bootstrap, self._session_seconds)

    @override
    def lag(self, group: str, topics: Iterable[str]) -> int:
        with translated(self._bootstrap):
            counts = self._described(topics)
            partitions = [KafkaPartition(topic, number) for topic, count in counts.items() for number in range(count)]
            admin = self._connected_admin()
            committed = admin.list_group_offsets({group: partitions}).get(group, {})
            first = admin.list_partition_offsets(dict.fromkeys(partitions, OffsetSpec.EARLIEST))
            end = admin.list_partition_offsets(dict.fromkeys(partitions, OffsetSpec.LATEST))
        reached = {partition: committed[partition].offset if partition in committed else -1 for partition in partitions}
        return sum(
            max(0, end[partition].offset - max(first[partition].offset, reached[partition])) for partition in partitions
        )

    @override
    def close(self) -> None:
        self._drop_producer()
        if self._admin is not None:
            self._admin.close()
            self._admin = None

    def _check(self, messages: Sequence[Outgoing]) -> None:
        topics = {each.topic for each in messages}
        if topics - self._counts.keys():
            with translated(self._bootstrap):
                self._described(topics)
        for each in messages:
            if not 0 <= each.partition < self._counts.get(each.topic, 0):
                raise ValueError(f"topic {each.topic} has no partition {each.partition}")

    def _described(self, topics: Iterable[str]) -> dict[str, int]:
        """Return the number of partitions of those topics that exist."""
        counts = {name: len(partitions) for name, partitions in self._describe(topics).items()}
        self._counts.update(counts)
        return counts

    def _describe(self, topics: Iterable[str]) -> dict[str, list[dict[str, Any]]]:
        """Return the partitions of those topics that exist."""
        found = self._connected_admin().describe_topics(sorted(set(topics)))
        return {each["name"]: each["partitions"] for each in found if each["partitions"]}

    def _create(self, topics: Sequence[str]) -> None:
        wanted = {
            topic: {
                "num_partitions": self._partitions,
                "replication_factor": self._replication_factor,
                "configs": SETTINGS,
            }
            for topic in topics
        }
        with suppress(TopicAlreadyExistsError):  # another process was faster
            self._connected_admin().create_topics(wanted)
        self._connected_admin().wait_for_topics(list(topics))

    def _connected_admin(self) -> Any:
        if self._admin is None:
            self._admin = KafkaAdminClient(**self._settings)
        return self._admin

    def _connected_producer(self) -> Any:
        if self._producer is None:
            self._producer = KafkaProducer(
                **self._settings,
                acks="all",
                enable_idempotence=True,
                delivery_timeout_ms=self._patience_ms,
                max_block_ms=self._patience_ms,
                allow_auto_create_topics=False,
                max_request_size=LARGEST_MESSAGE,
                batch_size=256 << 10,
                compression_type="lz4",
                metrics_enabled=False,
            )
        return self._producer

    def _drop_producer(self) -> None:
        """Drop the producer and its unsent messages. Its own `close` would go on sending, and fail."""
        if self._producer is not None:
            producer, self._producer = self._producer, None
            producer._sender.force_close()
            producer._sender.join(self._patience_ms / 1000)
            with suppress(KafkaTimeoutError):  # its thread waits for a connection, and ends by itself
                producer.close(timeout=0)


@contextmanager
def _sizes_named(messages: Sequence[Outgoing]) -> Iterator[None]:
    """Raise TooLarge for the error of a message, or a batch of messages, that Kafka refuses because of its size."""
    try:
        yield
    except (MessageSizeTooLargeError, RecordListTooLargeError) as error:
        size = max(len(each.value) for each in messages)
        raise TooLarge(f"Kafka refuses its message of {size:,} bytes: raise max.message.bytes of the topic") from error


class _Envelope(msgspec.Struct):
    """The fields of a message that go into its headers."""

    type: str
    job: str = ""
    pass_id: str = ""
    task: str = ""
    round: int = 0


_envelopes = msgspec.json.Decoder(_Envelope)


def _headers(message: Outgoing) -> list[tuple[str, bytes]]:
    """Return the attributes of CloudEvents 1.0 for its Kafka binding. A repeated task keeps its id."""
    try:
        envelope = _envelopes.decode(message.value)
    except msgspec.DecodeError:
        envelope = _Envelope(message.topic)
    number = f"{envelope.pass_id}.{envelope.task}.{envelope.round}" if envelope.pass_id else secrets.token_hex(8)
    attributes = {
        "ce_specversion": "1.0",
        "ce_type": f"irods-landing-zone.{envelope.type}",
        "ce_source": f"/irods-landing-zone/jobs/{envelope.job}",
        "ce_id": number,
        "ce_time": datetime.now(timezone.utc).isoformat(),
        "content-type": "application/json",
    }
    return [(name, value.encode()) for name, value in attributes.items()]
