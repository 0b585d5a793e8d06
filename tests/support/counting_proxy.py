"""A proxy between clients and a zone that counts API requests, for budgets that hold against any zone without TLS."""

import json
import re
import socket
import threading
from collections import Counter
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path

from irods.api_number import api_number

NAMES = {number: name.removesuffix("_AN").removesuffix("_APN") for name, number in api_number.items()}
LOGIN_CALLS = frozenset({"AUTHENTICATION", "AUTH_REQUEST", "AUTH_RESPONSE", "GET_MISC_SVR_INFO"})
START_CALLS = 2
"""The look at an existing target collection when a command starts, and the one for its id when a pass begins."""
_FIELD = {name: re.compile(rb"<%s>(-?\w+)</%s>" % (name, name)) for name in (b"type", b"msgLen", b"bsLen", b"intInfo")}


class CountingProxy:
    """Listens on loopback and passes everything on. `calls` counts requests by API name, logins apart."""

    def __init__(self, upstream: tuple[str, int]) -> None:
        self.calls: Counter[str] = Counter()
        self.logins = 0
        self._upstream = upstream
        self._server = socket.create_server(("127.0.0.1", 0))
        self.port: int = self._server.getsockname()[1]
        self._lock = threading.Lock()
        threading.Thread(target=self._accept, daemon=True).start()

    def total(self, *names: str) -> int:
        """Number of requests with these API names, or of all."""
        return sum(self.calls[name] for name in names) if names else self.calls.total()

    def reset(self) -> None:
        """Begin to count anew."""
        with self._lock:
            self.calls.clear()
            self.logins = 0

    def close(self) -> None:
        """Take no more connections."""
        self._server.close()

    def _accept(self) -> None:
        while True:
            try:
                client, _ = self._server.accept()
            except OSError:
                return
            server = socket.create_connection(self._upstream)
            for each in (client, server):
                each.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
            threading.Thread(target=self._pass_requests, args=(client, server), daemon=True).start()
            threading.Thread(target=_pass, args=(server, client), daemon=True).start()

    def _pass_requests(self, client: socket.socket, server: socket.socket) -> None:
        try:
            while head := _exactly(client, 4):
                header = _exactly(client, int.from_bytes(head, "big"))
                fields = {name: found[1] for name, regex in _FIELD.items() if (found := regex.search(header))}
                self._count(fields)
                server.sendall(head + header)
                left = int(fields.get(b"msgLen", 0)) + int(fields.get(b"bsLen", 0))
                while left:
                    part = client.recv(min(left, 1 << 20))
                    if not part:
                        return
                    server.sendall(part)
                    left -= len(part)
        except OSError:
            pass
        finally:
            _shut(server)

    def _count(self, fields: dict[bytes, bytes]) -> None:
        with self._lock:
            if fields[b"type"] == b"RODS_CONNECT":
                self.logins += 1
            elif fields[b"type"] == b"RODS_API_REQ":
                name = NAMES.get(int(fields[b"intInfo"]), fields[b"intInfo"].decode())
                if name not in LOGIN_CALLS:
                    self.calls[name] += 1


def _exactly(source: socket.socket, size: int) -> bytes:
    data = b""
    while len(data) < size:
        part = source.recv(size - len(data))
        if not part:
            return b""
        data += part
    return data


def _pass(source: socket.socket, sink: socket.socket) -> None:
    try:
        while part := source.recv(1 << 20):
            sink.sendall(part)
    except OSError:
        pass
    finally:
        _shut(sink)


def _shut(end: socket.socket) -> None:
    with suppress(OSError):
        end.shutdown(socket.SHUT_RDWR)


@contextmanager
def counting_proxy(environment: Path, copy: Path) -> Iterator[CountingProxy]:
    """A proxy before the zone of a client environment; `copy` becomes an environment that goes through it."""
    settings = json.loads(environment.read_text())
    proxy = CountingProxy((settings["irods_host"], settings["irods_port"]))
    copy.write_text(json.dumps({**settings, "irods_host": "127.0.0.1", "irods_port": proxy.port}))
    try:
        yield proxy
    finally:
        proxy.close()
