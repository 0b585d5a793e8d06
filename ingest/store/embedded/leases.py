"""Leases in SQLite."""

from __future__ import annotations

import sqlite3

from typing_extensions import override

from ingest.sqlite import transaction
from ingest.store.embedded.clock import Clock
from ingest.store.leases import Leases


class EmbeddedLeases(Leases):
    """Implements `ingest.store.leases.Leases`."""

    def __init__(self, db: sqlite3.Connection, clock: Clock) -> None:
        self._db = db
        self._clock = clock

    @override
    def take(self, name: str, owner: str, seconds: float) -> bool:
        with transaction(self._db) as db:
            terms = self._clock.terms(seconds)
            db.execute("DELETE FROM lease WHERE until <= :now OR since > :latest", terms)
            taken = db.execute(
                "INSERT INTO lease VALUES (:name, :owner, :now, :until) ON CONFLICT (name) DO UPDATE"
                " SET since = :now, until = :until WHERE owner = :owner",
                {"name": name, "owner": owner, **terms},
            ).rowcount
        return bool(taken)

    @override
    def release(self, name: str, owner: str) -> None:
        with transaction(self._db) as db:
            db.execute("DELETE FROM lease WHERE name = ? AND owner = ?", (name, owner))
