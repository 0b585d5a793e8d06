"""The values of handlers in SQLite: a row per key, and a row per element of a list."""

from __future__ import annotations

import sqlite3
from collections.abc import Iterator, Sequence
from contextlib import contextmanager

from typing_extensions import override

from ingest.sqlite import transaction
from ingest.store.embedded.clock import Clock
from ingest.store.values import Values, WrongKind

_LIVE = "(until IS NULL OR (until > :now AND since <= :latest))"


class EmbeddedValues(Values):
    """Implements `ingest.store.values.Values`."""

    def __init__(self, db: sqlite3.Connection, clock: Clock) -> None:
        self._db = db
        self._clock = clock

    @override
    def get(self, key: bytes) -> bytes | None:
        row = _row(self._db, key, self._clock)
        return None if row is None else _string(key, row)

    @override
    def set(self, key: bytes, value: bytes, *, seconds: float | None = None, only_new: bool = False) -> bool:
        with _changing(self._db, key, self._clock) as there:
            if there is not None and only_new:
                return False
            _drop(self._db, key)
            self._db.execute("INSERT INTO value VALUES (?, ?, ?, ?)", (key, value, *self._term(seconds)))
        return True

    @override
    def add(self, key: bytes, amount: int) -> int:
        with _changing(self._db, key, self._clock) as there:
            try:
                total = amount if there is None else int(_string(key, there)) + amount
            except ValueError:
                raise WrongKind(f"{key!r} holds no whole number") from None
            self._db.execute(
                "INSERT INTO value (key, content) VALUES (:key, :text) ON CONFLICT (key) DO UPDATE SET content = :text",
                {"key": key, "text": b"%d" % total},
            )
        return total

    @override
    def push(self, key: bytes, values: Sequence[bytes], *, left: bool = False) -> int:
        with _changing(self._db, key, self._clock) as there:
            if there is None:
                self._db.execute("INSERT INTO value (key) VALUES (?)", (key,))
            else:
                _refuse_string(key, there)
            end, step = ("min(position)", -1) if left else ("max(position)", 1)
            (position,) = self._db.execute(
                f"SELECT coalesce({end}, 0) FROM value_item WHERE key = ?", (key,)
            ).fetchone()
            self._db.executemany(
                "INSERT INTO value_item VALUES (?, ?, ?)",
                [(key, position + step * number, each) for number, each in enumerate(values, start=1)],
            )
            return _length(self._db, key)

    @override
    def elements(self, key: bytes, first: int, last: int) -> list[bytes]:
        with transaction(self._db):  # so that the list does not change between the two queries
            length = self.length(key)
            first, last = (max(0, place + length) if place < 0 else place for place in (first, last + 1 or length))
            rows = self._db.execute(
                "SELECT content FROM value_item WHERE key = ? ORDER BY position LIMIT ? OFFSET ?",
                (key, max(0, last - first), first),
            )
            return [row[0] for row in rows]

    @override
    def length(self, key: bytes) -> int:
        row = _row(self._db, key, self._clock)
        if row is None:
            return 0
        _refuse_string(key, row)
        return _length(self._db, key)

    @override
    def delete(self, key: bytes) -> bool:
        with _changing(self._db, key, self._clock) as there:
            _drop(self._db, key)
        return there is not None

    @override
    def expire(self, key: bytes, seconds: float | None) -> bool:
        with _changing(self._db, key, self._clock) as there:
            self._db.execute("UPDATE value SET since = ?, until = ? WHERE key = ?", (*self._term(seconds), key))
        return there is not None

    @override
    def expiry(self, key: bytes) -> float | None:
        row = _row(self._db, key, self._clock)
        if row is None:
            raise KeyError(key)
        until: float | None = row[1]
        return None if until is None else until - self._clock.now()

    @override
    def keys(self, prefix: bytes) -> list[bytes]:
        rows = self._db.execute(
            f"SELECT key FROM value WHERE substr(key, 1, :length) = :prefix AND {_LIVE} ORDER BY key",
            {"length": len(prefix), "prefix": prefix, **self._clock.terms()},
        )
        return [row[0] for row in rows]

    def _term(self, seconds: float | None) -> tuple[float | None, float | None]:
        """When a term begins and ends; None for a value that never expires."""
        if seconds is None:
            return None, None
        terms = self._clock.terms(seconds)
        return terms["now"], terms["until"]


_Row = tuple[bytes | None, float | None]
"""The content, None for a list, and the time of expiry."""


def _row(db: sqlite3.Connection, key: bytes, clock: Clock) -> _Row | None:
    row: _Row | None = db.execute(
        f"SELECT content, until FROM value WHERE key = :key AND {_LIVE}", {"key": key, **clock.terms()}
    ).fetchone()
    return row


@contextmanager
def _changing(db: sqlite3.Connection, key: bytes, clock: Clock) -> Iterator[_Row | None]:
    """Begin a transaction, remove all expired values, and yield the row of the key."""
    with transaction(db):
        terms = clock.terms()
        db.execute(f"DELETE FROM value_item WHERE key IN (SELECT key FROM value WHERE NOT {_LIVE})", terms)
        db.execute(f"DELETE FROM value WHERE NOT {_LIVE}", terms)
        yield _row(db, key, clock)


def _drop(db: sqlite3.Connection, key: bytes) -> None:
    db.execute("DELETE FROM value WHERE key = ?", (key,))
    db.execute("DELETE FROM value_item WHERE key = ?", (key,))


def _string(key: bytes, row: _Row) -> bytes:
    if row[0] is None:
        raise WrongKind(f"{key!r} holds a list")
    return row[0]


def _refuse_string(key: bytes, row: _Row) -> None:
    if row[0] is not None:
        raise WrongKind(f"{key!r} holds a string, no list")


def _length(db: sqlite3.Connection, key: bytes) -> int:
    length: int = db.execute("SELECT count(*) FROM value_item WHERE key = ?", (key,)).fetchone()[0]
    return length
