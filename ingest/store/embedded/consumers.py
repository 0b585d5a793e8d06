"""Live consumers in SQLite."""

from __future__ import annotations

import sqlite3

import msgspec
from typing_extensions import override

from ingest.sqlite import transaction
from ingest.store.consumers import Consumers, ConsumerStatus
from ingest.store.embedded.schema import FORGOTTEN_SECONDS


class EmbeddedConsumers(Consumers):
    """Implements `ingest.store.consumers.Consumers`."""

    def __init__(self, db: sqlite3.Connection) -> None:
        self._db = db

    @override
    def announce(self, status: ConsumerStatus, until: float) -> None:
        with transaction(self._db) as db:
            db.execute("DELETE FROM consumer WHERE until < ?", (until - FORGOTTEN_SECONDS,))
            db.execute(
                "INSERT OR REPLACE INTO consumer VALUES (?, ?, ?)",
                (status.consumer, msgspec.msgpack.encode(status), until),
            )

    @override
    def alive(self, now: float) -> list[ConsumerStatus]:
        rows = self._db.execute("SELECT status FROM consumer WHERE until > ? ORDER BY consumer", (now,))
        return [msgspec.msgpack.decode(row[0], type=ConsumerStatus) for row in rows]
