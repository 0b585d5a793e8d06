"""The commands about existing jobs: list, watch, pause, resume, stop, failures, forget."""

from __future__ import annotations

import sys
import time

import click

from ingest.deployment import Deployment
from ingest.errors import Refused
from ingest.fingerprint import cache_space
from ingest.job import JobStatus
from ingest.store import Store
from landingzone import report, submit
from landingzone.foreground import ended, follow
from landingzone.options import Seconds, common, option
from landingzone.submit import runs_alone, take_hold

_STOP_MARGIN = 5.0
"""Seconds beyond the grace time after which `stop` no longer waits for workers."""


def known(store: Store, name: str) -> JobStatus:
    """Return the status of the job. Raises Refused if there is no such job."""
    status = store.jobs.get(name)
    if status is None:
        raise Refused(f"there is no job {name}")
    return status


@click.command("list")
@option(
    "include_stopped_jobs",
    is_flag=True,
    help="For compatibility with automated-ingest; has no effect: they are always listed.",
)
@option("json", is_flag=True, help="JSON also on a terminal.")
@common
def list_jobs(state: Deployment, *, json: bool, **_: object) -> None:
    """List jobs: a table on a terminal, JSON elsewhere."""
    store, now = state.open_store(), time.time()
    statuses, consumers = store.jobs.all(), store.consumers.alive()
    if json or not sys.stdout.isatty():
        report.print_json(report.group(statuses, now, consumers))
    else:
        report.print_table(statuses, now, consumers)


@click.command()
@click.argument("job")
@option(
    "stop_grace", type=Seconds(), default=10.0, show_default=True, help="Seconds to wait for tasks that are running."
)
@common
def stop(job: str, state: Deployment, *, stop_grace: float, **_: object) -> None:
    """End JOB. Queued tasks are dropped; running tasks have --stop_grace seconds to finish. It stays in the list."""
    store = state.open_store()
    status = known(store, job)
    if not store.jobs.stop(job):
        raise Refused(f"job {job} is not active: it is {status.state.value}")
    end = time.monotonic() + stop_grace + _STOP_MARGIN
    while time.monotonic() < end and any(job in each.busy for each in store.consumers.alive()):
        time.sleep(0.1)
    click.echo(f"Job {job} stopped.")


@click.command()
@click.argument("job")
@common
def pause(job: str, state: Deployment, **_: object) -> None:
    """Pause JOB until `resume`. Running tasks finish, queued tasks wait."""
    store = state.open_store()
    status = known(store, job)
    if not store.jobs.pause(job):
        raise Refused(
            f"job {job} is {'paused already' if status.paused else f'not active: it is {status.state.value}'}"
        )
    click.echo(f"Job {job} paused: `ingest-scan resume {job}` continues it.")


@click.command()
@click.argument("job")
@common
def resume(job: str, state: Deployment, **_: object) -> None:
    """Continue the paused JOB."""
    store = state.open_store()
    known(store, job)
    if not store.jobs.resume(job):
        raise Refused(f"job {job} is not paused")
    click.echo(f"Job {job} resumed.")


@click.command()
@click.argument("job")
@common
def watch(job: str, state: Deployment, **_: object) -> None:
    """Show the progress of JOB until its pass has ended. Ctrl-C ends this command, not the job."""
    store = state.open_store()
    known(store, job)
    status = follow(store, job, report.Progress(), ended)
    report.print_summary(status, store.jobs.problems(job), time.time())


@click.command()
@click.argument("job")
@option("json", is_flag=True, help="JSON also on a terminal.")
@option("csv", is_flag=True, help="A table with commas, for other programs.")
@common
def failures(job: str, state: Deployment, *, json: bool, csv: bool, **_: object) -> None:
    """List what failed or was skipped in the latest pass of JOB, and why."""
    store = state.open_store()
    known(store, job)
    if csv and json:
        raise Refused("--csv and --json exclude each other")
    if csv:
        report.print_problems_as_csv(store.jobs.problems(job))
    else:
        report.print_problems(store.jobs.problems(job), as_json=json or not sys.stdout.isatty())


@click.command()
@click.argument("job")
@common
def forget(job: str, state: Deployment, **_: object) -> None:
    """Remove the records of the ended JOB, and the path cache of its source and target."""
    store = state.open_store()
    status = known(store, job)
    if status.state.active:
        raise Refused(f"job {job} is still {status.state.value}: `ingest-scan stop {job}` ends it")
    hold = take_hold(store, status.job) if status.job.watch or runs_alone(status.job) else None
    submit.forget(status.job, store, state.broker())
    if hold is not None:
        hold.release(store)
    store.cache.clear(cache_space(status.job))
    click.echo(f"Job {job} forgotten.")
