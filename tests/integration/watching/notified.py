"""Buckets on servers that notify in each way, and the options with which a watcher hears of them."""

from __future__ import annotations

import json
import secrets
from collections.abc import Iterator
from contextlib import contextmanager, nullcontext
from pathlib import Path
from typing import NamedTuple

import boto3
from kafka.admin import KafkaAdminClient, NewTopic
from minio.notificationconfig import NotificationConfig, QueueConfig

from tests.support.s3_servers import Bucket, S3Server
from tests.support.services import free_ports, running
from watcher.buckets.webhook import WebhookBackend

SECRET = "a-secret-that-both-sides-know"
TOKEN = "a-token-of-a-session"
EVENTS = ["s3:ObjectCreated:*", "s3:ObjectRemoved:*"]


class Notified(NamedTuple):
    """A bucket whose server notifies, and what a watcher must be given; `tell` is for when the watcher listens."""

    bucket: Bucket
    options: tuple[str, ...]
    environ: dict[str, str]
    target: str | None = None

    def tell(self) -> None:
        """Have the server notify from now on, where it must be told so per bucket."""
        if self.target is not None:
            config = NotificationConfig(queue_config_list=[QueueConfig(EVENTS, queue=self.target)])
            self.bucket.client.set_bucket_notification(self.bucket.name, config)


@contextmanager
def by_kafka(name: str, folder: Path, bootstrap: str) -> Iterator[Notified]:
    """A server, `minio` or `versitygw`, that writes to a topic of its own."""
    topic = f"notifications-{secrets.token_hex(4)}"
    admin = KafkaAdminClient(bootstrap_servers=bootstrap)
    admin.create_topics([NewTopic(topic, num_partitions=2, replication_factor=1)])
    admin.close()
    if name == "minio":
        minio = {"ENABLE": "on", "BROKERS": bootstrap, "TOPIC": topic, "QUEUE_DIR": str(folder / "queue")}
        more = {f"MINIO_NOTIFY_KAFKA_{key}_T": value for key, value in minio.items()}
    else:
        more = {"VGW_EVENT_KAFKA_URL": bootstrap, "VGW_EVENT_KAFKA_TOPIC": topic, "VGW_EVENT_KAFKA_KEY": "key"}
    options = ("--notifications", "kafka", "--notifications-kafka", bootstrap, "--notifications-topic", topic)
    with running(S3Server(name, folder, more)) as server:
        assert isinstance(server, S3Server)
        yield Notified(Bucket(server), options, {}, "arn:minio:sqs::T:kafka" if name == "minio" else None)


@contextmanager
def by_webhook(name: str, folder: Path) -> Iterator[Notified]:
    """A server, `minio` or `versitygw`, that calls an address."""
    (port,) = free_ports(1)
    address = f"http://127.0.0.1:{port}"
    if name == "minio":
        minio = {"ENABLE": "on", "ENDPOINT": address, "AUTH_TOKEN": SECRET, "QUEUE_DIR": str(folder / "queue")}
        more = {f"MINIO_NOTIFY_WEBHOOK_{key}_T": value for key, value in minio.items()}
    else:
        more = {"VGW_EVENT_WEBHOOK_URL": f"{address}/{SECRET}"}
    options = ("--notifications", "webhook", "--notifications-address", f"127.0.0.1:{port}")
    server = S3Server(name, folder, more)
    with nullcontext() if name == "minio" else WebhookBackend(b"/no-bucket-yet", SECRET, port=port) as first:
        if first is not None:
            first.start()  # VersityGW does not begin without an answer
        server.start()
    try:
        target = "arn:minio:sqs::T:webhook" if name == "minio" else None
        yield Notified(Bucket(server), options, {"INGEST_NOTIFICATIONS_SECRET": SECRET}, target)
    finally:
        server.stop()


def by_sqs(server: S3Server) -> Notified:
    """A bucket of moto's server with a queue of its own."""
    key = {"aws_access_key_id": server.key, "aws_secret_access_key": server.secret, "region_name": "us-east-1"}
    sqs, s3 = (boto3.client(each, endpoint_url=f"http://{server.endpoint}", **key) for each in ("sqs", "s3"))
    name = f"queue-{secrets.token_hex(4)}"
    sqs.create_queue(QueueName=name)
    bucket = Bucket(server)
    queue = {"QueueArn": f"arn:aws:sqs:us-east-1:123456789012:{name}", "Events": EVENTS}
    configuration = {"QueueConfigurations": [queue]}
    s3.put_bucket_notification_configuration(Bucket=bucket.name, NotificationConfiguration=configuration)
    url = f"http://{server.endpoint}/123456789012/{name}"
    return Notified(bucket, ("--notifications", "sqs", "--notifications-queue", url), {"AWS_SESSION_TOKEN": TOKEN})


def notification(bucket: Bucket, *told: tuple[str, str]) -> bytes:
    """What a server would send of events and keys, in the plain form in which keys are not encoded."""
    about = {"configurationId": "webhook-global", "bucket": {"name": bucket.name}}
    records = [{"eventName": kind, "s3": about | {"object": {"key": key}}} for kind, key in told]
    return json.dumps({"Records": records}).encode()
