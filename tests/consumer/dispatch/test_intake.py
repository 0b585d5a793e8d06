"""A message does something only for the job that it was made for."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import msgspec
import pytest

from consumer.dispatch.intake import Intake
from ingest import tasks
from ingest.broker import Record
from ingest.broker.embedded.broker import EmbeddedBroker
from ingest.job import Job, JobState, Topics
from ingest.service import logs
from ingest.store import Child, Step
from ingest.store.embedded import EmbeddedStore

TOPICS = Topics(partitions={"restart": 1, "path": 1, "file": 1})
FIRST = Job(name="nightly", incarnation="1", source=b"/data", target="/zone/data", topics=TOPICS)
SECOND = msgspec.structs.replace(FIRST, incarnation="2")


@pytest.fixture
def store(tmp_path: Path) -> Iterator[EmbeddedStore]:
    store = EmbeddedStore(tmp_path / "state.db")
    yield store
    store.close()


@pytest.fixture
def intake(store: EmbeddedStore, tmp_path: Path) -> Intake:
    return Intake(EmbeddedBroker(tmp_path / "broker.db"), store, logs.get("consumer"))


def record(value: bytes, topic: str = "restart") -> Record:
    return Record(topic, 0, 0, value)


def started(store: EmbeddedStore, job: Job) -> Record:
    """The message that starts a pass of this job, which has just been created."""
    message = tasks.restart(job, "start")
    store.jobs.create(job, message)
    return record(message.value)


@pytest.mark.parametrize("again", ["started again", "retried"])
def test_what_is_queued_for_an_earlier_job_of_the_name_is_no_pass_of_the_new_one(
    store: EmbeddedStore, intake: Intake, again: str
) -> None:
    late = started(store, FIRST)
    store.jobs.stop("nightly")
    if again == "retried":
        message = tasks.restart(SECOND, "retry", retry=True)
        assert store.jobs.reopen(SECOND, message)
        first = record(message.value)
    else:
        first = started(store, SECOND)
    assert intake.task(late) is None
    assert passes(store) == (JobState.QUEUED, 0)
    assert intake.task(first) is None
    assert passes(store) == (JobState.RUNNING, 1)


def passes(store: EmbeddedStore) -> tuple[JobState, int]:
    status = store.jobs.get("nightly")
    assert status is not None
    return status.state, status.passes


def test_a_task_of_an_earlier_job_of_the_name_is_dropped(store: EmbeddedStore, intake: Intake) -> None:
    intake.task(started(store, SECOND))
    status = store.jobs.get("nightly")
    assert status is not None
    pass_id = status.pass_id or ""
    found = [tasks.listing(job, pass_id, b"") for job in (FIRST, SECOND)]
    settle(store, pass_id, found)
    old, new = (intake.task(record(each.message.value, "path")) for each in found)
    assert old is None
    assert new is not None
    assert new[1] == SECOND


def settle(store: EmbeddedStore, pass_id: str, children: list[Child]) -> None:
    opening = next(task for task in unsettled(store, pass_id))
    assert store.tasks.settle(Step(job="nightly", pass_id=pass_id, task=opening, round=0, children=children))


def unsettled(store: EmbeddedStore, pass_id: str) -> list[str]:
    """The opening task of the pass: its message is the only one in the outbox."""
    names = [msgspec.json.decode(message.value).get("task", "") for _, message in store.outbox.oldest(10)]
    return sorted(store.tasks.unsettled(pass_id, names))
