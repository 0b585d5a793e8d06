"""The Redis store keeps the contract, on a real server."""

from __future__ import annotations

import secrets
from collections.abc import Callable, Iterator

import pytest
import redis

from ingest.store.redis import RedisStore
from tests.ingest.store.contract import JobContract, StoreFixtures
from tests.ingest.store.deletion_contract import DeletionContract
from tests.ingest.store.moves_contract import MovesContract
from tests.ingest.store.shared_contract import CacheContract, CrashContract, MessageContract, SharingContract
from tests.ingest.store.task_contract import PassContract, StoppedContract, TaskContract
from tests.ingest.store.values_contract import ValuesContract
from tests.ingest.store.watching_contract import PausingContract, WatchingContract


def remove_keys(url: str, prefix: str) -> None:
    """Remove all keys of a test."""
    with redis.Redis.from_url(url) as client:
        for keys in iter(lambda: list(client.scan_iter(f"{prefix}*", 10_000)), []):
            client.unlink(*keys)


class RedisFixtures(StoreFixtures):
    @pytest.fixture
    def prefix(self, redis_url: str) -> Iterator[str]:
        prefix = f"test-{secrets.token_hex(4)}:"
        yield prefix
        remove_keys(redis_url, prefix)

    @pytest.fixture
    def open_store(self, redis_url: str, prefix: str) -> Iterator[Callable[[], RedisStore]]:
        opened: list[RedisStore] = []

        def start() -> RedisStore:
            opened.append(RedisStore(redis_url, prefix))
            return opened[-1]

        yield start
        for each in opened:
            each.close()

    @pytest.fixture
    def child_source(self, redis_url: str, prefix: str) -> str:
        return f"import ingest.store.redis as own\nstore = own.RedisStore({redis_url!r}, {prefix!r})"


class TestJobs(RedisFixtures, JobContract):
    pass


class TestPasses(RedisFixtures, PassContract):
    pass


class TestTasks(RedisFixtures, TaskContract):
    pass


class TestStopped(RedisFixtures, StoppedContract):
    pass


class TestPausing(RedisFixtures, PausingContract):
    pass


class TestWatching(RedisFixtures, WatchingContract):
    pass


class TestDeletion(RedisFixtures, DeletionContract):
    pass


class TestMoves(RedisFixtures, MovesContract):
    pass


class TestMessages(RedisFixtures, MessageContract):
    pass


class TestSharing(RedisFixtures, SharingContract):
    pass


class TestCache(RedisFixtures, CacheContract):
    pass


class TestCrashes(RedisFixtures, CrashContract):
    pass


class TestValues(RedisFixtures, ValuesContract):
    pass
