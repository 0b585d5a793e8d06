"""Live consumers in SQLite."""

from __future__ import annotations

import sqlite3

import msgspec
from typing_extensions import override

from ingest.sqlite import transaction
from ingest.store.consumers import Consumers, ConsumerStatus
from ingest.store.embedded.clock import Clock


class EmbeddedConsumers(Consumers):
    """Implements `ingest.store.consumers.Consumers`."""

    def __init__(self, db: sqlite3.Connection, clock: Clock) -> None:
        self._db = db
        self._clock = clock

    @override
    def announce(self, status: ConsumerStatus, seconds: float) -> None:
        with transaction(self._db) as db:
            terms = self._clock.terms(seconds)
            db.execute("DELETE FROM consumer WHERE until <= :now OR since > :latest", terms)
            db.execute(
                "INSERT OR REPLACE INTO consumer VALUES (:consumer, :status, :now, :until)",
                {"consumer": status.consumer, "status": msgspec.msgpack.encode(status), **terms},
            )

    @override
    def alive(self) -> list[ConsumerStatus]:
        rows = self._db.execute(
            "SELECT status FROM consumer WHERE until > :now AND since <= :latest ORDER BY consumer", self._clock.terms()
        )
        return [msgspec.msgpack.decode(row[0], type=ConsumerStatus) for row in rows]
