"""Submit a job to the store: start a new one, continue an interrupted one, or retry the failures of an ended one."""

from __future__ import annotations

import sys
import time
from collections.abc import Iterable, Sequence
from typing import TYPE_CHECKING

import msgspec

from ingest import tasks
from ingest.broker import Broker
from ingest.errors import Refused
from ingest.job import DEFAULT_TOPICS, Job, JobStatus, Topics
from ingest.store import JobExists, Store

if TYPE_CHECKING:
    from landingzone.job_from_options import Submission

KEEP_FINISHED = 7 * 86_400.0
"""Seconds for which ended jobs stay in the list."""
_ALIVE_WAIT = 8.0
"""Seconds to wait until a killed consumer no longer counts as alive."""
_LOOK = 0.2


def is_served(store: Store, topics: Sequence[str]) -> bool:
    """Whether a live consumer works on these topics."""
    return any(set(topics) <= set(each.topics) for each in store.consumers.alive())


def own_topics(names: Sequence[str], job: str) -> list[str]:
    """Topics of a job that runs in this process: no other consumer, perhaps of another account, takes its tasks."""
    return [f"{name}@{job}" for name in names]


def enter(
    store: Store,
    broker: Broker,
    submission: Submission,
    names: Sequence[str],
    reason: str,
    *,
    allow_overlap: bool,
) -> tuple[Job, bool]:
    """Create the job with these topics, or find the interrupted job that it continues.

    Returns the job, and whether it is new. Raises Refused if another active job conflicts with it.
    """
    store.jobs.forget_ended(KEEP_FINISHED)
    if submission.handler is not None and submission.job.handler is not None:
        store.handlers.save(submission.job.handler, submission.handler)
    restart, path, file = names
    job = msgspec.structs.replace(submission.job, topics=Topics(restart, path, file, broker.ensure_topics(names)))
    try:
        store.jobs.create(job, tasks.restart(job, reason), allow_overlap=allow_overlap)
    except JobExists as exists:
        return _continued(store, exists.status, job, named=submission.named), False
    return job, True


def reopen(store: Store, status: JobStatus, paths: Iterable[bytes]) -> Job:
    """Reopen an ended job to retry these paths, or all failures. Raises Refused if another active job conflicts."""
    again = tasks.restart(status.job, "retry", retry=True, paths=paths)
    try:
        reopened = store.jobs.reopen(status.job.name, again)
    except JobExists as exists:
        raise Refused(f"the active job {exists.status.job.name} works on {exists.status.job.target}") from exists
    if not reopened:
        raise Refused(f"job {status.job.name} is still {status.state.value}: retry it once it has ended")
    return status.job


def _continued(store: Store, status: JobStatus, job: Job, *, named: bool) -> Job:
    """Continue an active job that no live process works on, if the options are the same."""
    old = status.job
    name = job.name if named else old.name
    of_process = {"topics": old.topics, "log": old.log, "profile": old.profile, "quiet": old.quiet}
    if msgspec.structs.replace(job, name=name, **of_process) != old:
        kind = "name" if old.name == job.name else f"target, {old.target},"
        raise Refused(
            f"the active job {old.name} has this {kind} already: `ingest-scan stop {old.name}` ends it,"
            " the very same command continues it when it was interrupted"
        )
    print(f"Job {old.name} was started before; checking that no process works on it …", file=sys.stderr)
    end = time.monotonic() + _ALIVE_WAIT
    while _is_worked_on(store, old):
        if time.monotonic() > end:
            raise Refused(f"job {old.name} is running in another process: see `ingest-scan watch {old.name}`")
        time.sleep(_LOOK)
    return old


def _is_worked_on(store: Store, job: Job) -> bool:
    """Whether the process of the job is alive: its watcher, or a consumer of topics that only this job uses."""
    status = store.jobs.get(job.name)
    if status is not None and status.watching is not None and status.watching.alive:
        return True
    shared = job.watch and job.topics.names != tuple(own_topics(DEFAULT_TOPICS, job.name))
    return not shared and any(set(job.topics.names) & set(each.topics) for each in store.consumers.alive())
