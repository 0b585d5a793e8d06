"""Submit a job to the store: start a new one, continue an interrupted one, or retry the failures of an ended one."""

from __future__ import annotations

import secrets
import sys
import time
from collections.abc import Callable, Iterable, Sequence
from typing import TYPE_CHECKING, NamedTuple

import msgspec

from ingest import tasks
from ingest.broker import Broker
from ingest.errors import Refused
from ingest.job import Job, JobStatus, Topics
from ingest.messages import Scope
from ingest.store import JobExists, Store
from landingzone.hold import Hold

if TYPE_CHECKING:
    from landingzone.job_from_options import Submission

KEEP_FINISHED = 7 * 86_400.0
"""Seconds for which ended jobs stay in the list."""
_ALIVE_WAIT = 8.0
"""Seconds to wait until a killed process no longer counts as alive."""
_LOOK = 0.2


class Entered(NamedTuple):
    """A job that this process has submitted or continues."""

    job: Job
    new: bool
    hold: Hold | None
    """The hold of this process, which runs or watches the job; None: consumers serve the job."""


def is_served(store: Store, topics: Sequence[str]) -> bool:
    """Whether a live consumer works on these topics."""
    return any(set(topics) <= set(each.topics) and not each.refused for each in store.consumers.alive())


def own_topics(names: Sequence[str], job: str) -> list[str]:
    """Topics of a job that runs in this process: no other consumer, perhaps of another account, takes its tasks."""
    return [f"{name}@{job}" for name in names]


def runs_alone(job: Job) -> bool:
    """Whether the topics are the job's own, so that only the process which starts or continues the job works on it."""
    return all(name.endswith(f"@{job.name}") for name in job.topics.names)


def enter(
    store: Store,
    broker: Broker,
    submission: Submission,
    names: Sequence[str],
    reason: str,
    *,
    allow_overlap: bool,
) -> Entered:
    """Create the job with these topics, or find the interrupted job that it continues, which keeps its topics.

    Raises Refused if another active job conflicts with it, or if another process works on it.
    """
    _forget_ended_before(time.time() - KEEP_FINISHED, store, broker)
    if submission.handler is not None and submission.job.handler is not None:
        store.handlers.save(submission.job.handler, submission.handler)
    restart, path, file = names
    topics = Topics(restart, path, file, broker.ensure_topics(names))
    job = msgspec.structs.replace(submission.job, topics=topics, incarnation=_incarnation())
    try:
        store.jobs.create(job, tasks.restart(job, reason), allow_overlap=allow_overlap)
    except JobExists as exists:
        if runs_alone(job) and job.name != exists.status.job.name:
            broker.delete_topics(names)
        old = _same(exists.status, job, named=submission.named)
        print(f"Job {old.name} was started before; checking that no process works on it …", file=sys.stderr)
        hold = take_hold(store, old)
        _check_active(store, old, hold)
        return Entered(old, False, hold)
    return Entered(job, True, take_hold(store, job) if job.watch or runs_alone(job) else None)


def submit_again(store: Store, submitted: Job, handler: bytes | None, *, allow_overlap: bool) -> None:
    """Submit a job of this process once more if the store does not know it, because it has lost its last writes.

    Raises Refused if another active job conflicts with it now.
    """
    if store.jobs.get(submitted.name) is not None:
        return
    if handler is not None and submitted.handler is not None:
        store.handlers.save(submitted.handler, handler)
    first = tasks.restart(submitted, "watch")
    try:
        store.jobs.create(submitted, first, allow_overlap=allow_overlap)
    except JobExists as exists:
        other = exists.status.job
        raise Refused(
            f"the store has lost job {submitted.name}, and job {other.name} works on {other.target}"
        ) from exists


def take_hold(store: Store, job: Job) -> Hold | None:
    """Take the hold on a job that its own process runs or watches. Returns None for a job that consumers serve.

    Waits until a killed process no longer counts as alive. Raises Refused if another process works on the job.
    """
    hold = Hold(job.name)
    if not job.watch and not runs_alone(job):
        _wait(lambda: not _has_consumer(store, job), job)
        return None
    _wait(lambda: (not runs_alone(job) or not _has_consumer(store, job)) and hold.take(store), job)
    return hold


def reopen(store: Store, status: JobStatus, paths: Iterable[bytes] = (), scope: Sequence[Scope] | None = None) -> Job:
    """Reopen an ended job to retry these paths, or all failures, or to scan a `scope` (an empty one: the whole source).

    Raises Refused if another active job conflicts.
    """
    job = msgspec.structs.replace(status.job, incarnation=_incarnation())
    try:
        first = tasks.restart(job, "retry", retry=scope is None, paths=paths, scope=scope or ())
        reopened = store.jobs.reopen(job, first)
    except JobExists as exists:
        raise Refused(f"the active job {exists.status.job.name} works on {exists.status.job.target}") from exists
    if not reopened:
        raise Refused(f"job {status.job.name} is still {status.state.value}: retry it once it has ended")
    return job


def _incarnation() -> str:
    return secrets.token_hex(4)


def forget(job: Job, store: Store, broker: Broker) -> None:
    """Remove the records of an ended job, with the topics that are its own."""
    if runs_alone(job):
        broker.delete_topics(job.topics.names)
    store.jobs.forget(job.name)


def _forget_ended_before(when: float, store: Store, broker: Broker) -> None:
    for status in store.jobs.all():
        if not status.state.active and status.ended is not None and status.ended < when:
            forget(status.job, store, broker)


def _same(status: JobStatus, job: Job, *, named: bool) -> Job:
    """The active job that a new one continues. Raises Refused if their options differ."""
    old = status.job
    name = job.name if named else old.name
    of_process = {
        "incarnation": old.incarnation,
        "topics": old.topics,
        "log": old.log,
        "profile": old.profile,
        "quiet": old.quiet,
    }
    if msgspec.structs.replace(job, name=name, **of_process) != old:
        kind = "name" if old.name == job.name else f"target, {old.target},"
        raise Refused(
            f"the active job {old.name} has this {kind} already: `ingest-scan stop {old.name}` ends it,"
            " the very same command continues it when it was interrupted"
        )
    return old


def _check_active(store: Store, job: Job, hold: Hold | None) -> None:
    """Raise Refused if another process has brought the job to its end before this one could take it."""
    status = store.jobs.get(job.name)
    if status is None or not status.state.active:
        if hold is not None:
            hold.release(store)
        ended = "it is forgotten" if status is None else f"it is {status.state.value}"
        raise Refused(f"another process has worked on job {job.name} meanwhile: {ended}")


def _wait(free: Callable[[], bool], job: Job) -> None:
    end = time.monotonic() + _ALIVE_WAIT
    while not free():
        if time.monotonic() > end:
            raise Refused(f"job {job.name} is running in another process: see `ingest-scan watch {job.name}`")
        time.sleep(_LOOK)


def _has_consumer(store: Store, job: Job) -> bool:
    alive = [each for each in store.consumers.alive() if not each.refused]
    return any(set(job.topics.names) & set(each.topics) for each in alive)
