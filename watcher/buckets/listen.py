"""Notifications over a connection that stays open: MinIO's listen API.

    GET /bucket?prefix=…&events=…&ping=seconds

answers with an endless stream of lines, each a notification in JSON, and one without records every `ping` seconds. The
stream is read chunk by chunk as the chunks arrive: minio-py's own reader waits until its buffer is full. The server
keeps nothing for clients that are disconnected or slow, so the source is scanned after each gap and at intervals.

Since commit 52eee5a2f (October 2025) MinIO does not flush the stream: no notification arrives, and `start` refuses.
"""

from __future__ import annotations

import threading
from collections.abc import Iterator
from typing import Any

import urllib3
from minio.error import InvalidResponseError, MinioException, S3Error
from typing_extensions import override

from ingest.errors import Refused, Unreachable
from ingest.job import S3
from ingest.s3 import connect, reason
from ingest.service import logs
from ingest.service.backoff import WAITS, Backoff, Waits
from watcher.buckets.events import Reader
from watcher.buckets.inbox import Inbox
from watcher.events import Backend, Event, Missed

PING_SECONDS = 1
SILENCE_SECONDS = 10.0
"""Seconds without a ping after which the connection counts as dead."""
_EVENTS = ("s3:ObjectCreated:*", "s3:ObjectRemoved:*")
_LOST = (MinioException, urllib3.exceptions.HTTPError, Unreachable, OSError, ValueError)


class ListenBackend(Backend):
    """A backend for a bucket of a MinIO server."""

    unwatched = 0
    ordered = False

    def __init__(self, source: bytes, settings: S3, waits: Waits = WAITS) -> None:
        """`source` is that of a job: /bucket or /bucket/prefix.

        `waits`: before the next connection when nothing arrived on the last one.
        """
        self._reader = Reader(source, encoded=False)  # only in this stream MinIO does not encode keys
        self._settings = settings
        self._waits = waits
        self._minio = connect(settings, retries=False, read_seconds=SILENCE_SECONDS)
        self._inbox = Inbox[None]()
        self._closed = threading.Event()
        self._stream: Any = None
        self._thread = threading.Thread(target=self._listen, daemon=True, name="s3-listen")
        self._log = logs.get("watcher").bind(bucket=self._reader.bucket)

    @override
    def __enter__(self) -> ListenBackend:
        return self

    @override
    def __exit__(self, *_: object) -> None:
        self.close()

    @override
    def start(self) -> None:
        """Connect. Raises Refused for a server without this API, or one that does not answer."""
        try:
            self._stream = self._connected()
        except S3Error as error:
            raise Refused(f"{self._settings.endpoint} refuses to notify: {error.code}: {error.message}") from error
        except InvalidResponseError as error:
            raise Refused(f"{self._settings.endpoint} cannot notify by --notifications listen") from error
        except urllib3.exceptions.ReadTimeoutError as error:
            raise Refused(
                f"{self._settings.endpoint} holds its notifications back, as MinIO does since October 2025:"
                " --notifications kafka or webhook"
            ) from error
        except _LOST as error:
            raise Refused(f"the S3 server {self._settings.endpoint} does not answer: {reason(error)}") from error
        self._thread.start()

    @override
    def read(self, timeout: float) -> list[Event]:
        return self._inbox.take(timeout)

    @override
    def acknowledge(self) -> None:
        """Do nothing: the server keeps no events."""

    @override
    def close(self) -> None:
        self._closed.set()
        if self._thread.is_alive():
            self._thread.join()

    def _connected(self) -> Any:
        """The stream, after its first byte: from now on the server reports every change."""
        query: dict[str, Any] = {
            "prefix": self._reader.prefix,
            "suffix": "",
            "events": _EVENTS,
            "ping": str(PING_SECONDS),
        }
        answer = self._minio._execute("GET", self._reader.bucket, query_params=query, preload_content=False)
        if not answer.headers.get("Content-Type", "").startswith("text/event-stream"):
            answer.close()  # the answer of a server without this API: a listing
            raise InvalidResponseError(answer.status, answer.headers.get("Content-Type"), None)
        return answer

    def _listen(self) -> None:
        outage = Backoff(self._log, self._waits)
        while not self._closed.is_set():
            try:
                if self._stream is None:
                    self._stream = self._connected()
                    self._inbox.put([Missed(b"", "the connection for notifications was interrupted")])
                for line in _lines(self._stream):
                    if self._closed.is_set():
                        break
                    outage.succeeded()
                    self._inbox.put(self._reader.events(line))
                ended = "the server has ended the stream"
            except _LOST as error:
                ended = reason(error)
            if self._stream is not None:
                self._stream.close()
                self._stream = None
            if not self._closed.is_set():
                self._closed.wait(outage.failed(ended))


def _lines(stream: Any) -> Iterator[bytes]:
    """The lines of a chunked answer, each as soon as it is complete."""
    rest = b""
    for chunk in stream.read_chunked():
        *lines, rest = (rest + chunk).split(b"\n")
        yield from (line for line in lines if line.strip())
