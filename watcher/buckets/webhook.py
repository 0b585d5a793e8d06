"""Notifications that S3 servers send to an address of ours: MinIO's and VersityGW's webhook targets.

Each must come with the shared secret, as `Authorization: Bearer SECRET` (MinIO's `auth_token`) or, for senders that
cannot do that, as the path of the address. It is answered when its events are in safety; a sender that gets another
answer, or none, sends it again if it can.
"""

from __future__ import annotations

import hmac
import threading
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any

from ingest.errors import Refused
from ingest.service import logs
from watcher.buckets.events import Reader
from watcher.buckets.inbox import Inbox
from watcher.events import Missed

MAX_BYTES = 4 * 1024 * 1024
"""A notification of more is not read."""
ANSWER_SECONDS = 30.0
"""How long a sender is kept waiting for its events to be in safety."""
_IDLE_SECONDS = 60
_SECRET_LENGTH = 16


class WebhookBackend:
    """`watcher.events.Backend` for what arrives at a port of this host."""

    unwatched = 0

    def __init__(self, source: bytes, secret: str, host: str = "127.0.0.1", port: int = 0) -> None:
        """`source` is that of a job: /bucket or /bucket/prefix. Port 0 is any that is free. Raises Refused."""
        self._reader = Reader(source)
        if len(secret) < _SECRET_LENGTH:
            raise Refused(f"the secret of the webhook must have at least {_SECRET_LENGTH} characters")
        self._secret = secret.encode()
        self._place = (host, port)
        self._inbox = Inbox[threading.Event]()
        self._server: ThreadingHTTPServer | None = None

    def __enter__(self) -> WebhookBackend:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    @property
    def port(self) -> int:
        """Where it listens, once it was started."""
        return self._place[1] if self._server is None else int(self._server.server_address[1])

    def start(self) -> None:
        """See Backend."""
        try:
            self._server = _Server(self._place, self)
        except OSError as error:
            host, port = self._place
            raise Refused(f"cannot listen on {host}:{port}: {error.strerror}") from error
        threading.Thread(target=self._server.serve_forever, daemon=True, name="s3-webhook").start()

    def read(self, timeout: float) -> list[Any]:
        """See Backend."""
        return self._inbox.take(timeout)

    def acknowledge(self) -> None:
        """See Backend."""
        for answered in self._inbox.receipts():
            answered.set()

    def close(self) -> None:
        """See Backend."""
        if self._server is not None:
            self._server.shutdown()
            self._server.server_close()
            self._server = None

    def knows(self, authorization: str, path: str) -> bool:
        """Whether a request has the secret."""
        given = (authorization.removeprefix("Bearer ").strip(), path.strip("/"))
        return any(hmac.compare_digest(each.encode("utf-8", "replace"), self._secret) for each in given)

    def take(self, data: bytes) -> bool:
        """Take a notification; whether its events are in safety."""
        events = self._reader.events(data)
        if not events:
            return True
        answered = threading.Event()
        self._inbox.put(events, answered)
        return answered.wait(ANSWER_SECONDS)

    def take_unread(self, size: int) -> None:
        """A notification is too long to be read."""
        self._inbox.put([Missed(b"", f"a notification had {size} bytes")])


class _Server(ThreadingHTTPServer):
    daemon_threads = True

    def __init__(self, place: tuple[str, int], backend: WebhookBackend) -> None:
        self.backend = backend
        super().__init__(place, _Handler)

    def handle_error(self, request: Any, client_address: Any) -> None:  # noqa: ARG002 - socketserver's signature
        """A sender that hangs up is no news; the request is in no message, for its path may be the secret."""
        logs.get("watcher").debug("a sender of notifications hung up", client=str(client_address))


class _Handler(BaseHTTPRequestHandler):
    """HTTP 1.0, a connection for each request: none is left behind when the backend is closed."""

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
        """Senders ask whether anybody is here."""
        self._answer(200)

    do_GET = do_HEAD  # noqa: N815

    def _answer(self, status: int) -> None:
        self.send_response(status)
        self.send_header("Content-Length", "0")
        self.end_headers()

    def log_message(self, format: str, *args: Any) -> None:  # noqa: A002 - the name is http.server's
        """Nothing: the path of a request may be the secret."""
