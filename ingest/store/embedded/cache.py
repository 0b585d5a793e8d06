"""The path cache of the embedded store: three 64-bit numbers and a fingerprint per path."""

from __future__ import annotations

import sqlite3
from collections.abc import Sequence

from ingest.fingerprint import name_hash
from ingest.sqlite import transaction

_NAMES_PER_QUERY = 500


class Cache:
    """The part of the store that remembers which paths are synced. Losing it costs speed, never correctness."""

    _db: sqlite3.Connection

    def cached(self, space: int, directory: bytes, names: Sequence[bytes]) -> list[int | None]:
        """See Store."""
        hashes = [name_hash(name) for name in names]
        found: dict[int, int] = {}
        for start in range(0, len(hashes), _NAMES_PER_QUERY):
            chunk = hashes[start : start + _NAMES_PER_QUERY]
            marks = ",".join("?" * len(chunk))
            found.update(
                self._db.execute(
                    f"SELECT name, fingerprint FROM cache WHERE space = ? AND directory = ? AND name IN ({marks})",
                    (space, name_hash(directory), *chunk),
                )
            )
        return [found.get(each) for each in hashes]

    def clear_cache(self, space: int) -> None:
        """See Store."""
        with transaction(self._db) as db:
            db.execute("DELETE FROM cache WHERE space = ?", (space,))
