"""The clock of the Redis store is that of the server: the clock of a client decides nothing."""

from __future__ import annotations

import time
from collections.abc import Callable

import pytest

from ingest.store import Store
from tests.ingest.store.clock_contract import ClockContract
from tests.ingest.store.test_redis import RedisFixtures, shift_terms


class TestClock(RedisFixtures, ClockContract):
    @pytest.fixture
    def move_wall_clock(self, monkeypatch: pytest.MonkeyPatch) -> Callable[[float], None]:
        real = time.time
        return lambda seconds: monkeypatch.setattr(time, "time", lambda: real() + seconds)

    @pytest.fixture
    def move_store_clock(
        self, redis_url: str, prefix: str, open_store: Callable[[], Store]
    ) -> Callable[[float], Store]:
        def move(seconds: float) -> Store:
            shift_terms(redis_url, prefix, -seconds)
            return open_store()

        return move
