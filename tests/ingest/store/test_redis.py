"""The Redis store keeps the contract, on a real server."""

from __future__ import annotations

import secrets
from collections.abc import Callable, Iterator, Sequence

import msgpack
import pytest
import redis

from ingest.store.redis import RedisStore
from tests.ingest.store.contract import JobContract, StoreFixtures
from tests.ingest.store.deletion_contract import DeletionContract
from tests.ingest.store.moves_contract import MovesContract
from tests.ingest.store.shared_contract import CacheContract, CrashContract, MessageContract, SharingContract
from tests.ingest.store.task_contract import MessagesContract, PassContract, StoppedContract, TaskContract
from tests.ingest.store.values_contract import ValuesContract
from tests.ingest.store.watching_contract import PausingContract, WatchingContract


def remove_keys(url: str, prefix: str) -> None:
    """Remove all keys of a test."""
    with redis.Redis.from_url(url) as client:
        for keys in iter(lambda: list(client.scan_iter(f"{prefix}*", 10_000)), []):
            client.unlink(*keys)


_SORTED_BY_TIME = ("schedule", "scheduled", "value-expiry", "value-since")


def shift_terms(url: str, prefix: str, seconds: float) -> None:
    """Move all terms in a store, as if the clock of the server were set back by so many seconds."""
    with redis.Redis.from_url(url) as client:
        for name in _SORTED_BY_TIME:
            for member in client.zrange(prefix + name, 0, -1):
                client.zincrby(prefix + name, seconds, member)
        for key in client.scan_iter(f"{prefix}lease:*", 1000):
            _shift_fields(client, key, ("since", "until"), seconds)
        for key in client.scan_iter(f"{prefix}job:*", 1000):
            _shift_fields(client, key, ("watching_since", "watching_until"), seconds)
        for name, packed in client.hgetall(f"{prefix}consumers").items():
            consumer = msgpack.unpackb(packed, raw=True)
            moved = {field: consumer[field] + seconds for field in (b"since", b"over")}
            client.hset(f"{prefix}consumers", name, msgpack.packb(consumer | moved, use_bin_type=False))


def _shift_fields(client: redis.Redis, key: bytes, names: Sequence[str], seconds: float) -> None:
    for name in names:
        if client.hexists(key, name):
            client.hincrbyfloat(key, name, seconds)


class RedisFixtures(StoreFixtures):
    @pytest.fixture
    def prefix(self, redis_url: str) -> Iterator[str]:
        prefix = f"test-{secrets.token_hex(4)}:"
        yield prefix
        remove_keys(redis_url, prefix)

    @pytest.fixture
    def lapse(self, redis_url: str, prefix: str) -> Callable[[float], None]:
        return lambda seconds: shift_terms(redis_url, prefix, -seconds)

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


class TestMessagesOfTasks(RedisFixtures, MessagesContract):
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
