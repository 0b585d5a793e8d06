"""A server that is reached by a proxy alone: the one that the job names, or the environment."""

from __future__ import annotations

import http.client
import threading
from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from urllib.parse import urlsplit

import pytest

from ingest.job import S3
from scanner.rules import Rules
from scanner.s3 import S3Source
from tests.scanner.support import entry_of
from tests.support.s3_servers import Bucket


class Forward(BaseHTTPRequestHandler):
    """Passes requests on as they are."""

    seen: list[str]

    def do_GET(self) -> None:
        self.seen.append(self.command)
        url = urlsplit(self.path)
        connection = http.client.HTTPConnection(url.netloc)
        connection.putrequest(self.command, f"{url.path}?{url.query}" if url.query else url.path, skip_host=True)
        for name, value in self.headers.items():
            connection.putheader(name, value)
        connection.endheaders()
        answer = connection.getresponse()
        data = answer.read()
        self.send_response(answer.status)
        for name, value in answer.getheaders():
            if name.lower() not in ("connection", "transfer-encoding", "date", "server"):
                self.send_header(name, value)
        self.end_headers()
        self.wfile.write(data)
        connection.close()

    do_HEAD = do_GET  # noqa: N815 - http.server wants this name

    def log_message(self, format: str, *args: object) -> None:  # noqa: A002 - the name is http.server's
        pass


@pytest.fixture
def proxy() -> Iterator[tuple[str, list[str]]]:
    """The URL of a proxy, and the methods of the requests that it has passed on."""
    seen: list[str] = []
    server = ThreadingHTTPServer(("127.0.0.1", 0), type("Handler", (Forward,), {"seen": seen}))
    threading.Thread(target=server.serve_forever, daemon=True).start()
    yield f"http://127.0.0.1:{server.server_address[1]}", seen
    server.shutdown()
    server.server_close()


@pytest.mark.parametrize("named", [True, False])
def test_all_requests_go_by_the_proxy(
    bucket: Bucket, proxy: tuple[str, list[str]], monkeypatch: pytest.MonkeyPatch, *, named: bool
) -> None:
    url, seen = proxy
    for name, value in bucket.server.environ.items():
        monkeypatch.setenv(name, value)
    monkeypatch.delenv("no_proxy", raising=False)
    monkeypatch.delenv("NO_PROXY", raising=False)
    if not named:
        monkeypatch.setenv("http_proxy", url)
    bucket.put("p/a b", b"content")
    settings = S3(endpoint=bucket.server.endpoint, secure=False, proxy=url if named else None)
    source = S3Source(f"/{bucket.name}/p".encode(), settings, Rules())
    with source.list_directory(b"") as listing:
        assert [each.path for each in listing] == [b"a b"]
    entry = entry_of(source.looker().look(b"a b"))
    assert source.open(entry).read(0, 7) == b"content"
    assert seen == ["GET", "HEAD", "GET"]
