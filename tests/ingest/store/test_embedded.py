"""The embedded store keeps the contract."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from ingest.errors import Refused
from ingest.store.embedded import EmbeddedStore
from tests.ingest.store.contract import JobContract, StoreFixtures
from tests.ingest.store.deletion_contract import DeletionContract
from tests.ingest.store.moves_contract import MovesContract
from tests.ingest.store.shared_contract import CacheContract, CrashContract, MessageContract, SharingContract
from tests.ingest.store.task_contract import PassContract, StoppedContract, TaskContract
from tests.ingest.store.watching_contract import PausingContract, WatchingContract


class EmbeddedFixtures(StoreFixtures):
    @pytest.fixture
    def file(self, tmp_path: Path) -> Path:
        return tmp_path / "state" / "state.db"

    @pytest.fixture
    def open_store(self, file: Path) -> Iterator[Callable[[], EmbeddedStore]]:
        opened: list[EmbeddedStore] = []

        def start() -> EmbeddedStore:
            opened.append(EmbeddedStore(file))
            return opened[-1]

        yield start
        for each in opened:
            each.close()

    @pytest.fixture
    def child_source(self, file: Path) -> str:
        return (
            "import pathlib, ingest.store.embedded as embedded\n"
            f"store = embedded.EmbeddedStore(pathlib.Path({str(file)!r}))"
        )


class TestJobs(EmbeddedFixtures, JobContract):
    pass


class TestPasses(EmbeddedFixtures, PassContract):
    pass


class TestTasks(EmbeddedFixtures, TaskContract):
    pass


class TestStopped(EmbeddedFixtures, StoppedContract):
    pass


class TestPausing(EmbeddedFixtures, PausingContract):
    pass


class TestWatching(EmbeddedFixtures, WatchingContract):
    pass


class TestDeletion(EmbeddedFixtures, DeletionContract):
    pass


class TestMoves(EmbeddedFixtures, MovesContract):
    pass


class TestMessages(EmbeddedFixtures, MessageContract):
    pass


class TestSharing(EmbeddedFixtures, SharingContract):
    pass


class TestCache(EmbeddedFixtures, CacheContract):
    pass


class TestCrashes(EmbeddedFixtures, CrashContract):
    pass


class TestFile:
    def test_a_file_that_is_no_database_is_refused_in_one_sentence(self, tmp_path: Path) -> None:
        file = tmp_path / "state.db"
        file.write_text("this is no database, and long enough that SQLite reads it " * 20)
        with pytest.raises(Refused, match=f"^cannot use the state file {file}: ") as refusal:
            EmbeddedStore(file)
        assert "\n" not in str(refusal.value)
