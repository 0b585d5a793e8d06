"""The Redis store on a real server: memory, loss, restarts, and errors in one sentence."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
import redis

from ingest.errors import Refused, Unreachable
from ingest.fingerprint import cache_space, fingerprint
from ingest.handlers.core import Operation
from ingest.job import Counts
from ingest.messages import Stat
from ingest.store import Cached, Store
from ingest.store.redis import RedisStore
from ingest.store.redis.server import place
from tests.ingest.store.support import again, child, counts_of, make_job, running, seen, step
from tests.ingest.store.test_redis import RedisFixtures
from tests.support.services import Redis
from tests.support.services import running as running_server

PATHS, IN_A_DIRECTORY, IN_A_STEP = 200_000, 40, 500
BYTES_PER_PATH = 60


@pytest.fixture
def own_server(tmp_path: Path) -> Iterator[Redis]:
    """A server for this test only."""
    server = Redis(tmp_path)
    with running_server(server):
        yield server


def paths(count: int) -> Iterator[Cached]:
    for number in range(count):
        stat = Stat(0o100644, number, number * 1_000_000_007, number * 1_000_003_000)
        directory, name = b"run/%d" % (number // IN_A_DIRECTORY), b"image_%07d.tif" % number
        yield Cached(directory, name, fingerprint(stat, Operation.REGISTER_SYNC))


def fill(store: Store, count: int) -> None:
    entries = list(paths(count))
    for start in range(0, count, IN_A_STEP):
        assert store.tasks.settle(step("open", cursor=b"m", cached=entries[start : start + IN_A_STEP]))


class TestCache:
    def test_a_cached_path_takes_at_most_60_bytes(self, own_server: Redis) -> None:
        store, client = RedisStore(own_server.url), redis.Redis.from_url(own_server.url)
        running(store)
        before = client.info("memory")["used_memory"]
        fill(store, PATHS)
        per_path = (client.info("memory")["used_memory"] - before) / PATHS
        print(f"{per_path:.1f} bytes per path")
        assert per_path <= BYTES_PER_PATH
        encodings = {client.object("encoding", key) for key in client.scan_iter("ingest:cache:*:*", 10_000)}
        assert encodings == {b"listpack"}
        store.close()
        client.close()

    @pytest.mark.parametrize("lost", ["table", "buckets", "both"])
    def test_what_is_left_of_a_lost_cache_gives_nothing_wrong(self, own_server: Redis, lost: str) -> None:
        store, client = RedisStore(own_server.url), redis.Redis.from_url(own_server.url)
        job = running(store)
        fill(store, 3000)
        space = cache_space(job)
        keys = list(client.scan_iter("ingest:cache:*"))
        buckets = sorted(key for key in keys if key.count(b":") == 3)
        chosen = {"table": set(keys) - set(buckets), "buckets": set(buckets[::2]), "both": set(keys)}[lost]
        client.delete(*chosen)
        known = {(each.directory, each.name): each.fingerprint for each in paths(3000)}
        assert {store.cache.get(space, directory, [name])[0] for directory, name in [*known][:500]} <= {
            None,
            *known.values(),
        }
        new = [Cached(each.directory, each.name, seen(each.fingerprint.state + 1)) for each in paths(3000)]
        for start in range(0, len(new), IN_A_STEP):
            assert store.tasks.settle(step("open", cursor=b"m", cached=new[start : start + IN_A_STEP]))
        found = [store.cache.get(space, each.directory, [each.name])[0] for each in new]
        assert found == [each.fingerprint for each in new]
        store.close()
        client.close()


class TestServer(RedisFixtures):
    def test_a_store_that_was_emptied_is_noticed_and_not_taken_for_a_new_one(
        self, open_store: Callable[[], RedisStore], redis_url: str, prefix: str
    ) -> None:
        store = open_store()
        running(store, "task")
        with redis.Redis.from_url(redis_url) as client:
            client.delete(*client.scan_iter(f"{prefix}*"))
        for use in (lambda: store.tasks.settle(step("task")), store.outbox.fire_due):
            with pytest.raises(Refused, match="has lost its data: start its jobs again"):
                use()
        other = open_store()
        assert other.store_id != store.store_id
        with pytest.raises(Refused, match="lost"):
            store.jobs.create(make_job(), child("x").message)

    def test_a_store_of_another_version_is_refused(
        self, open_store: Callable[[], RedisStore], redis_url: str, prefix: str
    ) -> None:
        open_store()
        open_store()  # of the same version
        with redis.Redis.from_url(redis_url) as client:
            client.delete(f"{prefix}format")  # as before there was one
        with pytest.raises(Refused, match="is of another version of this program"):
            open_store()

    def test_a_restart_loses_nothing_and_those_that_wait_go_on(self, own_server: Redis) -> None:
        store = RedisStore(own_server.url)
        running(store, "one", "two")
        assert store.tasks.settle(step("one", again=again("one", 1, 900.0), counts=Counts(done=2)))
        number = store.store_id
        own_server.stop()
        with pytest.raises(Unreachable, match=r"^Redis at redis://127.0.0.1:\d+/0 does not answer: "):
            store.tasks.settle(step("two"))
        own_server.start()
        assert store.tasks.settle(step("two", counts=Counts(done=1)))
        assert counts_of(store).done == 3
        assert (store.outbox.fire_due() is None, store.store_id) == (False, number)
        store.close()

    def test_a_wrong_password_is_refused_without_being_told(self, own_server: Redis) -> None:
        wrong = own_server.url.replace(own_server.password, "wrong-secret")
        with pytest.raises(Refused, match=r"^Redis at redis://127\.0\.0\.1:") as refusal:
            RedisStore(wrong)
        assert "secret" not in str(refusal.value)

    def test_the_password_may_come_from_the_environment_or_a_file(
        self, own_server: Redis, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        bare = re.sub("://.*@", "://", own_server.url)
        (tmp_path / "secret").write_text(own_server.password + "\n")
        monkeypatch.setenv("INGEST_REDIS_PASSWORD_FILE", str(tmp_path / "secret"))
        RedisStore(bare).close()
        monkeypatch.delenv("INGEST_REDIS_PASSWORD_FILE")
        monkeypatch.setenv("INGEST_REDIS_PASSWORD", own_server.password)
        RedisStore(bare).close()

    @pytest.mark.parametrize(
        "url", ["http://localhost", "redis://:half/of-the-secret@localhost", "localhost:6379", "redis://secret:x/0"]
    )
    def test_no_redis_url_is_refused_and_not_repeated(self, url: str) -> None:
        with pytest.raises(Refused, match=r"^--redis wants redis://host:port/number") as refusal:
            RedisStore(url)
        assert "secret" not in str(refusal.value)

    def test_a_ca_file_without_tls_is_refused(self, own_server: Redis, monkeypatch: pytest.MonkeyPatch) -> None:
        monkeypatch.setenv("INGEST_REDIS_CA_FILE", __file__)
        with pytest.raises(Refused, match=r"^INGEST_REDIS_CA_FILE is for TLS, .* does not begin with rediss://"):
            RedisStore(own_server.url)

    @pytest.mark.parametrize(
        ("url", "shown"),
        [
            ("redis://h:1/0", "redis://h:1/0"),
            ("rediss://user:p@ss@h:1/0?password=secret", "rediss://h:1/0"),
            ("redis://[::1]:6379", "redis://[::1]:6379"),
            ("unix://:secret@/run/redis.sock?db=1", "unix:///run/redis.sock"),
        ],
    )
    def test_a_place_is_a_url_without_its_secrets(self, url: str, shown: str) -> None:
        assert place(url) == shown
