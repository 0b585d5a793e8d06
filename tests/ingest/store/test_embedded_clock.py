"""The clock of the embedded store: wall clocks that are set, reboots, and a file on another machine."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import pytest

from ingest.store import Store
from ingest.store.embedded import EmbeddedStore
from tests.ingest.store.clock_contract import BOTH_WAYS, ClockContract
from tests.ingest.store.test_embedded import Clocks, EmbeddedFixtures


class TestClock(EmbeddedFixtures, ClockContract):
    @pytest.fixture
    def move_wall_clock(self, clocks: Clocks) -> Callable[[float], None]:
        def move(seconds: float) -> None:
            clocks.wall += seconds

        return move

    @pytest.fixture
    def move_store_clock(self, clocks: Clocks, open_store: Callable[[], Store]) -> Callable[[float], Store]:
        def move(seconds: float) -> Store:
            clocks.boot, clocks.uptime = "another", -1e5
            clocks.wall += seconds
            return open_store()

        return move

    @BOTH_WAYS
    def test_a_process_that_starts_after_the_wall_clock_was_set_agrees_with_the_others(
        self, store: Store, clocks: Clocks, open_store: Callable[[], Store], moved: float
    ) -> None:
        assert store.leases.take("a", "me", 100)
        clocks.wall += moved
        late = open_store()
        assert not late.leases.take("a", "you", 100)
        assert late.leases.take("b", "you", 100)
        assert not store.leases.take("b", "me", 100)

    def test_a_reboot_keeps_a_term_that_is_not_over(
        self, store: Store, clocks: Clocks, open_store: Callable[[], Store]
    ) -> None:
        assert store.leases.take("a", "me", 1000)
        clocks.boot, clocks.uptime = "another", -1e5
        clocks.wall += 500
        assert not open_store().leases.take("a", "you", 1000)
        clocks.lapse(500)
        assert open_store().leases.take("a", "you", 1000)


def test_where_boots_have_no_id_a_clock_that_starts_anew_is_noticed(tmp_path: Path) -> None:
    clocks = Clocks()
    clocks.boot = ""
    before = EmbeddedStore(tmp_path / "state.db", clocks.machine())
    assert before.leases.take("a", "me", 1000)
    clocks.uptime -= 1e6
    clocks.wall += 500
    after = EmbeddedStore(tmp_path / "state.db", clocks.machine())
    assert not after.leases.take("a", "you", 1000)
    clocks.lapse(500)
    assert after.leases.take("a", "you", 1000)
    before.close()
    after.close()
