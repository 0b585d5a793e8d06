"""Put together what runs a job, for `start`, `retry` and `ingest-watch`."""

from __future__ import annotations

import sys
from collections.abc import Callable
from dataclasses import dataclass, replace
from functools import partial

import click

from consumer.dispatch.loop import Consumer
from consumer.dry_run import Plan
from consumer.irods.catalog import obstacle
from consumer.irods.sessions import Sessions, account_of, check_login
from consumer.protocol import Setup
from consumer.sync.context import Context
from ingest.broker import Broker
from ingest.deployment import Deployment
from ingest.errors import Refused, Unreachable
from ingest.handlers.loader import Handler
from ingest.job import Job, LogSettings
from ingest.service import logs
from ingest.service.profile import ProfileFile
from ingest.store import Store
from landingzone import report
from landingzone.foreground import Foreground
from landingzone.hold import Hold
from landingzone.job_from_options import Submission
from landingzone.job_options import RunOptions
from landingzone.options import processors
from landingzone.serving import serve
from landingzone.submit import enter, is_served, own_topics

FAILED_WORK = 255
MIN_PARTITIONS = 8
"""Minimum number of partitions of a topic: more than workers, so that no worker waits for the partition of another."""


@dataclass(frozen=True)
class Parts:
    """What a consumer in this process is made of."""

    state: Deployment
    store: Store
    broker: Broker
    profile: ProfileFile | None


def start_job(submission: Submission, state: Deployment, how: RunOptions) -> None:
    """Submit a job, and run it here unless others serve it."""
    if how.dry_run:
        _plan(state, submission)
        return
    logs.configure(submission.job.log)
    store = state.open_store()
    names = topics_for(state, store, submission.job, how)
    profile = None if names == how.topics else open_profile(submission.job.profile, served=False)
    broker = state.broker(partitions_for(how))
    check_account(submission.job)
    entered = enter(store, broker, submission, names, "start", allow_overlap=how.allow_overlap)
    run_job(Parts(state, store, broker, profile), entered.job, how, entered.hold)


def partitions_for(how: RunOptions) -> int:
    """The number of partitions of new topics."""
    return max(MIN_PARTITIONS, 4 * (how.workers or processors()))


def topics_for(state: Deployment, store: Store, job: Job, how: RunOptions) -> list[str]:
    """The topics of a new job: its own ones, unless consumers serve it."""
    if state.shared or is_served(store, how.topics):
        return how.topics
    return own_topics(how.topics, job.name)


def warn_if_nobody_reads(store: Store, job: Job) -> None:
    """Warn if a job that consumers serve will wait because none is alive."""
    if not is_served(store, job.topics.names):
        names = ", ".join(job.topics.names)
        click.echo(f"warning: no live consumer reads {names}; start ingest-consume", err=True)


def serve_job(parts: Parts, job: Job, how: RunOptions) -> Callable[..., None]:
    """A consumer in this process that works on one job, as a function of `until` and `health` (see `serve`)."""
    make = partial(consumer_for, parts, job, how)
    return partial(serve, make(), make, parts.store)


def consumer_for(parts: Parts, job: Job, how: RunOptions) -> Consumer:
    """A consumer in this process that works on one job."""
    setup = Setup(parts.state.text, job.log, None if parts.profile is None else parts.profile.settings)
    return Consumer(
        parts.broker,
        parts.store,
        job.topics.names,
        setup,
        workers=how.workers or processors(),
        stop_grace=how.stop_grace,
        profile=parts.profile,
    )


def run_job(parts: Parts, job: Job, how: RunOptions, hold: Hold | None) -> None:
    """Run the job with a consumer in this process, or leave it to those that serve it. Exits if work failed.

    `hold`: the hold of this process on the job; None: consumers serve it.
    """
    if parts.profile is None:
        parts = replace(parts, profile=open_profile(job.profile, served=hold is None))
    foreground = Foreground(parts.store, job.name, progress=how.synchronous and how.progress)
    if hold is None and not how.synchronous:
        warn_if_nobody_reads(parts.store, job)
        click.echo(f"Job {job.name} is queued; see `ingest-scan watch {job.name}`.", err=True)
        return
    status = foreground.wait() if hold is None else foreground.run(serve_job(parts, job, how), hold)
    if status.counts.tasks_failed or status.error:
        sys.exit(FAILED_WORK)


def open_profile(settings: LogSettings | None, *, served: bool) -> ProfileFile | None:
    """Open the profile of this process, if one is wanted and it does the work."""
    if settings is None:
        return None
    if served:
        click.echo("warning: --profile has no effect: ingest-consume does the work; use --profile there", err=True)
        return None
    return ProfileFile(settings)


def _plan(state: Deployment, submission: Submission) -> None:
    """Print what a pass would do."""
    source, job = submission.handler, submission.job
    handler = Handler.default() if source is None else Handler.load(source, job.handler_file or "")
    for line in Plan(Context(job, state.open_store(), log_in(), handler)).lines():
        report.print_planned(line.action, line.path, line.target, line.reason)


def check_account(job: Job) -> None:
    """Log in to iRODS once, and say as whom. Raises Refused if that fails, or if the target cannot be a collection."""
    sessions = log_in()
    click.echo(f"Logged in as {account_of(sessions.get())}", err=True)
    reason = obstacle(sessions.get(), job.target)
    sessions.close()
    if reason is not None:
        raise Refused(f"cannot ingest into {job.target}: {reason}")


def log_in_as() -> str:
    """Log in to iRODS once. Returns the account. Raises Refused if it cannot log in."""
    sessions = log_in()
    account = account_of(sessions.get())
    sessions.close()
    return account


def log_in() -> Sessions:
    """Return sessions of the iRODS account. Raises Refused if it cannot log in."""
    sessions = Sessions(1)
    try:
        check_login(sessions)
    except Unreachable as error:
        raise Refused(str(error)) from error
    return sessions
