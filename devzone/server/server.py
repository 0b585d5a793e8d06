"""The listening socket, one thread per client, and the clean stop."""

import socket
import threading
from contextlib import suppress

from devzone.server.connection import serve
from devzone.server.latency import Latency
from devzone.session import Zone

END_SECONDS = 10.0


class Server:
    """Accepts and serves clients until it is stopped."""

    def __init__(self, listener: socket.socket, zone: Zone, latency: Latency) -> None:
        self._listener = listener
        self._zone = zone
        self._latency = latency
        self._clients: dict[socket.socket, threading.Thread] = {}
        self._lock = threading.Lock()
        self._stopping = False

    def start(self) -> None:
        """Start a thread that accepts clients."""
        threading.Thread(target=self._accept, name="accept", daemon=True).start()

    def stop(self) -> None:
        """Accept no more clients, close the connections, and wait for running calls (at most END_SECONDS each)."""
        self._stopping = True
        self._listener.close()
        with self._lock:
            running = list(self._clients.items())
        for connection, thread in running:
            with suppress(OSError):
                connection.shutdown(socket.SHUT_RD)
            thread.join(END_SECONDS)

    def _accept(self) -> None:
        while not self._stopping:
            try:
                connection, _ = self._listener.accept()
            except OSError:
                return
            connection.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
            thread = threading.Thread(target=self._serve, args=(connection,), daemon=True)
            with self._lock:
                self._clients[connection] = thread
            thread.start()

    def _serve(self, connection: socket.socket) -> None:
        try:
            serve(connection, self._zone, self._latency)
        finally:
            with self._lock:
                self._clients.pop(connection, None)


def listen(host: str, port: int) -> socket.socket:
    """Open a listening socket; raises OSError if the address cannot be used."""
    family = socket.AF_INET6 if ":" in host else socket.AF_INET
    listener = socket.socket(family, socket.SOCK_STREAM)
    try:
        listener.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        listener.bind((host, port))
        listener.listen(256)
    except BaseException:
        listener.close()
        raise
    return listener
