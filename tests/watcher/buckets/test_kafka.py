"""Notifications that servers write to a Kafka topic."""

from __future__ import annotations

import secrets
import signal
from pathlib import Path

import pytest
from kafka import KafkaProducer
from kafka.admin import KafkaAdminClient, NewPartitions, NewTopic
from minio.notificationconfig import NotificationConfig, QueueConfig
from structlog.testing import capture_logs

from ingest.errors import Refused
from tests.support.s3_servers import Bucket, S3Server
from tests.support.services import Kafka, running
from tests.watcher.buckets.contract import (
    CREATED,
    REMOVED,
    all_of,
    heard,
    tells_of_what_happens_below_the_prefix_and_of_nothing_else,
    written,
)
from tests.watcher.buckets.test_events import record
from watcher.buckets.kafka import KafkaBackend
from watcher.events import Missed


@pytest.fixture
def topic(kafka_bootstrap: str) -> str:
    name = f"notifications-{secrets.token_hex(4)}"
    admin = KafkaAdminClient(bootstrap_servers=kafka_bootstrap)
    admin.create_topics([NewTopic(name, num_partitions=2, replication_factor=1)])
    admin.close()
    return name


def write(bootstrap: str, topic: str, *values: bytes) -> None:
    producer = KafkaProducer(bootstrap_servers=bootstrap)
    for value in values:
        producer.send(topic, value).get(30)
    producer.close()


def notification(key: str) -> bytes:
    import json

    return json.dumps({"Records": [record("ObjectCreated:Put", key)]}).encode()


@pytest.mark.parametrize("name", ["minio", "versitygw"])
def test_a_server_tells_of_what_happens_below_the_prefix_and_of_nothing_else(
    name: str, tmp_path: Path, kafka_bootstrap: str, topic: str
) -> None:
    minio = {"ENABLE": "on", "BROKERS": kafka_bootstrap, "TOPIC": topic}
    gateway = {"URL": kafka_bootstrap, "TOPIC": topic, "KEY": "key"}
    more = {f"MINIO_NOTIFY_KAFKA_{key}_T": value for key, value in minio.items()}
    if name == "versitygw":
        more = {f"VGW_EVENT_KAFKA_{key}": value for key, value in gateway.items()}
    with running(S3Server(name, tmp_path, more)) as server:
        assert isinstance(server, S3Server)
        bucket = Bucket(server)
        if name == "minio":
            config = NotificationConfig(
                queue_config_list=[QueueConfig([CREATED, REMOVED], queue="arn:minio:sqs::T:kafka")]
            )
            bucket.client.set_bucket_notification(bucket.name, config)
        with KafkaBackend(f"/{bucket.name}/p".encode(), kafka_bootstrap, topic, "watcher") as backend:
            backend.start()
            tells_of_what_happens_below_the_prefix_and_of_nothing_else(backend, bucket)


def test_what_was_not_acknowledged_comes_again_and_what_was_does_not(kafka_bootstrap: str, topic: str) -> None:
    write(kafka_bootstrap, topic, notification("p/before"))
    for key in ("first", "second"):
        with KafkaBackend(b"/bucket/p", kafka_bootstrap, topic, "watcher") as backend:
            backend.start()
            if key == "first":
                write(kafka_bootstrap, topic, notification("p/first"))
            events = []
            while written("first") not in events:
                events += backend.read(0.5)
            assert events == [written("first")]  # and it is not acknowledged
    with KafkaBackend(b"/bucket/p", kafka_bootstrap, topic, "watcher") as backend:
        backend.start()
        heard(backend, all_of(written("first")))
    write(kafka_bootstrap, topic, notification("p/away"))
    with KafkaBackend(b"/bucket/p", kafka_bootstrap, topic, "watcher") as backend:
        backend.start()
        assert heard(backend, all_of(written("away"))) == [written("away")]


def test_a_message_that_nobody_can_read_becomes_a_scan_and_holds_nothing_up(kafka_bootstrap: str, topic: str) -> None:
    with KafkaBackend(b"/bucket/p", kafka_bootstrap, topic, "watcher") as backend:
        backend.start()
        write(kafka_bootstrap, topic, b"no json", notification("p/a"))
        events = heard(backend, all_of(written("a")))
        assert any(isinstance(event, Missed) for event in heard(backend, lambda more: any(
            isinstance(event, Missed) for event in [*events, *more])) + events)  # fmt: skip


def test_partitions_that_come_later_are_read_too_and_what_was_in_them_is_scanned(
    kafka_bootstrap: str, topic: str
) -> None:
    with KafkaBackend(b"/bucket/p", kafka_bootstrap, topic, "watcher", refresh_seconds=1) as backend:
        backend.start()
        admin = KafkaAdminClient(bootstrap_servers=kafka_bootstrap)
        admin.create_partitions({topic: NewPartitions(total_count=4)})
        admin.close()
        heard(backend, lambda events: any(isinstance(event, Missed) for event in events))
        values = [notification(f"p/{number}") for number in range(20)]
        write(kafka_bootstrap, topic, *values)
        heard(backend, all_of(*(written(str(number)) for number in range(20))))


def test_after_kafka_was_away_all_must_be_scanned_and_events_come_again(tmp_path: Path) -> None:
    with running(Kafka(tmp_path)) as kafka:
        assert isinstance(kafka, Kafka)
        admin = KafkaAdminClient(bootstrap_servers=kafka.bootstrap)
        admin.create_topics([NewTopic("notifications", num_partitions=2, replication_factor=1)])
        admin.close()
        with KafkaBackend(b"/bucket/p", kafka.bootstrap, "notifications", "watcher") as backend:
            backend.start()
            write(kafka.bootstrap, "notifications", notification("p/before"))
            assert heard(backend, all_of(written("before"))) == [written("before")]
            kafka.stop(signal.SIGKILL)
            assert backend.read(3) == []
            kafka.start()
            missed = Missed(b"", f"Kafka at {kafka.bootstrap} does not answer")
            assert heard(backend, all_of(missed)) == [missed]
            write(kafka.bootstrap, "notifications", notification("p/after"))
            assert heard(backend, all_of(written("after"))) == [written("after")]


def test_a_topic_that_is_deleted_is_waited_for_and_then_all_must_be_scanned(kafka_bootstrap: str, topic: str) -> None:
    admin = KafkaAdminClient(bootstrap_servers=kafka_bootstrap)
    with (
        capture_logs() as lines,
        KafkaBackend(b"/bucket/p", kafka_bootstrap, topic, "watcher", refresh_seconds=1) as backend,
    ):
        backend.start()
        write(kafka_bootstrap, topic, notification("p/before"), notification("p/before"))
        heard(backend, all_of(written("before")))
        admin.delete_topics([topic])
        assert heard(backend, lambda _: bool(lines)) == []
        admin.create_topics([NewTopic(topic, num_partitions=1, replication_factor=1)])
        missed = Missed(b"", f"Kafka at {kafka_bootstrap} has no topic {topic}")
        assert heard(backend, all_of(missed)) == [missed]
        write(kafka_bootstrap, topic, notification("p/after"))
        assert heard(backend, all_of(written("after"))) == [written("after")]
    admin.close()
    assert [line["event"] for line in lines] == ["out of reach, waiting", "within reach again"]


def test_a_topic_that_is_not_there_is_refused(kafka_bootstrap: str) -> None:
    with pytest.raises(Refused, match="has no topic no-such-topic"):
        KafkaBackend(b"/bucket/p", kafka_bootstrap, "no-such-topic", "watcher").start()
