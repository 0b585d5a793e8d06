"""Notifications that Amazon S3 puts into an SQS queue; messages are deleted when their events are stored.

A queue keeps unread messages, and delivers a message again that is not deleted in time: duplicates do no harm.
"""

from __future__ import annotations

import threading
from typing import Any
from urllib.parse import urlsplit
from urllib.request import getproxies

from typing_extensions import override

from ingest.errors import Refused, Unreachable
from ingest.job import S3
from ingest.s3 import Keys
from ingest.service import logs
from ingest.service.backoff import WAITS, Backoff, Waits
from watcher.buckets.events import Reader
from watcher.buckets.inbox import Inbox
from watcher.events import Backend, Event

WAIT_SECONDS = 10
"""Seconds that a request waits while the queue is empty."""
_BATCH = 10
"""Messages in one request, at most."""


class SqsBackend(Backend):
    """A backend that reads a queue."""

    unwatched = 0
    ordered = False

    def __init__(self, source: bytes, settings: S3, queue: str, waits: Waits = WAITS) -> None:
        """`source` is that of a job: /bucket or /bucket/prefix; `queue` is the URL of the queue.

        `waits`: before the queue is asked again after an error.

        Raises Refused when boto3 is not installed.
        """
        try:
            import boto3  # noqa: PLC0415 - an extra
            from botocore.config import Config  # noqa: PLC0415
            from botocore.exceptions import BotoCoreError, ClientError  # noqa: PLC0415
        except ImportError as error:
            raise Refused("--notifications sqs needs boto3: pip install 'irods-landing-zone[sqs]'") from error
        self._errors = (BotoCoreError, ClientError, Unreachable, OSError, ValueError)
        self._session, self._config = boto3.Session(), Config
        self._reader = Reader(source)
        self._settings = settings
        self._waits = waits
        self._queue = queue
        self._inbox = Inbox[str]()
        self._closed = threading.Event()
        self._thread = threading.Thread(target=self._receive, daemon=True, name="s3-sqs")
        self._log = logs.get("watcher").bind(queue=queue)

    @override
    def __enter__(self) -> SqsBackend:
        return self

    @override
    def __exit__(self, *_: object) -> None:
        self.close()

    @override
    def start(self) -> None:
        """Start to read. Raises Refused when there is no such queue, or it does not answer."""
        try:
            self._client().get_queue_attributes(QueueUrl=self._queue, AttributeNames=["QueueArn"])
        except self._errors as error:
            raise Refused(f"cannot read --notifications-queue {self._queue}: {_why(error)}") from error
        self._thread.start()

    @override
    def read(self, timeout: float) -> list[Event]:
        return self._inbox.take(timeout)

    @override
    def acknowledge(self) -> None:
        """Delete the messages; those that cannot be deleted now are delivered again."""
        receipts = self._inbox.receipts()
        try:
            for start in range(0, len(receipts), _BATCH):
                some = enumerate(receipts[start : start + _BATCH])
                entries = [{"Id": str(number), "ReceiptHandle": receipt} for number, receipt in some]
                self._client().delete_message_batch(QueueUrl=self._queue, Entries=entries)
        except self._errors as error:
            self._log.warning("messages could not be deleted", reason=_why(error))

    @override
    def close(self) -> None:
        """Stop to read; may wait for the end of a request."""
        self._closed.set()
        if self._thread.is_alive():
            self._thread.join()

    def _client(self) -> Any:
        """A client with the current credentials, for the host in the queue's URL."""
        keys = Keys(self._settings.keypair).retrieve()
        url = urlsplit(self._queue)
        return self._session.client(
            "sqs",
            region_name=self._settings.region,
            endpoint_url=f"{url.scheme}://{url.netloc}",
            aws_access_key_id=keys.access_key,
            aws_secret_access_key=keys.secret_key,
            aws_session_token=keys.session_token,
            config=self._config(retries={"max_attempts": 2}, read_timeout=2 * WAIT_SECONDS, connect_timeout=10),
        )

    def _receive(self) -> None:
        backoff = Backoff(self._log, self._waits)
        while not self._closed.is_set():
            try:
                answer = self._client().receive_message(
                    QueueUrl=self._queue, MaxNumberOfMessages=_BATCH, WaitTimeSeconds=WAIT_SECONDS
                )
            except self._errors as error:
                self._closed.wait(backoff.failed(_why(error)))
                continue
            backoff.succeeded()
            for message in answer.get("Messages", ()):
                self._inbox.put(self._reader.events(message["Body"].encode()), message["ReceiptHandle"])


def _why(error: Exception) -> str:
    """The text of an error without the URL of a proxy, which may have a password."""
    text = " ".join(str(error).split()) or type(error).__name__
    for scheme, proxy in getproxies().items():
        if scheme in ("http", "https"):
            text = text.replace(proxy, f"{scheme}_proxy of the environment")
    return text
