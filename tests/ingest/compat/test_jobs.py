"""Jobs and named values under automated-ingest's names: values are handlers' own, accounting can only be read."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from structlog.testing import capture_logs

from ingest.compat import redis_key, runtime
from ingest.compat.irods_utils import irods_session
from ingest.compat.redis import Redis
from ingest.compat.redis_utils import get_redis
from ingest.compat.sync_job import get_stopped_jobs_list, sync_job
from ingest.compat.sync_logging import get_sync_logger
from ingest.job import Counts
from ingest.store import Store
from ingest.store.embedded import EmbeddedStore
from tests.ingest.store.support import create, running, step

META: dict[str, Any] = {"job_name": "job", "config": {"log": {"level": None}, "redis": {}}}


@pytest.fixture
def store(tmp_path: Path) -> Iterator[Store]:
    store = EmbeddedStore(tmp_path / "state.db")
    runtime.configure(store, lambda identity: f"session of {identity}")
    yield store
    store.close()


@pytest.fixture
def r(store: Store) -> Redis:
    return get_redis(META["config"])


def test_a_named_value_is_under_category_and_identifier(r: Redis) -> None:
    handle = redis_key.redis_key_handle(r, "category", "name")
    assert (handle.get_key(), handle.get_value()) == ("category:/name", None)
    handle.set_value("value")
    assert (handle.get_value(), r.get("category:/name")) == (b"value", b"value")
    handle.reset()
    assert handle.get_value() is None
    assert redis_key.redis_key_handle(r, "c", "n", "::").get_key() == "c::n"
    assert handle.retry(lambda one, two: one + two, 1, two=2) == 3


def test_a_number_is_counted_up_and_down(r: Redis) -> None:
    handle = redis_key.incremental_redis_key_handle(r, "n", "x")
    assert handle.get_value() is None
    assert [handle.incr(), handle.incrby(5), handle.decr(), handle.decrby(2)] == [1, 6, 5, 3]
    assert handle.get_value() == 3


def test_a_list_grows(r: Redis) -> None:
    handle = redis_key.list_redis_key_handle(r, "l", "x")
    handle.rpush("a")
    handle.rpush("b", "c")
    assert (handle.llen(), handle.lrange(1, 1), handle.get_value()) == (3, [b"b"], [b"a", b"b", b"c"])


def test_json_and_times_come_back_as_they_were(r: Redis) -> None:
    json, at = redis_key.json_redis_key_handle(r, "j", "x"), redis_key.sync_time_key_handle(r, "/data/f")
    assert (json.get_value(), at.get_value(), at.get_key()) == (None, None, "sync_time://data/f")
    json.set_value({"a": [1, None]})
    at.set_value(1.25)
    assert (json.get_value(), at.get_value()) == ({"a": [1, None]}, 1.25)


def test_a_job_in_work_tells_its_counts(store: Store, r: Redis) -> None:
    running(store, "one", "two", interval=60)
    store.tasks.settle(step("one", counts=Counts(tasks_failed=1, retries=2)))
    job = sync_job.from_meta(META)
    told = job.asdict()
    # The task that opened the pass, and two.
    assert (told["job_name"], told["total_tasks"], told["remaining_tasks"]) == ("job", 3, 1)
    assert (told["failed_tasks"], told["retried_tasks"]) == (1, 2)
    assert {"elapsed_time", "start_time"} <= told.keys()
    assert (job.done(), job.periodic(), job.name()) == (False, True, "job")
    assert (job.tasks_handle().get_value(), job.count_handle().llen(), job.dequeue_handle().llen()) == (1, 3, 2)
    assert (job.failures_handle().get_value(), job.retries_handle().get_value()) == (1, 2)
    assert (job.cleanup_handle().get_value(), job.stop_handle().get_value()) == (b"[]", None)
    store.tasks.settle(step("two"))
    store.tasks.settle(step("close"))
    assert job.done()


def test_no_failures_and_no_retries_are_none(store: Store, r: Redis) -> None:
    running(store, "one")
    job = sync_job("job", r)
    assert (job.failures_handle().get_value(), job.retries_handle().get_value(), job.periodic()) == (None, None, False)


def test_a_stopped_job_is_listed_as_such(store: Store, r: Redis) -> None:
    create(store, "going on")
    create(store, "job")
    assert get_stopped_jobs_list(r) == []
    store.jobs.stop("job")
    assert [each["job_name"] for each in get_stopped_jobs_list(r)] == ["job"]
    job = sync_job("job", r)
    assert (job.stop_handle().get_value(), job.cleanup_handle().get_value()) == (b"", None)


def test_a_job_that_is_not_there_is_done_and_has_nothing_to_tell(store: Store, r: Redis) -> None:
    job = sync_job("nothing", r)
    assert (job.done(), job.periodic(), job.tasks_handle().get_value(), job.count_handle().llen()) == (
        True, False, None, 0,
    )  # fmt: skip
    with pytest.raises(LookupError, match="no job nothing"):
        job.asdict()


def test_accounting_cannot_be_changed(store: Store, r: Redis) -> None:
    running(store, "one")
    tasks = redis_key.tasks_key_handle(r, "job")
    for change in (tasks.reset, lambda: tasks.set_value(0)):
        with pytest.raises(NotImplementedError, match="tasks:/job is the landing zone's own accounting"):
            change()
    assert tasks.get_value() == 1


def test_a_logger_is_had_whatever_meta_says() -> None:
    with capture_logs() as lines:
        get_sync_logger(META["config"]["log"]).info("written", key="value")
        get_sync_logger().warning("written")
    assert lines == [
        {"event": "written", "log_level": "info", "key": "value"},
        {"event": "written", "log_level": "warning"},
    ]


class _AsUser:
    @staticmethod
    def as_user(meta: dict[str, Any], **options: Any) -> tuple[str, str]:
        return "tempZone", str(meta["owner"])


class _Module:
    event_handler = _AsUser


def test_a_session_is_that_of_the_user_whom_the_handler_names(store: Store) -> None:
    meta = {"owner": "alice"}
    assert irods_session(_Module, meta, None) == "session of ('tempZone', 'alice')"
    assert irods_session(handler_module=_AsUser, meta=meta, logger=None) == "session of ('tempZone', 'alice')"
    assert irods_session(hdlr_mod=_AsUser, meta=meta, logger=None) == "session of ('tempZone', 'alice')"
    assert irods_session(hdlr_mod=object, meta=meta, logger=None) == "session of None"
