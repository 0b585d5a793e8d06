"""Deletion candidates and mounts in SQLite."""

from __future__ import annotations

import sqlite3
from collections.abc import Sequence

import msgspec
from typing_extensions import override

from ingest.messages import Candidate
from ingest.sqlite import transaction
from ingest.store.deletion import Deletion


class EmbeddedDeletion(Deletion):
    """Implements `ingest.store.deletion.Deletion`."""

    def __init__(self, db: sqlite3.Connection) -> None:
        self._db = db

    @override
    def candidates(self, pass_id: str, *, collections: bool, limit: int) -> list[Candidate]:
        rows = self._db.execute(
            "SELECT candidate FROM candidate WHERE pass_id = ? AND collection = ? ORDER BY height, target LIMIT ?",
            (pass_id, collections, limit),
        )
        return [msgspec.msgpack.decode(row[0], type=Candidate) for row in rows]

    @override
    def candidate_counts(self, pass_id: str) -> tuple[int, int]:
        rows = self._db.execute(
            "SELECT collection, count(*) FROM candidate WHERE pass_id = ? GROUP BY collection", (pass_id,)
        )
        counts = dict(rows.fetchall())
        return counts.get(0, 0), counts.get(1, 0)

    @override
    def mount(self, space: int, host: str) -> str | None:
        row = self._db.execute("SELECT mount FROM mount WHERE space = ? AND host = ?", (space, host)).fetchone()
        return row[0] if row else None

    @override
    def remember_mount(self, space: int, host: str, mount: str) -> None:
        with transaction(self._db) as db:
            db.execute("INSERT OR REPLACE INTO mount VALUES (?, ?, ?)", (space, host, mount))


def add(db: sqlite3.Connection, pass_id: str, candidates: Sequence[Candidate]) -> None:
    """Add candidates. A candidate that exists is replaced."""
    db.executemany(
        "INSERT OR REPLACE INTO candidate VALUES (?, ?, ?, ?, ?)",
        [(*_key(pass_id, each), msgspec.msgpack.encode(each)) for each in candidates],
    )


def drop(db: sqlite3.Connection, pass_id: str, candidates: Sequence[Candidate]) -> None:
    """Remove candidates."""
    db.executemany(
        "DELETE FROM candidate WHERE pass_id = ? AND collection = ? AND height = ? AND target = ?",
        [_key(pass_id, each) for each in candidates],
    )


def _key(pass_id: str, candidate: Candidate) -> tuple[str, int, int, str]:
    """Return the key of a candidate. The deepest candidates come first."""
    return pass_id, int(candidate.collection), -candidate.target.count("/"), candidate.target
