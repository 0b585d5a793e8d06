"""What a pass would delete, and what is mounted at its source: the embedded store's part of deletion."""

from __future__ import annotations

import sqlite3
from collections.abc import Sequence

import msgspec

from ingest.messages import Candidate
from ingest.sqlite import transaction


class Candidates:
    """The part of the store that holds candidates for deletion until they are judged as a whole."""

    _db: sqlite3.Connection

    def candidates(self, pass_id: str, *, collections: bool, limit: int) -> list[Candidate]:
        """See Store."""
        rows = self._db.execute(
            "SELECT candidate FROM candidate WHERE pass_id = ? AND collection = ? ORDER BY height, target LIMIT ?",
            (pass_id, collections, limit),
        )
        return [msgspec.msgpack.decode(row[0], type=Candidate) for row in rows]

    def candidate_counts(self, pass_id: str) -> tuple[int, int]:
        """See Store."""
        rows = self._db.execute(
            "SELECT collection, count(*) FROM candidate WHERE pass_id = ? GROUP BY collection", (pass_id,)
        )
        counts = dict(rows.fetchall())
        return counts.get(0, 0), counts.get(1, 0)

    def mount(self, space: int, host: str) -> str | None:
        """See Store."""
        row = self._db.execute("SELECT mount FROM mount WHERE space = ? AND host = ?", (space, host)).fetchone()
        return row[0] if row else None

    def remember_mount(self, space: int, host: str, mount: str) -> None:
        """See Store."""
        with transaction(self._db) as db:
            db.execute("INSERT OR REPLACE INTO mount VALUES (?, ?, ?)", (space, host, mount))


def add(db: sqlite3.Connection, pass_id: str, candidates: Sequence[Candidate]) -> None:
    """Hold candidates; one that is there already is the same one."""
    db.executemany(
        "INSERT OR REPLACE INTO candidate VALUES (?, ?, ?, ?, ?)",
        [(*_key(pass_id, each), msgspec.msgpack.encode(each)) for each in candidates],
    )


def drop(db: sqlite3.Connection, pass_id: str, candidates: Sequence[Candidate]) -> None:
    """Let go of candidates."""
    db.executemany(
        "DELETE FROM candidate WHERE pass_id = ? AND collection = ? AND height = ? AND target = ?",
        [_key(pass_id, each) for each in candidates],
    )


def _key(pass_id: str, candidate: Candidate) -> tuple[str, int, int, str]:
    """The deepest come first."""
    return pass_id, int(candidate.collection), -candidate.target.count("/"), candidate.target
