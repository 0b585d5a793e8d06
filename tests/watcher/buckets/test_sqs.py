"""Notifications in an SQS queue, as moto's server puts them there for its buckets."""

from __future__ import annotations

import secrets
from typing import Any

import boto3
import pytest

from ingest.errors import Refused
from ingest.job import S3
from tests.support.s3_servers import Bucket, S3Server
from tests.watcher.buckets.contract import CREATED, REMOVED, all_of, gone, heard, written
from watcher.buckets.sqs import SqsBackend
from watcher.events import Missed


@pytest.fixture
def sqs(moto_server: S3Server, monkeypatch: pytest.MonkeyPatch) -> Any:
    for name, value in moto_server.environ.items():
        monkeypatch.setenv(name, value)
    return boto3.client("sqs", endpoint_url=f"http://{moto_server.endpoint}", region_name="us-east-1")


@pytest.fixture
def queue(sqs: Any, moto_server: S3Server) -> str:
    """The URL of a queue that gives a message again after two seconds."""
    name = f"queue-{secrets.token_hex(4)}"
    sqs.create_queue(QueueName=name, Attributes={"VisibilityTimeout": "2"})
    return f"http://{moto_server.endpoint}/123456789012/{name}"


@pytest.fixture
def bucket(moto_server: S3Server, queue: str) -> Bucket:
    """A bucket that notifies the queue."""
    bucket = Bucket(moto_server)
    s3 = boto3.client("s3", endpoint_url=f"http://{moto_server.endpoint}", region_name="us-east-1")
    arn = f"arn:aws:sqs:us-east-1:123456789012:{queue.rpartition('/')[2]}"
    s3.put_bucket_notification_configuration(
        Bucket=bucket.name,
        NotificationConfiguration={"QueueConfigurations": [{"QueueArn": arn, "Events": [CREATED, REMOVED]}]},
    )
    return bucket


def waiting(sqs: Any, queue: str) -> int:
    """How many messages the queue keeps."""
    names = ["ApproximateNumberOfMessages", "ApproximateNumberOfMessagesNotVisible"]
    found = sqs.get_queue_attributes(QueueUrl=queue, AttributeNames=names)["Attributes"]
    return sum(int(found[name]) for name in names)


def test_objects_that_are_written_are_told_of_and_their_messages_deleted(sqs: Any, bucket: Bucket, queue: str) -> None:
    with SqsBackend(f"/{bucket.name}/p".encode(), S3(), queue) as backend:
        backend.start()
        keys = ["a b+c", "ünï/x", "100%", *(f"many/{number}" for number in range(25))]
        for key in keys:
            bucket.put(f"p/{key}", b"x")
        bucket.put("other/x")
        bucket.remove("p/100%")
        events = heard(backend, all_of(*map(written, keys), gone("100%")))
        assert set(events) <= {*map(written, keys), gone("100%")}
        heard(backend, lambda _: waiting(sqs, queue) == 0)


def test_what_was_not_acknowledged_comes_again(sqs: Any, queue: str) -> None:
    body = '{"Records":[{"eventName":"ObjectCreated:Put","s3":{"bucket":{"name":"bucket"},"object":{"key":"p/a"}}}]}'
    sqs.send_message(QueueUrl=queue, MessageBody=body)
    with SqsBackend(b"/bucket/p", S3(), queue) as backend:
        backend.start()
        for _ in range(2):
            assert backend.read(20) == [written("a")]
        backend.acknowledge()
        assert waiting(sqs, queue) == 0


def test_a_message_that_nobody_can_read_becomes_a_scan(sqs: Any, queue: str) -> None:
    sqs.send_message(QueueUrl=queue, MessageBody="no json")
    with SqsBackend(b"/bucket/p", S3(), queue) as backend:
        backend.start()
        heard(backend, lambda events: any(isinstance(event, Missed) for event in events))
        heard(backend, lambda _: waiting(sqs, queue) == 0)


def test_a_queue_that_is_not_there_is_refused(sqs: Any, moto_server: S3Server) -> None:
    with pytest.raises(Refused, match="cannot read --notifications-queue http"):
        SqsBackend(b"/bucket", S3(), f"http://{moto_server.endpoint}/123456789012/none").start()


@pytest.mark.parametrize("queue", ["https://", "http://host:99999/1/q", "http://h_!/1/q", "https://[::1/q"])
def test_a_url_that_cannot_be_one_is_refused(queue: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("AWS_ACCESS_KEY_ID", "key")
    monkeypatch.setenv("AWS_SECRET_ACCESS_KEY", "secret")
    with pytest.raises(Refused, match="cannot read --notifications-queue http"):
        SqsBackend(b"/bucket", S3(), queue).start()


@pytest.mark.parametrize("proxy", ["socks5h://user:sesame@127.0.0.1:9", "http://user:sesame@127.0.0.1:99999"])
def test_a_proxy_that_cannot_be_one_is_named_without_its_password(proxy: str, monkeypatch: pytest.MonkeyPatch) -> None:
    for name in ("no_proxy", "NO_PROXY"):
        monkeypatch.delenv(name, raising=False)
    for name, value in {"https_proxy": proxy, "AWS_ACCESS_KEY_ID": "key", "AWS_SECRET_ACCESS_KEY": "secret"}.items():
        monkeypatch.setenv(name, value)
    with pytest.raises(Refused, match="https_proxy of the environment") as refusal:
        SqsBackend(b"/bucket", S3(), "https://127.0.0.1:9/1/q").start()
    assert "sesame" not in str(refusal.value)
