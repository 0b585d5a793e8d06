"""The outbox, the schedule and parked messages in SQLite."""

from __future__ import annotations

import sqlite3
from collections.abc import Sequence

from typing_extensions import override

from ingest.broker import Outgoing
from ingest.sqlite import transaction
from ingest.store.embedded.clock import Clock
from ingest.store.embedded.schema import is_active, send
from ingest.store.outbox import Held, Outbox

_DUE = "(due <= :now OR since > :latest)"
"""The messages that are due. Those that were scheduled in the future are due, too: the clock has been set back."""

_HELD = """
SELECT EXISTS (SELECT 1 FROM outbox WHERE job = :job) OR EXISTS (SELECT 1 FROM parked WHERE job = :job)
       OR EXISTS (SELECT 1 FROM schedule WHERE job = :job AND NOT next_pass),
       EXISTS (SELECT 1 FROM schedule WHERE job = :job AND next_pass)
"""


class EmbeddedOutbox(Outbox):
    """Implements `ingest.store.outbox.Outbox`."""

    def __init__(self, db: sqlite3.Connection, clock: Clock) -> None:
        self._db = db
        self._clock = clock

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
    def held(self, name: str) -> Held:
        messages, next_pass = self._db.execute(_HELD, {"job": name}).fetchone()
        return Held(bool(messages), bool(next_pass))

    @override
    def fire_due(self) -> float | None:
        terms = self._clock.terms()
        if self._db.execute(f"SELECT 1 FROM schedule WHERE {_DUE} LIMIT 1", terms).fetchone():
            with transaction(self._db) as db:
                db.execute(
                    "INSERT INTO outbox (job, topic, partition, value)"
                    f" SELECT job, topic, partition, value FROM schedule WHERE {_DUE} ORDER BY due, number",
                    terms,
                )
                db.execute(f"DELETE FROM schedule WHERE {_DUE}", terms)
        due: float | None = self._db.execute("SELECT min(due) FROM schedule").fetchone()[0]
        return None if due is None else due - terms["now"]
