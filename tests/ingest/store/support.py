"""Jobs, tasks and steps for the tests of the store."""

from __future__ import annotations

import time
from typing import Any

from ingest.broker import Outgoing
from ingest.job import Counts, Job, JobStatus, Problem
from ingest.messages import Fingerprint
from ingest.store import Child, Redelivery, Step, Store

T0 = 1_700_000_000.0


def make_job(name: str = "job", target: str = "", **options: Any) -> Job:
    return Job(name=name, source=b"/data/\xff", target=target or f"/zone/{name}", **options)


def message(text: str, topic: str = "path", partition: int = 0) -> Outgoing:
    return Outgoing(topic, partition, text.encode())


def child(task: str) -> Child:
    """A task whose message is its name."""
    return Child(task, message(task))


def create(store: Store, name: str = "job", target: str = "", **options: Any) -> Job:
    """A job whose first message is `start NAME`."""
    job = make_job(name, target, **options)
    store.jobs.create(job, message(f"start {name}"))
    return job


def begin(
    store: Store, pass_id: str = "pass", job: str = "job", following: str | None = None, wait: float = 0.0
) -> bool:
    """Begin a pass with the task `open`, perhaps with a message for the one after it."""
    after = None if following is None else message(following)
    return store.tasks.begin_pass(
        job, pass_id, child("open"), next_in=None if following is None else wait, following=after
    )


def seen(state: int) -> Fingerprint:
    """A fingerprint with this state, of some file."""
    return Fingerprint(state, abs(state) % 2**32)


def step(task: str, **changes: Any) -> Step:
    """The end of a task: by default in round 0 of the pass `pass` of the job `job`, and `close` closes the pass."""
    closing = None if task == "close" else child("close")
    values: dict[str, Any] = {"job": "job", "pass_id": "pass", "round": 0, "closing": closing}
    return Step(task=task, **(values | changes))


def again(task: str, round_: int, wait: float = 0.0) -> Redelivery:
    return Redelivery(wait, round_, message(f"{task} round {round_}"))


def problem(path: bytes, *, skipped: bool = False) -> Problem:
    return Problem(path=path, target="/zone/x", skipped=skipped, reason="because", at=T0)


def running(store: Store, *tasks: str, **options: Any) -> Job:
    """Create a job with a running pass that has these outstanding tasks, and empty the outbox."""
    job = create(store, **options)
    assert begin(store)
    if tasks:
        assert store.tasks.settle(step("open", children=[child(task) for task in tasks]))
    take(store)
    return job


def take(store: Store) -> list[str]:
    """Empty the outbox and return its messages."""
    messages = store.outbox.oldest(1_000_000)
    store.outbox.remove([number for number, _ in messages])
    return [each.value.decode() for _, each in messages]


def status_of(store: Store, name: str = "job") -> JobStatus:
    status = store.jobs.get(name)
    assert status is not None
    return status


def counts_of(store: Store, name: str = "job") -> Counts:
    return status_of(store, name).counts


def is_recent(at: float | None) -> bool:
    """Whether a time for people is about now."""
    return at is not None and abs(at - time.time()) < 600
