"""From options to a running job: parts are put together here, for `start`, `retry` and `ingest-watch`."""

from __future__ import annotations

import sys
from typing import Any

import click

from consumer.dispatch.loop import Consumer
from consumer.dry_run import Plan
from consumer.irods.sessions import Sessions, check_login
from consumer.protocol import Setup
from consumer.sync.context import Context
from ingest.broker import Broker
from ingest.deployment import Deployment
from ingest.errors import Refused, Unreachable
from ingest.handlers.loader import Handler
from ingest.job import DEFAULT_TOPICS, Job, LogSettings
from ingest.service import logs
from ingest.service.profile import ProfileFile
from ingest.store import Store
from landingzone import report
from landingzone.foreground import Foreground
from landingzone.job_from_options import Submission
from landingzone.options import processors
from landingzone.submit import enter, is_served, own_topics

FAILED_WORK = 255
MIN_PARTITIONS = 8
"""Partitions of a topic, at least: more than workers, so that none of them waits for another's lane."""


def start_job(source: str, target: str, state: Deployment, given: dict[str, Any]) -> None:
    """What `start` does, with its options."""
    submission = Submission(source, target, given)
    if given["dry_run"]:
        _plan(state, submission)
        return
    logs.configure(submission.job.log)
    store = state.open_store()
    names, served = topics_for(state, store, submission.job, given)
    workers = given["workers"] or processors()
    profile = open_profile(submission.job.profile, served=served)
    warn_if_nobody_reads(state, store, names)
    broker = state.broker(max(MIN_PARTITIONS, 4 * workers))
    job, _ = enter(store, broker, submission, names, "start", allow_overlap=given["allow_overlap"])
    see_through(state, store, broker, job, given | {"served": served, "workers": workers, "profile": profile})


def topics_for(state: Deployment, store: Store, job: Job, given: dict[str, Any]) -> tuple[list[str], bool]:
    """The topics of a new job, and whether others serve them; else this process will, and its account is tried."""
    names = [given[f"{topic}_queue"] or topic for topic in DEFAULT_TOPICS]
    if state.shared or is_served(store, names):
        return names, True
    log_in().close()
    return own_topics(names, job.name), False


def warn_if_nobody_reads(state: Deployment, store: Store, names: list[str]) -> None:
    """Say so when a job is about to wait for a consumer."""
    if state.shared and not is_served(store, names):
        click.echo(f"warning: no live consumer reads {', '.join(names)}; start ingest-consume", err=True)


def consumer_for(state: Deployment, store: Store, broker: Broker, job: Job, given: dict[str, Any]) -> Consumer:
    """A consumer in this process that works on one job."""
    setup = Setup(state.text, job.log, given["profile"] and given["profile"].settings)
    how = {"workers": given["workers"], "stop_grace": given["stop_grace"], "profile": given["profile"]}
    return Consumer(broker, store, job.topics.names, setup, **how)


def see_through(state: Deployment, store: Store, broker: Broker, job: Job, given: dict[str, Any]) -> None:
    """Have the job done by a consumer in this process, or let the one that serves it do so; exit as the job ends."""
    foreground = Foreground(store, job.name, progress=given["synchronous"] and given["progress"])
    if given["served"] and not given["synchronous"]:
        click.echo(f"Job {job.name} is queued; see `ingest-scan watch {job.name}`.", err=True)
        return
    if given["served"]:
        status = foreground.wait()
    else:
        status = foreground.run(consumer_for(state, store, broker, job, given).run)
    if status.counts.tasks_failed or status.error:
        sys.exit(FAILED_WORK)


def open_profile(settings: LogSettings | None, *, served: bool) -> ProfileFile | None:
    """The file for what is measured in this process."""
    if settings is None:
        return None
    if served:
        click.echo("warning: --profile has no effect here, the ingest-consume that does the job has its own", err=True)
        return None
    return ProfileFile(settings)


def _plan(state: Deployment, submission: Submission) -> None:
    """Print the plan of a pass."""
    source, job = submission.handler, submission.job
    handler = Handler.default() if source is None else Handler.load(source, job.handler_file or "")
    for line in Plan(Context(job, state.open_store(), log_in(), handler)).lines():
        report.print_planned(line.action, line.path, line.target, line.reason)


def log_in() -> Sessions:
    """Make sure that the account works, before anything starts."""
    sessions = Sessions(1)
    try:
        check_login(sessions)
    except Unreachable as error:
        raise Refused(str(error)) from error
    return sessions
