"""Sources of handlers in SQLite."""

from __future__ import annotations

import sqlite3

from typing_extensions import override

from ingest.sqlite import transaction
from ingest.store.handlers import Handlers


class EmbeddedHandlers(Handlers):
    """Implements `ingest.store.handlers.Handlers`."""

    def __init__(self, db: sqlite3.Connection) -> None:
        self._db = db

    @override
    def save(self, sha256: str, source: bytes) -> None:
        with transaction(self._db) as db:
            db.execute("INSERT OR REPLACE INTO handler VALUES (?, ?)", (sha256, source))

    @override
    def get(self, sha256: str) -> bytes | None:
        row = self._db.execute("SELECT source FROM handler WHERE sha256 = ?", (sha256,)).fetchone()
        return row[0] if row else None
