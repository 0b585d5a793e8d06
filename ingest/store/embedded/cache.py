"""The path cache in SQLite: three 64-bit numbers for the name, and a fingerprint, per path."""

from __future__ import annotations

import sqlite3
from collections.abc import Sequence

from typing_extensions import override

from ingest.fingerprint import name_hash
from ingest.messages import Fingerprint
from ingest.sqlite import transaction
from ingest.store.cache import Cache

_NAMES_PER_QUERY = 500


class EmbeddedCache(Cache):
    """Implements `ingest.store.cache.Cache`."""

    def __init__(self, db: sqlite3.Connection) -> None:
        self._db = db

    @override
    def get(self, space: int, directory: bytes, names: Sequence[bytes]) -> list[Fingerprint | None]:
        hashes = [name_hash(name) for name in names]
        found: dict[int, Fingerprint] = {}
        for start in range(0, len(hashes), _NAMES_PER_QUERY):
            chunk = hashes[start : start + _NAMES_PER_QUERY]
            marks = ",".join("?" * len(chunk))
            rows = self._db.execute(
                f"SELECT name, state, inode FROM cache WHERE space = ? AND directory = ? AND name IN ({marks})",
                (space, name_hash(directory), *chunk),
            )
            found.update((name, Fingerprint(state, inode)) for name, state, inode in rows)
        return [found.get(each) for each in hashes]

    @override
    def bind(self, space: int, collection: str) -> None:
        with transaction(self._db) as db:
            row = db.execute("SELECT collection FROM cache_of WHERE space = ?", (space,)).fetchone()
            if row is not None and row[0] not in ("", collection):
                db.execute("DELETE FROM cache WHERE space = ?", (space,))
            db.execute("INSERT OR REPLACE INTO cache_of VALUES (?, ?)", (space, collection))

    @override
    def clear(self, space: int) -> None:
        with transaction(self._db) as db:
            db.execute("DELETE FROM cache WHERE space = ?", (space,))
