"""The contract for clocks: terms run on the clock of the store, and a clock that is moved holds nothing up for long."""

from __future__ import annotations

from collections.abc import Callable

import pytest

from ingest.store import ConsumerStatus, Store
from tests.ingest.store.contract import StoreFixtures
from tests.ingest.store.support import again, begin, create, running, step, take

HOUR = 3600.0
BOTH_WAYS = pytest.mark.parametrize("moved", [HOUR, -HOUR])
ALIVE = ConsumerStatus("c", ("path",), ())


class ClockContract(StoreFixtures):
    @pytest.fixture
    def move_wall_clock(self) -> Callable[[float], None]:
        """Sets the wall clock of this process by so many seconds."""
        raise NotImplementedError

    @pytest.fixture
    def move_store_clock(self) -> Callable[[float], Store]:
        """Moves the clock of the store by so many seconds, and opens the store anew."""
        raise NotImplementedError

    @BOTH_WAYS
    def test_a_lease_is_not_moved_by_the_wall_clock(
        self, store: Store, move_wall_clock: Callable[[float], None], lapse: Callable[[float], None], moved: float
    ) -> None:
        assert store.leases.take("a", "me", 100)
        move_wall_clock(moved)
        assert not store.leases.take("a", "you", 100)
        lapse(100)
        assert store.leases.take("a", "you", 100)

    @BOTH_WAYS
    def test_a_redelivery_is_not_moved_by_the_wall_clock(
        self, store: Store, move_wall_clock: Callable[[float], None], lapse: Callable[[float], None], moved: float
    ) -> None:
        running(store, "one")
        store.tasks.settle(step("one", again=again("one", 1, 100)))
        move_wall_clock(moved)
        assert 0 < (store.outbox.fire_due() or 0) <= 100
        assert take(store) == []
        lapse(100)
        assert store.outbox.fire_due() is None
        assert take(store) == ["one round 1"]

    @BOTH_WAYS
    def test_a_live_consumer_is_not_moved_by_the_wall_clock(
        self, store: Store, move_wall_clock: Callable[[float], None], lapse: Callable[[float], None], moved: float
    ) -> None:
        store.consumers.announce(ALIVE, 100)
        move_wall_clock(moved)
        assert store.consumers.alive() == [ALIVE]
        lapse(100)
        assert store.consumers.alive() == []

    @BOTH_WAYS
    def test_a_waiting_pass_is_not_moved_by_the_wall_clock(
        self, store: Store, move_wall_clock: Callable[[float], None], lapse: Callable[[float], None], moved: float
    ) -> None:
        create(store, interval=100)
        begin(store, following="next", wait=100)
        take(store)
        move_wall_clock(moved)
        assert 0 < (store.outbox.fire_due() or 0) <= 100
        assert take(store) == []
        lapse(100)
        assert store.outbox.fire_due() is None
        assert take(store) == ["next"]

    @BOTH_WAYS
    def test_no_term_is_longer_than_it_was_after_the_clock_of_the_store_was_moved(
        self, store: Store, move_store_clock: Callable[[float], Store], moved: float
    ) -> None:
        """A lease that would last an hour longer stops all work, and so does a redelivery."""
        running(store, "one", interval=100)
        begin(store, "later", following="next", wait=200)
        store.tasks.settle(step("one", again=again("one", 1, 100)))
        store.leases.take("a", "me", 100)
        store.consumers.announce(ALIVE, 100)
        store.values.set(b"k", b"", seconds=100)
        store = move_store_clock(moved)
        assert store.leases.take("a", "you", 100)
        assert store.consumers.alive() == []
        assert store.values.get(b"k") is None
        assert store.outbox.fire_due() is None
        assert sorted(take(store)) == ["next", "one round 1"]
