"""Metrics for Prometheus and the health of a service over HTTP: `/metrics`, `/livez` and `/readyz`.

The counters themselves are defined beside the code that counts.
"""

from __future__ import annotations

import threading
from collections.abc import Callable, Iterable
from socketserver import ThreadingMixIn
from typing import TYPE_CHECKING, Any
from wsgiref.simple_server import WSGIRequestHandler, WSGIServer, make_server

import click
from prometheus_client import make_wsgi_app

from ingest.errors import Refused
from ingest.service.health import Health

if TYPE_CHECKING:
    from _typeshed.wsgi import StartResponse, WSGIEnvironment


def start_metrics(address: str, port: int | None, *loops: str) -> Health:
    """Return the health of a service with these loops; serve metrics if there is a port (0: any free port).

    Raises Refused if the port cannot be opened.
    """
    health = Health(*loops)
    if port is None:
        return health
    health.measured = True
    port = serve(address, port, health)
    click.echo(f"Metrics are at http://{address}:{port}/metrics.", err=True)
    return health


def serve(address: str, port: int, health: Health) -> int:
    """Answer requests in a thread until the process ends. Returns the port (a free one for 0). Raises Refused."""
    metrics = make_wsgi_app()

    def answer(environ: WSGIEnvironment, start_response: StartResponse) -> Iterable[bytes]:
        healthy = {"/livez": lambda: health.alive, "/readyz": lambda: health.ready}.get(environ["PATH_INFO"])
        if healthy is not None:
            return _answer(start_response, *(("200 OK", "yes") if healthy() else ("503 Service Unavailable", "no")))
        if environ["PATH_INFO"] != "/metrics":
            return _answer(start_response, "404 Not Found", "the paths are /metrics, /livez and /readyz")
        return list(metrics(environ, start_response))

    try:
        server = make_server(address, port, answer, _Server, _Silent)
    except OSError as error:
        raise Refused(f"--metrics-port: cannot listen on {address}:{port}: {error.strerror}") from error
    threading.Thread(target=server.serve_forever, name="metrics", daemon=True).start()
    return int(server.server_port)


def _answer(start_response: Callable[..., Any], status: str, text: str) -> list[bytes]:
    start_response(status, [("Content-Type", "text/plain; charset=utf-8")])
    return [f"{text}\n".encode()]


class _Server(ThreadingMixIn, WSGIServer):
    daemon_threads = True

    def handle_error(self, request: Any, client_address: Any) -> None:
        """Ignore clients that disconnect."""


class _Silent(WSGIRequestHandler):
    def log_message(self, *_: Any) -> None:
        """Log no requests."""
