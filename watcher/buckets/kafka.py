"""Notifications that S3 servers write to a Kafka topic: MinIO, Ceph RGW, VersityGW.

Offsets are committed when the events are stored, so a restarted watcher continues where it was. A watcher without
offsets begins at the end of the topic: the first scan of every watcher covers earlier changes.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from kafka import KafkaConsumer
from kafka.errors import UnknownTopicOrPartitionError
from kafka.structs import OffsetAndMetadata, TopicPartition
from typing_extensions import override

from ingest.broker.kafka.settings import KAFKA, connection, translated
from ingest.errors import Refused, Unreachable
from ingest.service import logs
from ingest.service.backoff import NO_WAITS, Backoff
from watcher.buckets.events import Reader
from watcher.events import Backend, Event, Missed

REFRESH_SECONDS = 60
"""Seconds between checks for new partitions."""
_MAX_RECORDS = 500
"""Messages in one poll, at most."""


class KafkaBackend(Backend):
    """A backend that reads a topic."""

    unwatched = 0
    ordered = False

    def __init__(
        self,
        source: bytes,
        bootstrap: str,
        topic: str,
        group: str,
        *,
        variables: str = KAFKA,
        refresh_seconds: int = REFRESH_SECONDS,
    ) -> None:
        """`source` is that of a job: /bucket or /bucket/prefix. Offsets are kept under the name of the `group`.

        `variables`: the prefix of the environment variables for this Kafka. Raises Refused when they are wrong.
        """
        self._reader = Reader(source)
        self._settings = connection(bootstrap, prefix=variables)
        self._variables = variables
        self._bootstrap = bootstrap
        self._topic = topic
        self._group = group
        self._refresh_seconds = refresh_seconds
        self._consumer: Any = None
        self._read: dict[TopicPartition, int] = {}
        self._log = logs.get("watcher").bind(topic=topic)
        self._outage = Backoff(self._log, NO_WAITS)  # each read waits

    @override
    def __enter__(self) -> KafkaBackend:
        return self

    @override
    def __exit__(self, *_: object) -> None:
        self.close()

    @override
    def start(self) -> None:
        """Start to read. Raises Refused when there is no such topic, or Kafka does not answer."""
        try:
            with translated(self._bootstrap, self._variables):
                self._consumer = KafkaConsumer(
                    group_id=self._group,
                    enable_auto_commit=False,
                    auto_offset_reset="latest",
                    max_poll_records=_MAX_RECORDS,
                    metadata_max_age_ms=1000 * self._refresh_seconds,
                    **self._settings,
                )
                self._take_partitions()
        except Unreachable as error:
            raise Refused(str(error)) from error
        self.acknowledge()  # otherwise a crash before the first event would skip messages

    @override
    def read(self, timeout: float) -> list[Event]:
        try:
            with translated(self._bootstrap, self._variables):
                found = self._consumer.poll(timeout_ms=int(timeout * 1000))
        except Unreachable as error:
            self._log.warning("cannot read the topic, trying again", reason=str(error))
            return []
        return self._events(found) + self._look_after_topic()

    @override
    def acknowledge(self) -> None:
        """Commit the offsets; if that fails, a later call commits them."""
        if not self._read or self._outage.reason:
            return
        offsets = {each: OffsetAndMetadata(offset, "", -1) for each, offset in self._read.items()}
        try:
            with translated(self._bootstrap, self._variables):
                self._consumer.commit(offsets)
        except Unreachable as error:
            self._log.warning("offsets could not be committed", reason=str(error))
        else:
            self._read.clear()

    @override
    def close(self) -> None:
        if self._consumer is not None:
            self._consumer.close(autocommit=False)
            self._consumer = None

    def _look_after_topic(self) -> list[Event]:
        """Detect that the topic is out of reach, and report a Missed when it is reachable again or has new partitions.

        During an outage, an S3 server without a queue of its own drops its notifications. kafka-python reconnects by
        itself; only its metrics show that.
        """
        before, reason, changed = self._outage.reason, "", False
        try:
            with translated(self._bootstrap, self._variables):
                changed = self._take_partitions()
            if not self._consumer.metrics()["consumer-metrics"]["connection-count"]:
                reason = f"Kafka at {self._bootstrap} does not answer"
        except Unreachable as error:
            reason = str(error)
        if not reason:
            self._outage.succeeded()
        elif not before:
            self._outage.failed(reason)
        missed = before or (f"the partitions of the topic {self._topic} have changed" if changed else "")
        return [Missed(b"", missed)] if missed and not reason else []

    def _take_partitions(self) -> bool:
        """Assign all partitions, each at its committed offset. Returns whether they changed. Raises Unreachable."""
        try:
            numbers = self._consumer.partitions_for_topic(self._topic)
        except UnknownTopicOrPartitionError:
            numbers = None
        if not numbers:
            self._consumer.unsubscribe()  # a topic that is created again has other offsets
            self._read.clear()
            raise Unreachable(f"Kafka at {self._bootstrap} has no topic {self._topic}")
        partitions = {TopicPartition(self._topic, number) for number in numbers}
        if partitions == set(self._consumer.assignment()):
            return False
        self._consumer.assign(sorted(partitions))
        self._read |= {each: self._consumer.position(each) for each in partitions}
        return True

    def _events(self, found: Mapping[TopicPartition, list[Any]]) -> list[Event]:
        events: list[Event] = []
        for partition, records in found.items():
            for record in records:
                events += self._reader.events(record.value) if record.value else []
                self._read[partition] = record.offset + 1
        return events
