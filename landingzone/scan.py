"""`ingest-scan`: start, list, stop and watch jobs."""

from __future__ import annotations

import os
from pathlib import Path
from typing import TYPE_CHECKING

import click

from ingest.errors import Refused
from landingzone.examples_command import examples
from landingzone.job_options import JobOptions, RunOptions, follow_options, job_options, retry_options, run_options
from landingzone.jobs import failures, forget, known, list_jobs, pause, resume, stop, watch
from landingzone.options import (
    LONGEST,
    MultiValueCommand,
    ProfileOptions,
    common,
    level_on_command_line,
    option,
    profiling,
)
from landingzone.run import run
from landingzone.submit import reopen, runs_alone, take_hold
from landingzone.verify import verify

if TYPE_CHECKING:
    from ingest.deployment import Deployment
    from ingest.job import LogSettings


@click.group(context_settings={"help_option_names": ["-h", "--help"]}, no_args_is_help=True)
@click.version_option(package_name="irods-landing-zone")
def cli() -> None:
    """Ingest a directory tree or a bucket into iRODS, once or periodically.

    \b
    Examples:
      ingest-scan start /data/run42 /tempZone/home/rods/run42 --synchronous --progress
      ingest-scan start /data /tempZone/home/rods/data --interval 3600 --event_handler put.py
      ingest-scan list
    """  # noqa: D301 - \b is click's mark for text that is not to be wrapped


@cli.command(cls=MultiValueCommand)
@click.argument("source")
@click.argument("target")
@option("interval", short="-i", type=click.IntRange(1, LONGEST), help="Start a pass every so many seconds.")
@option("cron", help="Start a pass at the times of this cron expression.")
@follow_options
@option("dry_run", is_flag=True, help="Print what would be done, a JSON line per path; change nothing.")
@job_options
@run_options
@profiling
@common
def start(
    source: str,
    target: str,
    state: Deployment,
    job: JobOptions,
    how: RunOptions,
    profiling: ProfileOptions,
    log: LogSettings,
) -> None:
    """Ingest SOURCE, a directory or s3://bucket/prefix, into the collection TARGET.

    Works in this process until the pass has ended. If an ingest-consume serves the same state file, or --kafka
    and --redis are used, it queues the job and returns. Exit status:
    0 success, 1 refused, 2 usage, 255 some work failed.
    """
    from landingzone.job_from_options import Submission  # noqa: PLC0415 - --help must be quick
    from landingzone.launch import start_job  # noqa: PLC0415

    start_job(Submission(source, target, job, log, profiling.settings()), state, how)


@cli.command()
@click.argument("job")
@click.option("--path", "paths", multiple=True, help="Only this path, relative to the source; repeatable.")
@retry_options
@common
def retry(job: str, state: Deployment, log: LogSettings, paths: tuple[str, ...], how: RunOptions, **_: object) -> None:
    """Retry what failed in the latest pass of the ended JOB.

    Works in this process if JOB did; otherwise it queues the retry for ingest-consume. Logs as JOB did, unless -v, -q
    or --log_level is given.
    """
    import msgspec  # noqa: PLC0415 - --help must be quick

    from ingest.service import logs  # noqa: PLC0415
    from landingzone.launch import Parts, check_account, run_job  # noqa: PLC0415

    store = state.open_store()
    status = known(store, job)
    if status.job.periodic:
        raise Refused(f"job {job} is periodic: its next pass retries what failed")
    wanted = {os.fsencode(path) for path in paths}
    failed = {problem.path for problem in store.jobs.problems(job) if not problem.skipped}
    if wanted - failed or not failed:
        what = os.fsdecode(min(wanted - failed)) if wanted - failed else "nothing"
        raise Refused(f"{what} has failed in job {job}" if not wanted else f"{what} is not among the failures of {job}")
    hold = None
    if runs_alone(status.job):
        check_account(status.job)
        hold = take_hold(store, status.job)
    level = level_on_command_line(log) or status.job.log.level
    running = msgspec.structs.replace(status.job, log=msgspec.structs.replace(status.job.log, level=level))
    logs.configure(running.log)
    reopen(store, status, sorted(wanted))
    run_job(Parts(state, store, state.broker(), None), running, how, hold)


@cli.command()
@click.argument("path")
@common
def why(path: str, state: Deployment, **_: object) -> None:
    """Explain the state of PATH, a source path or a logical path, for each job that covers it."""
    from consumer.why import explain  # noqa: PLC0415
    from landingzone.launch import log_in  # noqa: PLC0415

    for line in explain(state.open_store(), path, log_in()):
        click.echo(line)


@cli.command()
@click.argument("file", type=click.Path(path_type=Path, exists=True, dir_okay=False))
@option("output", short="-o", type=click.Path(path_type=Path, dir_okay=False), help="File to write [stdout].")
def trace(file: Path, output: Path | None) -> None:
    """Convert FILE, written with --profile, to a trace for Perfetto (ui.perfetto.dev) or Chrome."""
    from landingzone.trace import convert  # noqa: PLC0415

    convert(file, output)


for command in (list_jobs, watch, pause, resume, stop, failures, forget, verify, examples):
    cli.add_command(command)


def main() -> None:
    """Run the command line: an error is one sentence on stderr, without a traceback."""
    run(cli, "ingest-scan")


if __name__ == "__main__":
    main()
