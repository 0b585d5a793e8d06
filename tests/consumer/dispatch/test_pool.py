"""What the consumer knows of the task in a worker's hands."""

from __future__ import annotations

import math
from collections.abc import Iterator
from pathlib import Path

import pytest

from consumer.dispatch.pool import Worker
from consumer.protocol import Began, Setup
from ingest.broker import Record
from ingest.deployment import Deployment
from ingest.job import Job, LogSettings
from ingest.messages import MovePath, encode
from tests.support.integration import wait_until

TASK = MovePath(job="j", pass_id="p", task="t", old="a", new="b", directory=True)
LIMIT = 0.5


@pytest.fixture
def worker(tmp_path: Path) -> Iterator[Worker]:
    """A worker that has begun the task, and said that it goes on behind 1."""
    worker = Worker(Setup(Deployment(state=str(tmp_path / "state.db")).text, LogSettings()))
    hand(worker)
    worker.note(Began(LIMIT, 0, 0.0, b"1"))
    yield worker
    worker.end()


def hand(worker: Worker) -> None:
    worker.hand(TASK, Record("path", 0, 0, encode(TASK)), Job(name="j", source=b"/s", target="/z/t"), math.inf)


def test_a_stored_page_gives_the_task_its_time_again(worker: Worker) -> None:
    wait_until(lambda: worker.overdue)
    worker.page_stored(b"2")
    assert not worker.overdue
    assert worker.running.cursor == b"2"


def test_the_marker_of_one_task_is_none_of_the_next(worker: Worker) -> None:
    worker.release()
    hand(worker)
    assert worker.running.cursor is None
