"""A move that is broken off goes on as long as it gets on."""

from __future__ import annotations

import pytest

from consumer.dispatch.accounting import Aborted, RunningTask, aborted_step
from consumer.protocol import Began
from ingest.broker import Record
from ingest.job import Counts, Job, Topics
from ingest.messages import MovePath, decode

MOVE = MovePath(job="j", pass_id="p", task="t", old="a", new="b", directory=True)
JOB = Job(name="j", source=b"/s", target="/z/t", topics=Topics(partitions={"restart": 1, "path": 1}))
DEAD = Aborted("it died")


def given(before: bytes | None, now: bytes | None, *, retries: int = 0) -> RunningTask:
    """A move whose worker found one cursor and has come as far as another."""
    began = Began(60.0, retries, 7.0, before)
    return RunningTask(MOVE, Record("path", 0, 0, b""), JOB, began, [], now)


@pytest.mark.parametrize("before", [None, b"0"])
def test_a_move_that_has_got_on_goes_on_at_once_whatever_the_retries(before: bytes | None) -> None:
    step = aborted_step(given(before, b"1000"), DEAD, 9.0)
    assert step.again is not None
    assert (step.counts, step.again.wait, list(step.problems)) == (Counts(), 0.0, [])
    task = decode(step.again.message.value)
    assert isinstance(task, MovePath)
    assert (task.round, task.attempt) == (1, 0)


@pytest.mark.parametrize("cursor", [None, b"1000"])
def test_a_move_that_has_not_got_on_fails(cursor: bytes | None) -> None:
    step = aborted_step(given(cursor, cursor), DEAD, 9.0)
    assert (step.again, step.counts) == (None, Counts(tasks_failed=1))
    retried = aborted_step(given(cursor, cursor, retries=1), DEAD, 9.0)
    assert retried.again is not None
    assert (retried.counts, retried.again.wait) == (Counts(retries=1), 7.0)


def test_a_move_of_a_stopped_job_does_not_go_on() -> None:
    assert aborted_step(given(None, b"1000"), Aborted("stopped", retry=False), 9.0).again is None
