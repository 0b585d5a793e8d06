"""A proxy before a real S3 server, which answers some requests as no server here can be made to answer."""

from __future__ import annotations

import http.client
import threading
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import NamedTuple
from urllib.parse import urlsplit

_HOP = frozenset({"connection", "transfer-encoding", "date", "server", "content-length"})


class Asked(NamedTuple):
    """A request: its whole URL, and its headers with their names in small letters."""

    method: str
    url: str
    headers: Mapping[str, str]

    @property
    def lists(self) -> bool:
        """Whether it asks for a listing."""
        return "list-type=" in self.url

    @property
    def reads(self) -> bool:
        """Whether it asks for content."""
        return self.method == "GET" and not self.lists


class Answer(NamedTuple):
    """What comes back; without a Content-Length among the headers it is that of the body."""

    status: int
    headers: Mapping[str, str]
    body: bytes = b""


PassOn = Callable[[Asked], Answer]
Bend = Callable[[Asked, PassOn], Answer]


class Proxy(ThreadingHTTPServer):
    """Passes requests on and answers back, as `bend` does it; without one as they are."""

    daemon_threads = True

    def __init__(self, bend: Bend | None = None) -> None:
        super().__init__(("127.0.0.1", 0), _Handler)
        self.bend = bend
        self.address = f"127.0.0.1:{self.server_address[1]}"
        self.url = f"http://{self.address}"
        self.seen: list[Asked] = []
        self.broken_off = threading.Event()
        """Set when a client has closed a connection before the answer had been sent."""


class _Handler(BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"
    server: Proxy

    def do_GET(self) -> None:
        asked = Asked(self.command, self.path, {name.lower(): value for name, value in self.headers.items()})
        self.server.seen.append(asked)
        answer = self.server.bend(asked, _pass_on) if self.server.bend else _pass_on(asked)
        self.send_response(answer.status)
        for name, value in {"Content-Length": str(len(answer.body)), **answer.headers}.items():
            self.send_header(name, value)
        try:
            self.end_headers()
            if self.command != "HEAD":
                self.wfile.write(answer.body)
        except OSError:
            self.close_connection = True
            self.server.broken_off.set()

    do_HEAD = do_CONNECT = do_GET  # noqa: N815 - http.server wants these names

    def log_message(self, format: str, *args: object) -> None:  # noqa: A002 - the name is http.server's
        pass


def _pass_on(asked: Asked) -> Answer:
    url = urlsplit(asked.url)
    connection = http.client.HTTPConnection(url.netloc)
    connection.putrequest(asked.method, f"{url.path}?{url.query}" if url.query else url.path, skip_host=True)
    for name, value in asked.headers.items():
        connection.putheader(name, value)
    connection.endheaders()
    answer = connection.getresponse()
    body = answer.read()
    headers = {name: value for name, value in answer.getheaders() if name.lower() not in _HOP}
    if asked.method == "HEAD":
        headers["Content-Length"] = answer.getheader("Content-Length", "0")
    connection.close()
    return Answer(answer.status, headers, body)


def refusal(status: int, code: str, **headers: str) -> Answer:
    """The answer of a server that fails a request in the way of S3."""
    body = f"<Error><Code>{code}</Code><Message>of the test</Message></Error>".encode()
    return Answer(status, {"Content-Type": "application/xml", **headers}, body)


@contextmanager
def proxy(bend: Bend | None = None) -> Iterator[Proxy]:
    """A proxy while it runs."""
    with Proxy(bend) as server:
        threading.Thread(target=server.serve_forever, daemon=True).start()
        try:
            yield server
        finally:
            server.shutdown()
