"""The embedded store keeps the contract."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from ingest.errors import Refused
from ingest.store.embedded import EmbeddedStore
from ingest.store.embedded.clock import Machine, this_machine
from tests.ingest.store.contract import JobContract, StoreFixtures
from tests.ingest.store.deletion_contract import DeletionContract
from tests.ingest.store.moves_contract import MovesContract
from tests.ingest.store.shared_contract import CacheContract, CrashContract, MessageContract, SharingContract
from tests.ingest.store.task_contract import MessagesContract, PassContract, StoppedContract, TaskContract
from tests.ingest.store.watching_contract import PausingContract, WatchingContract


class Clocks:
    """The clocks of a machine, which the test moves. It begins as this one, so that other processes agree."""

    def __init__(self) -> None:
        self._real = this_machine()
        self.boot, self.uptime, self.wall = self._real.boot, 0.0, 0.0

    def machine(self) -> Machine:
        """The machine as a store sees it."""
        return Machine(self.boot, lambda: self._real.uptime() + self.uptime, lambda: self._real.wall() + self.wall)

    def lapse(self, seconds: float) -> None:
        """Let time pass."""
        self.uptime += seconds
        self.wall += seconds


class EmbeddedFixtures(StoreFixtures):
    @pytest.fixture
    def file(self, tmp_path: Path) -> Path:
        return tmp_path / "state" / "state.db"

    @pytest.fixture
    def clocks(self) -> Clocks:
        return Clocks()

    @pytest.fixture
    def lapse(self, clocks: Clocks) -> Callable[[float], None]:
        return clocks.lapse

    @pytest.fixture
    def open_store(self, file: Path, clocks: Clocks) -> Iterator[Callable[[], EmbeddedStore]]:
        opened: list[EmbeddedStore] = []

        def start() -> EmbeddedStore:
            opened.append(EmbeddedStore(file, clocks.machine()))
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


class TestMessagesOfTasks(EmbeddedFixtures, MessagesContract):
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
