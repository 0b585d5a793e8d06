"""`ingest-scan verify JOB --repair`: have the job sync what a verification has found to differ."""

from __future__ import annotations

from collections.abc import Iterable

import click

from ingest.deployment import Deployment
from ingest.errors import Refused
from ingest.fingerprint import cache_space
from ingest.job import JobStatus
from ingest.messages import Scope, path_to_wire
from ingest.store import Store
from landingzone.job_options import RunOptions

MOST_DIRECTORIES = 1_000
"""Directories of one message; if more have differences, the pass scans the whole source."""


class Differing:
    """The source directories in which a verification has found differences, up to the limit."""

    def __init__(self) -> None:
        self._paths: set[bytes] = set()

    def add(self, path: bytes) -> None:
        """Note a directory, relative to the source."""
        if len(self._paths) <= MOST_DIRECTORIES:
            self._paths.add(path)

    @property
    def scope(self) -> list[Scope]:
        """What a pass has to scan; nothing stands for the whole source."""
        found: Iterable[bytes] = self._paths if len(self._paths) <= MOST_DIRECTORIES else ()
        return [Scope(path_to_wire(path), deep=False) for path in sorted(found)]


def check_repairable(status: JobStatus) -> None:
    """Raise Refused if the job has no later pass and cannot begin one now."""
    if status.state.active and not status.job.periodic:
        raise Refused(f"job {status.job.name} is still {status.state.value}: --repair needs a job that has ended")


def repair(state: Deployment, store: Store, name: str, found: Differing, workers: int | None) -> None:
    """Start a pass of an ended job that syncs these directories. A periodic job repairs them in its next pass.

    The path cache takes what was synced for right, so it is emptied: that costs the pass two queries per directory.
    """
    from landingzone.jobs import known  # noqa: PLC0415 - the commands import each other
    from landingzone.launch import Parts, run_job  # noqa: PLC0415
    from landingzone.submit import reopen, runs_alone, take_hold  # noqa: PLC0415

    status = known(store, name)
    job = status.job
    check_repairable(status)
    store.cache.clear(cache_space(job))
    if status.state.active:
        click.echo(f"The next pass of job {name} syncs what differs.", err=True)
        return
    hold = take_hold(store, job) if runs_alone(job) else None
    reopen(store, status, scope=found.scope)
    run_job(Parts(state, store, state.broker(), None), job, RunOptions(workers=workers), hold)
