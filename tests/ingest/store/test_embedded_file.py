"""Store and broker in one file, and in one process."""

from __future__ import annotations

import sqlite3
import subprocess
import sys
from contextlib import closing
from pathlib import Path

import pytest

from ingest.broker.embedded.broker import EmbeddedBroker
from ingest.errors import Refused
from ingest.store.embedded import EmbeddedStore

ROOT = Path(__file__).parents[3]


def in_another_process(file: Path, expression: str) -> str:
    """Return the value of an expression about a store, which is closed again."""
    program = (
        "import pathlib, sys; from ingest.store.embedded import EmbeddedStore\n"
        f"store = EmbeddedStore(pathlib.Path(sys.argv[1]))\nprint({expression})\nstore.close()"
    )
    return subprocess.run(
        [sys.executable, "-c", program, str(file)], cwd=ROOT, check=True, capture_output=True, text=True
    ).stdout.strip()


def test_a_process_that_comes_and_goes_takes_nothing_from_one_that_has_broker_and_store_open(tmp_path: Path) -> None:
    """The last process to close the file removes the write-ahead log, so it must see the other processes."""
    file = tmp_path / "state.db"
    broker, store = EmbeddedBroker(file), EmbeddedStore(file)
    broker.ensure_topics(["topic"])
    assert in_another_process(file, "store.values.get(b'k')") == "None"
    store.values.set(b"k", b"here")
    assert in_another_process(file, "store.values.get(b'k'), store.values.set(b'k', b'there')") == "b'here' True"
    assert store.values.get(b"k") == b"there"
    broker.close()
    store.close()


def test_a_file_of_another_version_is_refused_in_one_sentence(tmp_path: Path) -> None:
    file = tmp_path / "state.db"
    EmbeddedStore(file).close()
    with closing(sqlite3.connect(file)) as db:
        db.execute("PRAGMA user_version = 1")
    with pytest.raises(Refused, match=f"^{file} is of another version of this program: remove it"):
        EmbeddedStore(file)
