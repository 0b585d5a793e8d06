"""Failures in the log: what counts as one kind, and when their number is said."""

from __future__ import annotations

import secrets
from collections.abc import Iterator
from pathlib import Path

import pytest
from structlog.testing import CapturingLogger

from consumer.dispatch.accounting import RunningTask
from consumer.dispatch.records import SHOWN_OF_A_KIND, Records, kind_of
from ingest import tasks
from ingest.broker import Record
from ingest.job import Job, Problem, Topics
from ingest.messages import Change, SyncFiles
from ingest.store import Step, Store
from ingest.store.embedded import EmbeddedStore
from ingest.store.redis import RedisStore
from tests.ingest.store.test_redis import remove_keys

JOB = Job(name="job", source=b"/s", target="/z/t", topics=Topics(partitions={"restart": 1, "path": 1, "file": 1}))


def problem(name: str, reason: str, error: str | None = None) -> Problem:
    return Problem(path=name.encode(), target=f"/z/t/{name}", skipped=False, reason=reason, error=error)


def test_failures_of_one_error_or_with_one_reason_apart_from_names_and_numbers_are_of_one_kind() -> None:
    assert kind_of(problem("a", "one", "NO_SPACE")) == kind_of(problem("b", "two", "NO_SPACE"))
    assert kind_of(problem("d/a", "cannot read d/a")) == kind_of(problem("d/b", "cannot read d/b"))
    assert kind_of(problem("a", "/z/t/a has 5 bytes")) == kind_of(problem("b", "/z/t/b has 66 bytes"))
    assert kind_of(problem("a", "cannot read a")) != kind_of(problem("a", "cannot write a"))


@pytest.fixture(params=["embedded", "redis"])
def store(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[Store]:
    if request.param == "embedded":
        embedded = EmbeddedStore(tmp_path / "state.db")
        yield embedded
        embedded.close()
        return
    url, prefix = request.getfixturevalue("redis_url"), f"test-{secrets.token_hex(4)}:"
    redis = RedisStore(url, prefix)
    yield redis
    redis.close()
    remove_keys(url, prefix)


def failed(records: Records, number: int) -> None:
    """Tell the records of a batch in which this number of paths has failed."""
    names = [f"f{each}" for each in range(number)]
    task = SyncFiles(job="job", pass_id="pass", task="task", round=0, changes=[Change(name) for name in names])
    problems = [problem(name, f"cannot read {name}") for name in names]
    running = RunningTask(task, Record("file", 0, 0, b""), JOB)
    records.settled(Step(job="job", pass_id="pass", task="task", round=0, problems=problems), running)


def said(log: CapturingLogger) -> list[tuple[str, str]]:
    return [(call.method_name, call.args[0]) for call in log.calls]


@pytest.mark.parametrize("ends", ["the pass ends elsewhere", "the consumer ends"])
def test_the_number_of_grouped_failures_is_said_when_the_pass_or_the_consumer_ends(store: Store, ends: str) -> None:
    log = CapturingLogger()
    store.jobs.create(JOB, tasks.restart(JOB, "start"))
    records = Records(store, log)
    failed(records, SHOWN_OF_A_KIND + 5)
    assert said(log) == [("error", "failed")] * SHOWN_OF_A_KIND + [("info", "failed")] * 5
    if ends == "the consumer ends":
        records.close()
    else:
        store.jobs.stop("job")
        records.look()
    assert said(log)[SHOWN_OF_A_KIND + 5 :] == [("error", "… and 5 more of this kind")]
    records.close()
    assert len(log.calls) == SHOWN_OF_A_KIND + 6
