"""The outbox, the schedule and parked messages in Redis."""

from __future__ import annotations

from collections.abc import Sequence

import msgspec
from typing_extensions import override

from ingest.broker import Outgoing
from ingest.store.outbox import Held, Outbox
from ingest.store.redis.server import Server


class RedisOutbox(Outbox):
    """Implements `ingest.store.outbox.Outbox`."""

    def __init__(self, server: Server) -> None:
        self._server = server

    @override
    def send(self, name: str, message: Outgoing) -> bool:
        return bool(self._server.run("send", name=name, message=msgspec.msgpack.encode(message)))

    @override
    def park(self, name: str, message: Outgoing) -> bool:
        return bool(self._server.run("park", name=name, message=msgspec.msgpack.encode(message)))

    @override
    def oldest(self, limit: int) -> list[tuple[int, Outgoing]]:
        numbers = self._server.command("ZRANGE", self._server.key("outbox"), 0, limit - 1)
        if not numbers:
            return []
        kept = self._server.command("HMGET", self._server.key("messages"), *numbers)
        return [
            (int(number), msgspec.msgpack.decode(each.partition(b"\0")[2], type=Outgoing))
            for number, each in zip(numbers, kept, strict=True)
            if each is not None  # None: another process has published it meanwhile
        ]

    @override
    def remove(self, numbers: Sequence[int]) -> None:
        if numbers:
            self._server.run("outbox_done", numbers=list(numbers))

    @override
    def held(self, name: str) -> Held:
        messages, next_pass = self._server.run("held", name=name)
        return Held(bool(messages), bool(next_pass))

    @override
    def fire_due(self) -> float | None:
        wait = self._server.run("fire_due")
        return None if wait is None else float(wait)
