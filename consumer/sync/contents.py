"""What a collection has, held so that a directory listing can be compared with it in bounded memory."""

from __future__ import annotations

import sqlite3
from collections.abc import Iterable, Iterator

import msgspec

from consumer.irods import catalog
from consumer.irods.sessions import Session
from ingest.messages import COLLECTION, Catalog, Replica
from ingest.sqlite import temporary

HELD_ROWS = 50_000
"""Rows that are held in memory; beyond that they go to a temporary file."""


class Contents:
    """Replicas by object name, and the names of sub-collections."""

    def __init__(self, rows: Iterable[tuple[str, Replica]], collections: Iterable[str]) -> None:
        self._held: dict[str, list[Replica]] = {}
        self._spilled: sqlite3.Connection | None = None
        self._collections = frozenset(collections)
        for number, (name, replica) in enumerate(rows):
            if number < HELD_ROWS:
                self._held.setdefault(name, []).append(replica)
            else:
                self._spill(name, replica)

    def _spill(self, name: str, replica: Replica) -> None:
        if self._spilled is None:
            self._spilled = temporary(
                "CREATE TABLE replica (name TEXT, replica BLOB); CREATE INDEX replica_name ON replica (name)"
            )
        self._spilled.execute("INSERT INTO replica VALUES (?, ?)", (name, msgspec.msgpack.encode(replica)))

    @classmethod
    def of(cls, session: Session, collection: str) -> Contents:
        """What a collection has now: two queries."""
        return cls(catalog.objects(session, collection), catalog.subcollections(session, collection))

    def __getitem__(self, name: str) -> Catalog:
        """The catalog's answer for one name: replicas in the order of their numbers, or a collection."""
        if name in self._collections:
            return COLLECTION
        found = list(self._held.get(name, ()))
        if self._spilled is not None:
            rows = self._spilled.execute("SELECT replica FROM replica WHERE name = ?", (name,))
            found += [msgspec.msgpack.decode(row[0], type=Replica) for row in rows]
        return sorted(found, key=lambda replica: replica.number)

    def names(self) -> Iterator[tuple[str, bool]]:
        """All names, objects first, each once, and whether it is a collection's."""
        yield from ((name, False) for name in self._held)
        if self._spilled is not None:
            for (name,) in self._spilled.execute("SELECT DISTINCT name FROM replica"):
                if name not in self._held:
                    yield name, False
        yield from ((name, True) for name in self._collections)

    def has_collection(self, name: str) -> bool:
        """Whether there is a sub-collection of this name."""
        return name in self._collections

    def has_object(self, name: str) -> bool:
        """Whether there is an object of this name."""
        return name not in self._collections and bool(self[name])

    def close(self) -> None:
        """Remove the temporary file."""
        if self._spilled is not None:
            self._spilled.close()
