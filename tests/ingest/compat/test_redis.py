"""The stand-in for Redis answers as redis-py does, is shared by all processes, and holds no lock for ever."""

from __future__ import annotations

import signal
import subprocess
import sys
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from datetime import timedelta
from pathlib import Path

import pytest

from ingest.compat import runtime
from ingest.compat.redis import LockNotTaken, Redis
from ingest.compat.redis_utils import get_redis
from ingest.store.embedded import EmbeddedStore

ROOT = Path(__file__).parents[3]


@pytest.fixture
def state(tmp_path: Path) -> Path:
    return tmp_path / "state.db"


@pytest.fixture
def r(state: Path) -> Iterator[Redis]:
    store = EmbeddedStore(state)
    runtime.configure(store, lambda _: None)
    yield get_redis({"redis": {"host": "localhost", "port": 6379, "db": 0}})
    store.close()


def child(state: Path, program: str) -> subprocess.Popen[str]:
    """Another process with a stand-in `r` on the same store."""
    head = (
        "import sys, pathlib; from ingest.compat.redis import Redis; from ingest.store.embedded import EmbeddedStore\n"
        "r = Redis(EmbeddedStore(pathlib.Path(sys.argv[1])))\n"
    )
    return subprocess.Popen(
        [sys.executable, "-c", head + program, str(state)], cwd=ROOT, stdout=subprocess.PIPE, text=True
    )


def test_strings_and_numbers_come_back_as_bytes(r: Redis) -> None:
    assert r.get("k") is None
    for value, stored in (("é", "é".encode()), (b"\xff", b"\xff"), (7, b"7"), (1.5, b"1.5"), ("\udcff", b"\xff")):
        assert r.set("k", value) is True
        assert r.get("k") == r.get(b"k") == stored


def test_a_value_that_redis_would_not_take_is_not_taken(r: Redis) -> None:
    for value in (None, True, ["list"]):
        with pytest.raises(TypeError, match="bytes, text or a number"):
            r.set("k", value)  # type: ignore[arg-type]
    assert r.exists("k") == 0


def test_set_nx_sets_once(r: Redis) -> None:
    assert (r.set("k", 1, nx=True), r.set("k", 2, nx=True), r.setnx("k", 3), r.get("k")) == (True, None, False, b"1")
    assert r.setnx("other", 1)


def test_counting_starts_at_nothing(r: Redis) -> None:
    assert [r.incr("n"), r.incr("n", 4), r.incrby("n", 2), r.decr("n"), r.decrby("n", 10)] == [1, 5, 7, 6, -4]
    r.set("text", "abc")
    with pytest.raises(TypeError):
        r.incr("text")


def test_keys_are_deleted_counted_and_found_by_pattern(r: Redis) -> None:
    for name in ("failures:/a", "failures:/b", "other"):
        r.set(name, 1)
    r.rpush("failures:/list", 1)
    assert r.keys("failures:*") == [b"failures:/a", b"failures:/b", b"failures:/list"]
    assert r.keys(b"failures:/?") == [b"failures:/a", b"failures:/b"]
    assert r.exists("other", "failures:/list", "nothing") == 2
    assert r.delete("other", "failures:/list", "nothing") == 2
    assert r.keys() == [b"failures:/a", b"failures:/b"]


def test_lists_have_two_ends(r: Redis) -> None:
    assert (r.rpush("l", "b", 3), r.lpush("l", "a", b"0")) == (2, 4)
    assert r.lrange("l", 0, -1) == [b"0", b"a", b"b", b"3"]
    assert (r.lrange("l", 1, 2), r.llen("l")) == ([b"a", b"b"], 4)
    assert (r.lindex("l", 0), r.lindex("l", -1), r.lindex("l", 9)) == (b"0", b"3", None)


def test_expiry_is_given_in_seconds_milliseconds_or_a_timedelta(r: Redis) -> None:
    assert r.ttl("nothing") == -2
    r.set("k", 1)
    assert r.ttl("k") == -1
    for options in ({"ex": 100}, {"px": 100_000}, {"ex": timedelta(seconds=100)}, {"px": timedelta(seconds=100)}):
        r.set("k", 1, **options)
        assert 0 < r.ttl("k") <= 100
    assert r.expire("k", 500)
    assert 100 < r.ttl("k") <= 500
    assert not r.expire("nothing", 5)
    r.set("k", 2)
    assert r.ttl("k") == -1
    assert r.expire("k", timedelta(seconds=-1))
    assert (r.get("k"), r.exists("k"), r.keys()) == (None, 0, [])


def test_a_command_that_is_not_there_says_which_are(r: Redis) -> None:
    with pytest.raises(AttributeError, match=r"no 'hset'; it has .*incrby.*lrange"):
        r.hset("k", "field", 1)


def test_counts_of_several_processes_add_up(state: Path, r: Redis) -> None:
    program = "for _ in range(200):\n    r.incr('n')\n    r.rpush('l', 1)\n    r.incr('n', -1 if _ % 2 else 0)"
    processes = [child(state, program) for _ in range(3)]
    assert [each.wait() for each in processes] == [0, 0, 0]
    assert (r.get("n"), r.llen("l")) == (b"300", 600)


def test_a_lock_has_one_holder_at_a_time(state: Path, r: Redis) -> None:
    program = (
        "for _ in range(20):\n"
        "    with r.lock('mutex', sleep=0.001):\n"
        "        n = int(r.get('n') or 0)\n"
        "        r.set('n', n + 1)\n"
    )
    processes = [child(state, program) for _ in range(3)]
    assert [each.wait() for each in processes] == [0, 0, 0]
    assert r.get("n") == b"60"


def test_a_lock_that_is_taken_is_not_had_in_time_and_is_free_when_given_back(r: Redis) -> None:
    lock, other = r.lock("mutex"), r.lock("mutex", blocking_timeout=0)
    assert lock.acquire()
    assert not other.acquire()
    assert not r.lock("mutex").acquire(blocking=False)
    with pytest.raises(LockNotTaken, match="mutex"), r.lock("mutex", blocking=False):
        pytest.fail("taken twice")
    with r.lock("another"):
        other.release()
        assert not other.acquire()
    lock.release()
    with other:
        assert not lock.acquire(blocking_timeout=0)
    assert lock.acquire()


def test_who_waits_gets_the_lock_when_it_is_given_back(r: Redis, state: Path) -> None:
    def wait() -> bool:
        store = EmbeddedStore(state)
        try:
            return Redis(store).lock("mutex", sleep=0.001, blocking_timeout=60).acquire()
        finally:
            store.close()

    lock = r.lock("mutex")
    assert lock.acquire()
    with ThreadPoolExecutor(1) as pool:
        waiting = pool.submit(wait)
        lock.release()
        assert waiting.result()


def test_the_lock_of_a_killed_process_ends_by_itself(state: Path, r: Redis) -> None:
    holder = child(
        state, "import time; r.lock('mutex', timeout=1).acquire(); print('held', flush=True); time.sleep(99)"
    )
    assert holder.stdout
    assert holder.stdout.readline() == "held\n"
    holder.send_signal(signal.SIGKILL)
    holder.wait()
    holder.stdout.close()
    assert r.lock("mutex", blocking_timeout=60).acquire()
