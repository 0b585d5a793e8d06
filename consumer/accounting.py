"""From what a worker reported to the one step that the store takes: pure functions."""

from __future__ import annotations

import secrets
from collections.abc import Sequence
from typing import NamedTuple

import msgspec

from consumer.protocol import Away, Began, Finished, Outcome, Page, Part, PathDone, Result
from ingest.broker import Outgoing, Record
from ingest.handler_file import DEFAULT_TIMEOUT
from ingest.job import Counts, Job, Problem
from ingest.messages import (
    UNKNOWN,
    Change,
    ClosePass,
    ListPath,
    OpenPass,
    SyncFiles,
    Task,
    again,
    encode,
    path_from_wire,
)
from ingest.store import Again, Child, Step

BEFORE_BEGAN = Began(timeout=DEFAULT_TIMEOUT, max_retries=0, delay=0.0)
"""What holds until the worker has said something: the handler itself may hang while it is asked."""


class Given(NamedTuple):
    """A task that was handed to a worker, where it came from, and what has been reported of it."""

    task: Task
    record: Record
    job: Job
    began: Began
    done: Sequence[PathDone]


class Broken(NamedTuple):
    """The worker did not come to an end: why. `retry`: paths that had not been begun are to be handed out again."""

    reason: str
    retry: bool = True


def page_step(given: Given, page: Page, now: float) -> Step:
    """A listing has got as far as `marker`, and the task goes on."""
    return _step(given, now, page.part, marker=page.marker)


def finished_step(given: Given, finished: Finished, now: float) -> Step:
    """The task came to its end, for better or worse."""
    if isinstance(given.task, SyncFiles):
        if finished.failure is None:
            return _files_step(given, now, [])
        outcome = finished.failure
        rest = given.task.changes[len(given.done) :]
        return _files_step(given, now, [(change, outcome) for change in rest])
    if finished.failure is None:
        return _step(given, now, finished.part)
    return _task_failed(given, finished.failure, finished, now)


def broken_step(given: Given, broken: Broken, now: float) -> Step:
    """The worker was killed, or died: the path in progress has failed, those after it have not been begun."""
    outcome = Outcome(Result.FAILED, reason=broken.reason)
    if not isinstance(given.task, SyncFiles):
        return _task_failed(given, outcome, Finished(), now)
    rest = given.task.changes[len(given.done) :]
    untouched = rest[1:] if broken.retry else []
    return _files_step(given, now, [(change, outcome) for change in rest[:1]], untouched)


def away_step(given: Given, _away: Away, now: float, back_off: float) -> Step:
    """Zone or source are out of reach: what was not done is handed out again later, and nothing counts as failed."""
    task = given.task
    if isinstance(task, SyncFiles):
        return _files_step(given, now, [], task.changes[len(given.done) :], back_off)
    return _step(given, now, Part(), again_with=again(task), due=now + back_off)


def _task_failed(given: Given, outcome: Outcome, finished: Finished, now: float) -> Step:
    task = given.task
    if isinstance(task, OpenPass):
        return _step(given, now, Part(counts=Counts(tasks_failed=1)), error=outcome.reason)
    attempt, path = (task.attempt, path_from_wire(task.path)) if isinstance(task, ListPath) else (0, b"")
    if isinstance(task, ListPath) and attempt < given.began.max_retries:
        once_more = msgspec.structs.replace(again(task), attempt=attempt + 1)
        part = Part(counts=Counts(retries=1))
        return _step(given, now, part, again_with=once_more, due=now + given.began.delay)
    problem = _problem(path, finished.target, outcome, attempt, now)
    part = finished.part
    part = msgspec.structs.replace(
        part, counts=part.counts + Counts(tasks_failed=1), problems=[*part.problems, problem]
    )
    return _step(given, now, part)


def _files_step(
    given: Given,
    now: float,
    broken: list[tuple[Change, Outcome]],
    untouched: Sequence[Change] = (),
    wait: float = 0.0,
) -> Step:
    """The step for a batch: what was done is done, what failed is retried or recorded, the rest is handed out again."""
    task = given.task
    assert isinstance(task, SyncFiles)  # noqa: S101 - the callers have looked
    ended = [*zip(task.changes, given.done, strict=False)]
    results = [(change, done.target, done.outcome) for change, done in ended]
    results += [(change, "", outcome) for change, outcome in broken]
    counts, cached, problems, retried = Counts(), [], [], []
    for change, target, outcome in results:
        if outcome.result is Result.FAILED and change.attempt < given.began.max_retries:
            retried.append(msgspec.structs.replace(change, attempt=change.attempt + 1, catalog=UNKNOWN))
            continue
        counts += _count(outcome)
        if outcome.cached is not None:
            cached.append(outcome.cached)
        if outcome.reason:
            problems.append(_problem(path_from_wire(change.path), target, outcome, change.attempt, now))
    counts += Counts(retries=1 if retried else 0)
    failed = task.failed or counts.failed > 0
    left = [*retried, *untouched]
    if left:
        once_more = msgspec.structs.replace(again(task), changes=left, failed=failed)
        due = now + max(wait, given.began.delay if retried else 0.0)
        return _step(given, now, Part((), counts, problems, cached), again_with=once_more, due=due)
    counts += Counts(tasks_failed=int(failed))
    return _step(given, now, Part((), counts, problems, cached))


def _count(outcome: Outcome) -> Counts:
    return Counts(
        done=int(outcome.result is Result.DONE),
        unchanged=int(outcome.result is Result.UNCHANGED),
        skipped=int(outcome.result is Result.SKIPPED),
        failed=int(outcome.result is Result.FAILED),
        bytes=outcome.bytes,
    )


def _problem(path: bytes, target: str, outcome: Outcome, attempt: int, now: float) -> Problem:
    return Problem(
        path=path,
        target=target,
        skipped=outcome.result is Result.SKIPPED,
        reason=outcome.reason,
        error=outcome.error,
        code=outcome.code,
        attempts=attempt + 1,
        at=now,
    )


def _step(
    given: Given,
    now: float,
    part: Part,
    *,
    marker: bytes | None = None,
    again_with: Task | None = None,
    due: float = 0.0,
    error: str | None = None,
) -> Step:
    task, record, topics = given.task, given.record, given.job.topics
    once_more = None
    if again_with is not None:
        message = Outgoing(record.topic, record.partition, encode(again_with))
        once_more = Again(due, again_with.round, message)
    closing = secrets.token_hex(8)
    last = ClosePass(job=task.job, pass_id=task.pass_id, task=closing)
    partition = topics.partition(topics.restart, given.job.key(b""))
    return Step(
        job=task.job,
        pass_id=task.pass_id,
        task=task.task,
        round=task.round,
        at=now,
        counts=part.counts,
        children=part.children,
        again=once_more,
        marker=marker,
        problems=part.problems,
        cached=part.cached,
        closing=Child(closing, Outgoing(topics.restart, partition, encode(last))),
        error=error,
    )
