"""How a job comes into the store: as a new one, as the continuation of an interrupted one, or once more for a retry."""

from __future__ import annotations

import sys
import time
from collections.abc import Iterable, Sequence

import msgspec

from ingest import tasks
from ingest.broker import Broker
from ingest.errors import Refused
from ingest.job import DEFAULT_TOPICS, Job, JobStatus, Topics
from ingest.store import JobExists, Store
from landingzone.job_from_options import Submission

KEEP_FINISHED = 7 * 86_400.0
"""Seconds for which ended jobs stay listed."""
_ALIVE_WAIT = 8.0
"""Seconds after which a consumer that was killed is no longer taken for alive."""
_LOOK = 0.2


def is_served(store: Store, topics: Sequence[str]) -> bool:
    """Whether a living consumer works on these topics."""
    return any(set(topics) <= set(each.topics) for each in store.consumers.alive(time.time()))


def own_topics(names: Sequence[str], job: str) -> list[str]:
    """Topics for a job that works in this process: nobody else, perhaps with another account, takes its tasks."""
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
    """Enter the job with these topics, or find the interrupted one that it continues; and whether it is a new one.

    Raises Refused when another active job is in the way.
    """
    now = time.time()
    store.jobs.forget_ended_before(now - KEEP_FINISHED)
    if submission.handler is not None and submission.job.handler is not None:
        store.handlers.save(submission.job.handler, submission.handler)
    restart, path, file = names
    job = msgspec.structs.replace(submission.job, topics=Topics(restart, path, file, broker.ensure_topics(names)))
    try:
        store.jobs.create(job, tasks.restart(job, reason), now, allow_overlap=allow_overlap)
    except JobExists as exists:
        return _continued(store, exists.status, job, named=submission.named), False
    return job, True


def reopen(store: Store, status: JobStatus, paths: Iterable[bytes]) -> Job:
    """Enter an ended job once more, to retry these paths, or all that failed. Raises Refused when one is in the way."""
    again = tasks.restart(status.job, "retry", retry=True, paths=paths)
    try:
        reopened = store.jobs.reopen(status.job.name, again)
    except JobExists as exists:
        raise Refused(f"the active job {exists.status.job.name} works on {exists.status.job.target}") from exists
    if not reopened:
        raise Refused(f"job {status.job.name} is still {status.state.value}: retry it when it has ended")
    return status.job


def _continued(store: Store, status: JobStatus, job: Job, *, named: bool) -> Job:
    """An active job that no living process works on was interrupted: go on with it if it is the same one."""
    old = status.job
    name = job.name if named else old.name
    of_process = {"topics": old.topics, "log": old.log, "profile": old.profile, "quiet": old.quiet}
    if msgspec.structs.replace(job, name=name, **of_process) != old:
        kind = "name" if old.name == job.name else f"target, {old.target},"
        raise Refused(
            f"the active job {old.name} has this {kind} already: `ingest-scan stop {old.name}` ends it,"
            " the very same command continues it when it was interrupted"
        )
    print(f"Job {old.name} was begun before; making sure that nothing works on it …", file=sys.stderr)
    end = time.monotonic() + _ALIVE_WAIT
    while _is_worked_on(store, old):
        if time.monotonic() > end:
            raise Refused(f"job {old.name} is running in another process: see `ingest-scan watch {old.name}`")
        time.sleep(_LOOK)
    return old


def _is_worked_on(store: Store, job: Job) -> bool:
    """Whether a process that began the job lives: its watcher, or a consumer of topics that it shares with nobody."""
    status, now = store.jobs.get(job.name), time.time()
    if status is not None and status.watching is not None and status.watching.until > now:
        return True
    shared = job.watch and job.topics.names != tuple(own_topics(DEFAULT_TOPICS, job.name))
    return not shared and any(set(job.topics.names) & set(each.topics) for each in store.consumers.alive(now))
