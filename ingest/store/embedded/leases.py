"""Leases in SQLite."""

from __future__ import annotations

import sqlite3

from typing_extensions import override

from ingest.sqlite import transaction
from ingest.store.embedded.schema import FORGOTTEN_SECONDS
from ingest.store.leases import Leases


class EmbeddedLeases(Leases):
    """Implements `ingest.store.leases.Leases`."""

    def __init__(self, db: sqlite3.Connection) -> None:
        self._db = db

    @override
    def take(self, name: str, owner: str, now: float, seconds: float) -> bool:
        with transaction(self._db) as db:
            db.execute("DELETE FROM lease WHERE until < ?", (now - FORGOTTEN_SECONDS,))
            taken = db.execute(
                "INSERT INTO lease VALUES (:name, :owner, :until) ON CONFLICT (name) DO UPDATE"
                " SET owner = :owner, until = :until WHERE owner = :owner OR until <= :now",
                {"name": name, "owner": owner, "until": now + seconds, "now": now},
            ).rowcount
        return bool(taken)

    @override
    def release(self, name: str, owner: str) -> None:
        with transaction(self._db) as db:
            db.execute("DELETE FROM lease WHERE name = ? AND owner = ?", (name, owner))
