"""`ingest-scan`: start, list, stop and watch jobs. Here the parts are put together, and imported when needed."""

from __future__ import annotations

import os
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from ingest.errors import Refused
from landingzone.job_options import job_options
from landingzone.jobs import failures, forget, known, list_jobs, pause, resume, stop, watch
from landingzone.options import LONGEST, MultiValueCommand, Seconds, common, option, processors, profiling

if TYPE_CHECKING:
    from ingest.deployment import Deployment


@click.group(context_settings={"help_option_names": ["-h", "--help"]}, no_args_is_help=True)
@click.version_option(package_name="irods-landing-zone")
def cli() -> None:
    """Bring the files of a directory tree into iRODS, once or again and again.

    \b
    Examples:
      ingest-scan start /data/run42 /tempZone/home/rods/run42 --synchronous --progress
      ingest-scan start /data /tempZone/home/rods/data --interval 3600 --event_handler put.py
      ingest-scan list
    """  # noqa: D301 - \b is click's mark for text that is not to be wrapped


@cli.command(cls=MultiValueCommand)
@click.argument("source")
@click.argument("target")
@option("interval", short="-i", type=click.IntRange(1, LONGEST), help="Run a pass every so many seconds.")
@option("cron", help="Run a pass at the times of this cron expression.")
@option("synchronous", is_flag=True, help="Wait until the pass has ended.")
@option("progress", is_flag=True, help="With --synchronous: show how far the pass is.")
@option("dry_run", is_flag=True, help="Print what would be done, a JSON line per path; change nothing.")
@job_options
@profiling
@common
def start(source: str, target: str, state: Deployment, **given: Any) -> None:
    """Ingest SOURCE, a directory or s3://bucket/prefix, into the collection TARGET.

    Works in this process until the pass has ended, unless an ingest-consume serves the same state file, or Kafka
    and Redis are given: then it queues the job. Exit status:
    0 all went well, 1 refused, 2 usage, 255 some work failed.
    """
    from landingzone.launch import start_job  # noqa: PLC0415 - --help must be quick

    start_job(source, target, state, given)


@cli.command()
@click.argument("job")
@click.option("--path", "paths", multiple=True, help="Only this path, relative to the source; repeatable.")
@option("synchronous", is_flag=True, help="Wait until the pass has ended.")
@option("progress", is_flag=True, help="With --synchronous: show how far the pass is.")
@option("workers", type=click.IntRange(min=1), help="Worker processes [number of CPUs].")
@option("stop_grace", type=Seconds(), default=10.0, show_default=True, help="Seconds on stop.")
@common
def retry(job: str, state: Deployment, paths: tuple[str, ...], **given: Any) -> None:
    """Sync once more what failed in the latest pass of the ended JOB."""
    from ingest.service import logs  # noqa: PLC0415
    from landingzone.launch import log_in, open_profile, see_through  # noqa: PLC0415
    from landingzone.submit import is_served, reopen  # noqa: PLC0415

    store = state.open_store()
    status = known(store, job)
    if status.job.periodic:
        raise Refused(f"job {job} is periodic: its next pass tries again what has failed")
    wanted = {os.fsencode(path) for path in paths}
    failed = {problem.path for problem in store.jobs.problems(job) if not problem.skipped}
    if wanted - failed or not failed:
        what = os.fsdecode(min(wanted - failed)) if wanted - failed else "nothing"
        raise Refused(f"{what} has failed in job {job}" if not wanted else f"{what} is not among the failures of {job}")
    served = state.shared or is_served(store, status.job.topics.names)
    if not served:
        log_in().close()
    logs.configure(status.job.log)
    profile = open_profile(status.job.profile, served=served)
    reopen(store, status, sorted(wanted))
    more = {"served": served, "profile": profile, "workers": given["workers"] or processors()}
    see_through(state, store, state.broker(), status.job, given | more)


@cli.command()
@click.argument("path")
@common
def why(path: str, state: Deployment, **_: Any) -> None:
    """Tell everything that is known about PATH, a file of a source or a logical path, for each job that covers it."""
    from consumer.why import explain  # noqa: PLC0415
    from landingzone.launch import log_in  # noqa: PLC0415

    for line in explain(state.open_store(), path, log_in()):
        click.echo(line)


@cli.command()
@click.argument("file", type=click.Path(path_type=Path, exists=True, dir_okay=False))
@option("output", short="-o", type=click.Path(path_type=Path, dir_okay=False), help="File to write [stdout].")
def trace(file: Path, output: Path | None) -> None:
    """Turn FILE, written with --profile, into a trace that Perfetto (ui.perfetto.dev) and Chrome show."""
    from landingzone.trace import convert  # noqa: PLC0415

    convert(file, output)


for command in (list_jobs, watch, pause, resume, stop, failures, forget):
    cli.add_command(command)


def main() -> None:
    """Run the command line: errors are one sentence on stderr, without a traceback."""
    from landingzone.run import run  # noqa: PLC0415

    run(cli, "ingest-scan")


if __name__ == "__main__":
    main()
