"""The embedded store keeps the contract for the values of handlers."""

from __future__ import annotations

import sqlite3
from contextlib import closing
from pathlib import Path

from ingest.store.embedded import EmbeddedStore
from tests.ingest.store.test_embedded import EmbeddedFixtures
from tests.ingest.store.values_contract import ValuesContract


class TestValues(EmbeddedFixtures, ValuesContract):
    pass


def test_what_has_expired_takes_no_room_once_something_is_written(tmp_path: Path) -> None:
    store = EmbeddedStore(tmp_path / "state.db")
    for number in range(50):
        store.values.set(b"s%d" % number, b"", seconds=0.0)
        store.values.push(b"l%d" % number, [b"", b""])
        store.values.expire(b"l%d" % number, 0.0)
    store.values.set(b"k", b"")
    store.close()
    with closing(sqlite3.connect(tmp_path / "state.db")) as db:
        assert db.execute("SELECT (SELECT count(*) FROM value), (SELECT count(*) FROM value_item)").fetchone() == (1, 0)
