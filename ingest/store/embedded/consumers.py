"""Live consumers, leases and stored handlers of the embedded store."""

from __future__ import annotations

import sqlite3

import msgspec

from ingest.sqlite import transaction
from ingest.store import ConsumerStatus

_FORGOTTEN_SECONDS = 3600.0
"""How long what has run out stays in the file; nothing reads it any more."""


class Consumers:
    """The part of the store through which processes know of each other."""

    _db: sqlite3.Connection

    def announce(self, status: ConsumerStatus, until: float) -> None:
        """See Store."""
        with transaction(self._db) as db:
            db.execute("DELETE FROM consumer WHERE until < ?", (until - _FORGOTTEN_SECONDS,))
            db.execute(
                "INSERT OR REPLACE INTO consumer VALUES (?, ?, ?)",
                (status.consumer, msgspec.msgpack.encode(status), until),
            )

    def consumers(self, now: float) -> list[ConsumerStatus]:
        """See Store."""
        rows = self._db.execute("SELECT status FROM consumer WHERE until > ? ORDER BY consumer", (now,))
        return [msgspec.msgpack.decode(row[0], type=ConsumerStatus) for row in rows]

    def lease(self, name: str, owner: str, now: float, seconds: float) -> bool:
        """See Store."""
        with transaction(self._db) as db:
            db.execute("DELETE FROM lease WHERE until < ?", (now - _FORGOTTEN_SECONDS,))
            taken = db.execute(
                "INSERT INTO lease VALUES (:name, :owner, :until) ON CONFLICT (name) DO UPDATE"
                " SET owner = :owner, until = :until WHERE owner = :owner OR until <= :now",
                {"name": name, "owner": owner, "until": now + seconds, "now": now},
            ).rowcount
        return bool(taken)

    def release(self, name: str, owner: str) -> None:
        """See Store."""
        with transaction(self._db) as db:
            db.execute("DELETE FROM lease WHERE name = ? AND owner = ?", (name, owner))

    def save_handler(self, sha256: str, source: bytes) -> None:
        """See Store."""
        with transaction(self._db) as db:
            db.execute("INSERT OR REPLACE INTO handler VALUES (?, ?)", (sha256, source))

    def handler(self, sha256: str) -> bytes | None:
        """See Store."""
        row = self._db.execute("SELECT source FROM handler WHERE sha256 = ?", (sha256,)).fetchone()
        return row[0] if row else None
