"""Notifications that S3 servers send to an address of this host: webhook targets of MinIO and VersityGW.

Each must have the shared secret, as `Authorization: Bearer SECRET` (MinIO's `auth_token`) or, for senders without such
headers, as the path of the address. It is answered when its events are stored; after an error or without an answer, the
sender sends it again if it can.
"""

from __future__ import annotations

import hmac
import threading
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any

from typing_extensions import override

from ingest.errors import Refused
from ingest.service import logs
from watcher.buckets.events import Reader
from watcher.buckets.inbox import Inbox
from watcher.events import Backend, Event, Missed

MAX_BYTES = 4 * 1024 * 1024
"""Longer notifications are not read."""
ANSWER_SECONDS = 30.0
"""Seconds that a sender waits until its events are stored."""
_IDLE_SECONDS = 60
_SECRET_LENGTH = 16


class WebhookBackend(Backend):
    """A backend for the notifications that arrive at a port of this host."""

    unwatched = 0
    ordered = False

    def __init__(self, source: bytes, secret: str, host: str = "127.0.0.1", port: int = 0) -> None:
        """`source` is that of a job: /bucket or /bucket/prefix. Port 0 is any free one. Raises Refused."""
        self._reader = Reader(source)
        if len(secret) < _SECRET_LENGTH:
            raise Refused(f"the secret of the webhook must have at least {_SECRET_LENGTH} characters")
        self._secret = secret.encode()
        self._place = (host, port)
        self._inbox = Inbox[threading.Event]()
        self._server: ThreadingHTTPServer | None = None

    @override
    def __enter__(self) -> WebhookBackend:
        return self

    @override
    def __exit__(self, *_: object) -> None:
        self.close()

    @property
    def port(self) -> int:
        """The port on which it listens, once it is started."""
        return self._place[1] if self._server is None else int(self._server.server_address[1])

    @override
    def start(self) -> None:
        try:
            self._server = _Server(self._place, self)
        except OSError as error:
            host, port = self._place
            raise Refused(f"cannot listen on {host}:{port}: {error.strerror}") from error
        threading.Thread(target=self._server.serve_forever, daemon=True, name="s3-webhook").start()

    @override
    def read(self, timeout: float) -> list[Event]:
        return self._inbox.take(timeout)

    @override
    def acknowledge(self) -> None:
        for answered in self._inbox.receipts():
            answered.set()

    @override
    def close(self) -> None:
        if self._server is not None:
            self._server.shutdown()
            self._server.server_close()
            self._server = None

    def knows(self, authorization: str, path: str) -> bool:
        """Whether a request has the secret."""
        given = (authorization.removeprefix("Bearer ").strip(), path.strip("/"))
        return any(hmac.compare_digest(each.encode("utf-8", "replace"), self._secret) for each in given)

    def take(self, data: bytes) -> bool:
        """Take a notification. Returns whether its events were stored in time."""
        events = self._reader.events(data)
        if not events:
            return True
        answered = threading.Event()
        self._inbox.put(events, answered)
        return answered.wait(ANSWER_SECONDS)

    def take_unread(self, size: int) -> None:
        """Report that a notification was too long to be read."""
        self._inbox.put([Missed(b"", f"a notification had {size} bytes")])


class _Server(ThreadingHTTPServer):
    daemon_threads = True

    def __init__(self, place: tuple[str, int], backend: WebhookBackend) -> None:
        self.backend = backend
        super().__init__(place, _Handler)

    def handle_error(self, request: Any, client_address: Any) -> None:  # noqa: ARG002 - socketserver's signature
        """Log a sender that hangs up, without the request: its path may be the secret."""
        logs.get("watcher").debug("a sender of notifications hung up", client=str(client_address))


class _Handler(BaseHTTPRequestHandler):
    """HTTP 1.0 with one connection per request: none is open when the backend is closed."""

    server: _Server
    timeout = _IDLE_SECONDS

    def do_POST(self) -> None:
        backend = self.server.backend
        size = self.headers.get("Content-Length", "")
        if not backend.knows(self.headers.get("Authorization", ""), self.path):
            self._answer(403)
        elif not size.isdecimal():
            self._answer(411)
        elif int(size) > MAX_BYTES:
            backend.take_unread(int(size))
            self._answer(413)
        else:
            self._answer(200 if backend.take(self.rfile.read(int(size))) else 503)

    def do_HEAD(self) -> None:
        """Answer senders that check the address."""
        self._answer(200)

    do_GET = do_HEAD  # noqa: N815

    def _answer(self, status: int) -> None:
        self.send_response(status)
        self.send_header("Content-Length", "0")
        self.end_headers()

    def log_message(self, format: str, *args: Any) -> None:  # noqa: A002 - the name is http.server's
        """Log nothing: the path of a request may be the secret."""
