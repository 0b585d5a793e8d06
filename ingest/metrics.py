"""What a service counts, for Prometheus, and whether it is alive and ready: `/metrics`, `/livez`, `/readyz` over HTTP.

The counters themselves stand beside the code that counts.
"""

from __future__ import annotations

import threading
import time
from collections.abc import Callable, Iterable, Mapping
from socketserver import ThreadingMixIn
from typing import TYPE_CHECKING, Any
from wsgiref.simple_server import WSGIRequestHandler, WSGIServer, make_server

import click
from prometheus_client import make_wsgi_app

from ingest.errors import Refused

if TYPE_CHECKING:
    from _typeshed.wsgi import StartResponse, WSGIEnvironment

STILL_ALIVE = 60.0
"""Seconds without a turn of its loop after which a service counts as hung; it turns many times a second."""


class Health:
    """What the loops of a service say of themselves; `/livez` and `/readyz` tell."""

    def __init__(self, *loops: str) -> None:
        """The names of all its loops, that may run in threads of their own."""
        self._turned: dict[str, tuple[float, bool] | None] = dict.fromkeys(loops)

    def turned(self, loop: str, *, ready: bool) -> None:
        """A loop has come round; `ready`: queue and store answer."""
        self._turned[loop] = time.monotonic(), ready

    @property
    def alive(self) -> bool:
        """Whether all loops turn, those excepted that have not begun to."""
        now = time.monotonic()
        return all(turned is None or now - turned[0] < STILL_ALIVE for turned in self._turned.values())

    @property
    def ready(self) -> bool:
        """Whether all loops turn and have what they need."""
        return self.alive and all(turned is not None and turned[1] for turned in self._turned.values())


def offer(given: Mapping[str, Any], *loops: str) -> Health | None:
    """Serve what the options `given` ask for, for a service of these loops. Raises Refused."""
    if given["metrics_port"] is None:
        return None
    health = Health(*loops)
    port = serve(given["metrics_address"], given["metrics_port"], health)
    click.echo(f"Metrics are at http://{given['metrics_address']}:{port}/metrics.", err=True)
    return health


def serve(address: str, port: int, health: Health) -> int:
    """Answer requests from a thread until the process ends. Returns the port (chosen when 0); raises Refused."""
    metrics = make_wsgi_app()

    def answer(environ: WSGIEnvironment, start_response: StartResponse) -> Iterable[bytes]:
        healthy = {"/livez": lambda: health.alive, "/readyz": lambda: health.ready}.get(environ["PATH_INFO"])
        if healthy is not None:
            return _say(start_response, *(("200 OK", "yes") if healthy() else ("503 Service Unavailable", "no")))
        if environ["PATH_INFO"] != "/metrics":
            return _say(start_response, "404 Not Found", "/metrics, /livez and /readyz are here")
        return list(metrics(environ, start_response))

    try:
        server = make_server(address, port, answer, _Server, _Silent)
    except OSError as error:
        raise Refused(f"--metrics-port: cannot listen on {address}:{port}: {error.strerror}") from error
    threading.Thread(target=server.serve_forever, name="metrics", daemon=True).start()
    return int(server.server_port)


def _say(start_response: Callable[..., Any], status: str, text: str) -> list[bytes]:
    start_response(status, [("Content-Type", "text/plain; charset=utf-8")])
    return [f"{text}\n".encode()]


class _Server(ThreadingMixIn, WSGIServer):
    daemon_threads = True

    def handle_error(self, request: Any, client_address: Any) -> None:
        """A client that goes away is no news."""


class _Silent(WSGIRequestHandler):
    def log_message(self, *_: Any) -> None:
        """A scrape is no news."""
