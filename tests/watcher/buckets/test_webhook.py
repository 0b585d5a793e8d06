"""Notifications that servers send to an address of ours."""

from __future__ import annotations

import http.client
import threading
from collections.abc import Iterator
from pathlib import Path

import pytest
from minio.notificationconfig import NotificationConfig, QueueConfig

from ingest.errors import Refused
from tests.support.s3_servers import Bucket, S3Server
from tests.support.services import free_ports
from tests.watcher.buckets.contract import CREATED, REMOVED, tells_of_what_happens_below_the_prefix_and_of_nothing_else
from watcher.buckets.webhook import MAX_BYTES, WebhookBackend
from watcher.events import Missed, Written

SECRET = "a-secret-that-both-sides-know"
BODY = b'{"Records":[{"eventName":"ObjectCreated:Put","s3":{"bucket":{"name":"bucket"},"object":{"key":"p/a"}}}]}'


@pytest.fixture
def backend() -> Iterator[WebhookBackend]:
    with WebhookBackend(b"/bucket/p", SECRET) as backend:
        backend.start()
        yield backend


def post(backend: WebhookBackend, body: bytes, path: str = "/", **headers: str) -> int:
    connection = http.client.HTTPConnection("127.0.0.1", backend.port, timeout=30)
    connection.request("POST", path, body, headers)
    status = connection.getresponse().status
    connection.close()
    return status


def environment(name: str, address: str) -> dict[str, str]:
    if name == "versitygw":
        return {"VGW_EVENT_WEBHOOK_URL": f"{address}/{SECRET}"}
    return {
        "MINIO_NOTIFY_WEBHOOK_ENABLE_T": "on", "MINIO_NOTIFY_WEBHOOK_ENDPOINT_T": address,
        "MINIO_NOTIFY_WEBHOOK_AUTH_TOKEN_T": SECRET,
    }  # fmt: skip


@pytest.mark.parametrize("name", ["minio", "versitygw"])
def test_a_server_tells_of_what_happens_below_the_prefix_and_of_nothing_else(name: str, tmp_path: Path) -> None:
    (port,) = free_ports(1)
    with WebhookBackend(b"/no-bucket-yet", SECRET, port=port) as first:
        first.start()  # VersityGW does not begin without an answer
        server = S3Server(name, tmp_path, environment(name, f"http://127.0.0.1:{port}"))
        server.start()
    try:
        bucket = Bucket(server)
        with WebhookBackend(f"/{bucket.name}/p".encode(), SECRET, port=port) as backend:
            backend.start()
            if name == "minio":
                config = NotificationConfig(
                    queue_config_list=[QueueConfig([CREATED, REMOVED], queue="arn:minio:sqs::T:webhook")]
                )
                bucket.client.set_bucket_notification(bucket.name, config)
            tells_of_what_happens_below_the_prefix_and_of_nothing_else(backend, bucket)
    finally:
        server.stop()


def test_a_sender_is_answered_when_its_events_are_in_safety(backend: WebhookBackend) -> None:
    answers: list[int] = []
    sender = threading.Thread(target=lambda: answers.append(post(backend, BODY, Authorization=f"Bearer {SECRET}")))
    sender.start()
    assert backend.read(10) == [Written(b"a")]
    assert answers == []
    backend.acknowledge()
    sender.join()
    assert answers == [200]


def test_whoever_does_not_know_the_secret_says_nothing(backend: WebhookBackend) -> None:
    for path, headers in (("/", {}), ("/wrong", {}), ("/", {"Authorization": "Bearer wrong"}), (f"/{SECRET}x", {})):
        assert post(backend, BODY, path, **headers) == 403
    assert backend.read(0) == []
    assert post(backend, b'{"Records":null}', f"/{SECRET}") == 200


def test_what_is_too_long_to_be_read_becomes_a_scan(backend: WebhookBackend) -> None:
    connection = http.client.HTTPConnection("127.0.0.1", backend.port, timeout=30)
    connection.putrequest("POST", f"/{SECRET}")
    connection.putheader("Content-Length", str(MAX_BYTES + 1))
    connection.endheaders()
    assert connection.getresponse().status == 413
    connection.close()
    (event,) = backend.read(10)
    assert isinstance(event, Missed)


def test_a_short_secret_and_a_port_that_is_taken_are_refused(backend: WebhookBackend) -> None:
    with pytest.raises(Refused, match="at least 16 characters"):
        WebhookBackend(b"/bucket", "short").start()
    with pytest.raises(Refused, match=f"cannot listen on 127.0.0.1:{backend.port}"):
        WebhookBackend(b"/bucket", SECRET, port=backend.port).start()
