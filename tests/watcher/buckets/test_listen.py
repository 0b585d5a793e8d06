"""Notifications over a connection that stays open, from MinIO."""

from __future__ import annotations

import signal
import ssl
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path

import pytest
from structlog.testing import capture_logs

from ingest.errors import Refused
from ingest.job import S3
from ingest.service.backoff import Waits
from tests.support.s3_servers import Bucket, S3Server
from tests.support.secured import Authority
from tests.support.services import running
from tests.watcher.buckets.contract import (
    all_of,
    heard,
    tells_of_what_happens_below_the_prefix_and_of_nothing_else,
    written,
)
from watcher.buckets.listen import ListenBackend
from watcher.events import Missed


def listening(bucket: Bucket) -> ListenBackend:
    return ListenBackend(f"/{bucket.name}/p".encode(), S3(endpoint=bucket.server.endpoint, secure=False))


@pytest.fixture
def bucket(minio_server: S3Server, monkeypatch: pytest.MonkeyPatch) -> Bucket:
    for name, value in minio_server.environ.items():
        monkeypatch.setenv(name, value)
    return Bucket(minio_server)


@pytest.fixture
def backend(bucket: Bucket) -> Iterator[ListenBackend]:
    with listening(bucket) as backend:
        backend.start()
        yield backend


def test_it_tells_of_what_happens_below_the_prefix_and_of_nothing_else(backend: ListenBackend, bucket: Bucket) -> None:
    tells_of_what_happens_below_the_prefix_and_of_nothing_else(backend, bucket)


def test_a_single_event_on_a_quiet_bucket_is_handed_on_at_once(backend: ListenBackend, bucket: Bucket) -> None:
    delays = []
    for number in range(5):
        assert backend.read(1.1) == []  # a ping comes in this time
        bucket.put(f"p/{number}")
        put = time.monotonic()
        assert backend.read(10) == [written(str(number))]
        delays.append(time.monotonic() - put)
    assert sorted(delays)[2] < 0.3


def test_after_the_server_was_away_all_must_be_scanned_and_events_come_again(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    with running(S3Server("minio", tmp_path)) as server:
        assert isinstance(server, S3Server)
        for name, value in server.environ.items():
            monkeypatch.setenv(name, value)
        bucket = Bucket(server)
        with listening(bucket) as backend:
            backend.start()
            bucket.put("p/before")
            heard(backend, all_of(written("before")))
            server.stop(signal.SIGKILL)
            server.start()
            bucket.put("p/unheard")
            events = heard(backend, lambda events: any(isinstance(event, Missed) for event in events))
            assert Missed(b"", "the connection for notifications was interrupted") in events
            bucket.put("p/after")
            heard(backend, all_of(written("after")))


class Ends(BaseHTTPRequestHandler):
    """Ends each stream at once, as a proxy does that does not wait."""

    def do_GET(self) -> None:
        self.send_response(200)
        self.send_header("Content-Type", "text/event-stream")
        self.send_header("Transfer-Encoding", "chunked")
        self.end_headers()
        self.wfile.write(b"0\r\n\r\n")

    def log_message(self, *_: object) -> None:
        pass


@pytest.fixture
def credentials(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("AWS_ACCESS_KEY_ID", "key")
    monkeypatch.setenv("AWS_SECRET_ACCESS_KEY", "secret")


@contextmanager
def serving(tls: ssl.SSLContext | None = None) -> Iterator[str]:
    """The endpoint of a server that `Ends`."""
    server = ThreadingHTTPServer(("127.0.0.1", 0), Ends)
    if tls:
        server.socket = tls.wrap_socket(server.socket, server_side=True)
    threading.Thread(target=server.serve_forever, daemon=True).start()
    try:
        yield f"127.0.0.1:{server.server_address[1]}"
    finally:
        server.shutdown()
        server.server_close()


def test_streams_that_end_at_once_are_opened_again_ever_more_slowly_and_that_is_said_once(credentials: None) -> None:
    with (
        serving() as endpoint,
        capture_logs() as lines,
        ListenBackend(b"/bucket", S3(endpoint=endpoint, secure=False), Waits(0.1, 1.0)) as backend,
    ):
        backend.start()
        heard(backend, lambda events: len(events) == 2)
    assert [line["seconds"] for line in lines if "seconds" in line][:1] == [0.2]
    assert [line["reason"] for line in lines if line["log_level"] == "warning"] == ["the server has ended the stream"]


def test_why_a_certificate_is_not_trusted_is_told(tmp_path: Path, credentials: None) -> None:
    context = ssl.create_default_context(ssl.Purpose.CLIENT_AUTH)
    context.load_cert_chain(Authority(tmp_path).server())
    with serving(context) as endpoint, pytest.raises(Refused, match=r"does not answer: .*certificate verify failed"):
        ListenBackend(b"/bucket", S3(endpoint=endpoint)).start()


def test_a_server_that_cannot_do_this_is_refused_in_a_sentence(
    versitygw_server: S3Server, bucket: Bucket, monkeypatch: pytest.MonkeyPatch
) -> None:
    with pytest.raises(Refused, match="NoSuchBucket"):
        ListenBackend(b"/no-such-bucket", S3(endpoint=bucket.server.endpoint, secure=False)).start()
    with pytest.raises(Refused, match=r"127.0.0.1:9 does not answer: .*Connection refused"):
        ListenBackend(b"/bucket", S3(endpoint="127.0.0.1:9", secure=False)).start()
    for name, value in versitygw_server.environ.items():
        monkeypatch.setenv(name, value)
    with pytest.raises(Refused, match="cannot notify by --notifications listen"):
        listening(Bucket(versitygw_server)).start()
