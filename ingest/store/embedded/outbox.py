"""The outbox, the schedule and parked messages in SQLite."""

from __future__ import annotations

import sqlite3
from collections.abc import Sequence

from typing_extensions import override

from ingest.broker import Outgoing
from ingest.sqlite import transaction
from ingest.store.embedded.schema import is_active, send
from ingest.store.outbox import Outbox


class EmbeddedOutbox(Outbox):
    """Implements `ingest.store.outbox.Outbox`."""

    def __init__(self, db: sqlite3.Connection) -> None:
        self._db = db

    @override
    def send(self, name: str, message: Outgoing) -> bool:
        with transaction(self._db) as db:
            active = is_active(db, name)
            if active:
                send(db, name, message)
        return active

    @override
    def park(self, name: str, message: Outgoing) -> bool:
        with transaction(self._db) as db:
            parked = db.execute(
                "INSERT INTO parked (job, topic, partition, value)"
                " SELECT name, ?, ?, ? FROM job WHERE name = ? AND paused",
                (message.topic, message.partition, message.value, name),
            )
        return bool(parked.rowcount)

    @override
    def oldest(self, limit: int) -> list[tuple[int, Outgoing]]:
        rows = self._db.execute("SELECT number, topic, partition, value FROM outbox ORDER BY number LIMIT ?", (limit,))
        return [(number, Outgoing(topic, partition, value)) for number, topic, partition, value in rows]

    @override
    def remove(self, numbers: Sequence[int]) -> None:
        with transaction(self._db) as db:
            db.executemany("DELETE FROM outbox WHERE number = ?", [(number,) for number in numbers])

    @override
    def fire_due(self, now: float) -> float | None:
        due = self._next_due()
        if due is None or due > now:
            return due
        with transaction(self._db) as db:
            db.execute(
                "INSERT INTO outbox (job, topic, partition, value)"
                " SELECT job, topic, partition, value FROM schedule WHERE due <= ? ORDER BY due, number",
                (now,),
            )
            db.execute("DELETE FROM schedule WHERE due <= ?", (now,))
        return self._next_due()

    def _next_due(self) -> float | None:
        due: float | None = self._db.execute("SELECT min(due) FROM schedule").fetchone()[0]
        return due
