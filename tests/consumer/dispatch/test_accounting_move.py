"""A move that is broken off goes on as long as it gets on."""

from __future__ import annotations

import pytest

from consumer.dispatch.accounting import Broken, Given, broken_step
from consumer.protocol import Began
from ingest.broker import Record
from ingest.job import Counts, Job, Topics
from ingest.messages import MovePath, decode

MOVE = MovePath(job="j", pass_id="p", task="t", old="a", new="b", directory=True)
JOB = Job(name="j", source=b"/s", target="/z/t", topics=Topics(partitions={"restart": 1, "path": 1}))
DEAD = Broken("it died")


def given(before: bytes | None, now: bytes | None, *, retries: int = 0) -> Given:
    """A move whose worker found one marker and has come as far as another."""
    began = Began(60.0, retries, 7.0, before)
    return Given(MOVE, Record("path", 0, 0, b""), JOB, began, [], now)


@pytest.mark.parametrize("before", [None, b"0"])
def test_a_move_that_has_got_on_goes_on_at_once_whatever_the_retries(before: bytes | None) -> None:
    step = broken_step(given(before, b"1000"), DEAD, 9.0)
    assert step.again is not None
    assert (step.counts, step.again.due, list(step.problems)) == (Counts(), 9.0, [])
    task = decode(step.again.message.value)
    assert isinstance(task, MovePath)
    assert (task.round, task.attempt) == (1, 0)


@pytest.mark.parametrize("marker", [None, b"1000"])
def test_a_move_that_has_not_got_on_fails(marker: bytes | None) -> None:
    step = broken_step(given(marker, marker), DEAD, 9.0)
    assert (step.again, step.counts) == (None, Counts(tasks_failed=1))
    retried = broken_step(given(marker, marker, retries=1), DEAD, 9.0)
    assert retried.again is not None
    assert (retried.counts, retried.again.due) == (Counts(retries=1), 16.0)


def test_a_move_of_a_stopped_job_does_not_go_on() -> None:
    assert broken_step(given(None, b"1000"), Broken("stopped", retry=False), 9.0).again is None
