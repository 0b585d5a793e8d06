"""The Kafka broker: topics, partitions and the consumer group of a Kafka cluster, through kafka-python."""

from __future__ import annotations

import re
import secrets
from collections.abc import Iterable, Sequence
from contextlib import suppress
from datetime import datetime, timezone
from typing import Any

import msgspec
from kafka import KafkaAdminClient, KafkaConsumer, KafkaProducer, OffsetSpec
from kafka import TopicPartition as KafkaPartition
from kafka.errors import KafkaTimeoutError, TopicAlreadyExistsError

from ingest.broker import Outgoing
from ingest.broker.kafka.assignor import FairAssignor
from ingest.broker.kafka.member import KafkaMember
from ingest.broker.kafka.settings import connection, translated
from ingest.broker.kafka.topics import LARGEST_MESSAGE, SETTINGS, check
from ingest.errors import Refused

PARTITIONS = 12
SESSION_SECONDS = 10.0
"""After how long without a heartbeat a member counts as dead; heartbeats come from a thread of its own."""
STATIC_SESSION_SECONDS = 60.0
"""The same for a member with an instance id: so long its partitions wait for it to come back."""
HEARTBEAT_SECONDS = 1.0
"""How often; the answer says that somebody has come or gone."""
POLL_SECONDS = 60.0
"""After how long without a poll a member is given up for stalled."""
PATIENCE_SECONDS = 10.0
"""How long an answer is waited for before Kafka counts as out of reach."""


class KafkaBroker:
    """A `Broker` on the cluster at `bootstrap`; a topic that it creates gets `partitions` partitions.

    Connects when it is first needed. Raises Unreachable when the cluster does not answer, Refused when it answers
    that it will not. Not thread-safe.
    """

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
        """With an `instance_id`, Kafka's static membership: what joins has its partitions again when it comes back.

        Of two members with the same one, the older is refused by its next poll.
        """
        if partitions < 1:
            raise Refused(f"a topic has at least one partition, not {partitions}")
        if instance_id is not None and not re.fullmatch(r"[\w.-]{1,249}", instance_id, re.ASCII):
            raise Refused(f"an instance id has letters, digits, '.', '_' and '-' only, not {instance_id!r}")
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

    def ensure_topics(self, topics: Iterable[str]) -> dict[str, int]:
        """Create the topics that are missing; the number of partitions of each.

        Existing topics are left as they are: what may lose tasks there is warned of, a compacted one is refused.
        """
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

    def publish(self, messages: Sequence[Outgoing]) -> None:
        """Acknowledged by all in-sync replicas when it returns; in this order per partition.

        When it raises Unreachable, some of the messages may have arrived: repeat them all. Raises ValueError, and
        publishes nothing, for a topic or partition that does not exist.
        """
        if not messages:
            return
        self._check(messages)
        try:
            with translated(self._bootstrap):
                producer = self._connected_producer()
                sent = [
                    producer.send(each.topic, each.value, partition=each.partition, headers=_headers(each))
                    for each in messages
                ]
                for each in sent:
                    each.get(timeout=2 * self._patience_ms / 1000)
        except BaseException:
            self._drop_producer()  # or it would send the rest later, after what comes next
            raise

    def join(self, group: str, topics: Iterable[str]) -> KafkaMember:
        """Become a member of `group` for these topics; the first polls bring partitions.

        Raises ValueError for a topic that does not exist.
        """
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
                metrics_enabled=False,
            )
            return KafkaMember(consumer, wanted, self._bootstrap)

    def lag(self, group: str, topics: Iterable[str]) -> int:
        """How many records of these topics the group has not committed."""
        with translated(self._bootstrap):
            counts = self._described(topics)
            lanes = [KafkaPartition(topic, number) for topic, count in counts.items() for number in range(count)]
            admin = self._connected_admin()
            committed = admin.list_group_offsets({group: lanes}).get(group, {})
            first = admin.list_partition_offsets(dict.fromkeys(lanes, OffsetSpec.EARLIEST))
            end = admin.list_partition_offsets(dict.fromkeys(lanes, OffsetSpec.LATEST))
        reached = {lane: committed[lane].offset if lane in committed else -1 for lane in lanes}
        return sum(max(0, end[lane].offset - max(first[lane].offset, reached[lane])) for lane in lanes)

    def close(self) -> None:
        """Let go of the connections; members close their own."""
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
        """The number of partitions of those topics that exist."""
        counts = {name: len(partitions) for name, partitions in self._describe(topics).items()}
        self._counts.update(counts)
        return counts

    def _describe(self, topics: Iterable[str]) -> dict[str, list[dict[str, Any]]]:
        """The partitions of those topics that exist."""
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
        """Let go of the producer and of what it has not sent: its own `close` would fail, and send on."""
        if self._producer is not None:
            producer, self._producer = self._producer, None
            producer._sender.force_close()
            producer._sender.join(self._patience_ms / 1000)
            with suppress(KafkaTimeoutError):  # it hangs in a connection, and ends by itself
                producer.close(timeout=0)


class _Envelope(msgspec.Struct):
    """What the headers say of a message."""

    type: str
    job: str = ""
    pass_id: str = ""
    task: str = ""
    round: int = 0


_envelopes = msgspec.json.Decoder(_Envelope)


def _headers(message: Outgoing) -> list[tuple[str, bytes]]:
    """The attributes of CloudEvents 1.0, as its Kafka binding has them. The id is the same when a task is repeated."""
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
