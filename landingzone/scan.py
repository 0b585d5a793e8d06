"""`ingest-scan`: start, list, stop and watch jobs. Here the parts are put together, and imported when needed."""

from __future__ import annotations

import os
import sys
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from ingest.errors import Refused, Unreachable
from landingzone.job_options import job_options
from landingzone.jobs import failures, forget, known, list_jobs, pause, resume, stop, watch
from landingzone.options import LONGEST, MultiValueCommand, Seconds, common, option, processors, profiling

if TYPE_CHECKING:
    from consumer.dispatch.loop import Consumer
    from consumer.irods.sessions import Sessions
    from ingest.broker import Broker
    from ingest.deployment import Deployment
    from ingest.job import Job, LogSettings
    from ingest.service.profile import ProfileFile
    from ingest.store import Store
    from landingzone.job_from_options import Submission

FAILED_WORK = 255
LEAST_PARTITIONS = 8
"""Partitions of a topic, at least: more than workers, so that none of them waits for another's lane."""


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
    start_job(source, target, state, given)


def start_job(source: str, target: str, state: Deployment, given: dict[str, Any]) -> None:
    """What `start` does, with its options."""
    from ingest.service import logs  # noqa: PLC0415
    from landingzone.job_from_options import Submission  # noqa: PLC0415
    from landingzone.submit import enter  # noqa: PLC0415

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
    broker = state.broker(max(LEAST_PARTITIONS, 4 * workers))
    job, _ = enter(store, broker, submission, names, "start", allow_overlap=given["allow_overlap"])
    _see_through(state, store, broker, job, given | {"served": served, "workers": workers, "profile": profile})


def topics_for(state: Deployment, store: Store, job: Job, given: dict[str, Any]) -> tuple[list[str], bool]:
    """The topics of a new job, and whether others serve them; else this process will, and its account is tried."""
    from ingest.job import DEFAULT_TOPICS  # noqa: PLC0415
    from landingzone.submit import is_served, own_topics  # noqa: PLC0415

    names = [given[f"{topic}_queue"] or topic for topic in DEFAULT_TOPICS]
    if state.shared or is_served(store, names):
        return names, True
    log_in().close()
    return own_topics(names, job.name), False


def warn_if_nobody_reads(state: Deployment, store: Store, names: list[str]) -> None:
    """Say so when a job is about to wait for a consumer."""
    from landingzone.submit import is_served  # noqa: PLC0415

    if state.shared and not is_served(store, names):
        click.echo(f"warning: no live consumer reads {', '.join(names)}; start ingest-consume", err=True)


def consumer_for(state: Deployment, store: Store, broker: Broker, job: Job, given: dict[str, Any]) -> Consumer:
    """A consumer in this process that works on one job."""
    from consumer.dispatch.loop import Consumer  # noqa: PLC0415
    from consumer.protocol import Setup  # noqa: PLC0415

    setup = Setup(state.text, job.log, given["profile"] and given["profile"].settings)
    how = {"workers": given["workers"], "stop_grace": given["stop_grace"], "profile": given["profile"]}
    return Consumer(broker, store, job.topics.names, setup, **how)


def _see_through(state: Deployment, store: Store, broker: Broker, job: Job, given: dict[str, Any]) -> None:
    """Have the job done by a consumer in this process, or let the one that serves it do so; exit as the job ends."""
    from landingzone.foreground import Foreground  # noqa: PLC0415

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
    from ingest.service.profile import ProfileFile  # noqa: PLC0415

    if settings is None:
        return None
    if served:
        click.echo("warning: --profile has no effect here, the ingest-consume that does the job has its own", err=True)
        return None
    return ProfileFile(settings)


def _plan(state: Deployment, submission: Submission) -> None:
    """Print the plan of a pass."""
    from consumer.dry_run import Plan  # noqa: PLC0415
    from consumer.sync.context import Context  # noqa: PLC0415
    from ingest.handlers.loader import Handler  # noqa: PLC0415
    from landingzone import report  # noqa: PLC0415

    source, job = submission.handler, submission.job
    handler = Handler.default() if source is None else Handler.load(source, job.handler_file or "")
    for line in Plan(Context(job, state.open_store(), log_in(), handler)).lines():
        report.print_planned(line.action, line.path, line.target, line.reason)


def log_in() -> Sessions:
    """Make sure that the account works, before anything starts."""
    from consumer.irods.sessions import Sessions, check_login  # noqa: PLC0415

    sessions = Sessions(1)
    try:
        check_login(sessions)
    except Unreachable as error:
        raise Refused(str(error)) from error
    return sessions


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
    from landingzone.submit import is_served, reopen  # noqa: PLC0415

    store = state.open_store()
    status = known(store, job)
    if status.job.periodic:
        raise Refused(f"job {job} is periodic: its next pass tries again what has failed")
    wanted = {os.fsencode(path) for path in paths}
    failed = {problem.path for problem in store.problems(job) if not problem.skipped}
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
    _see_through(state, store, state.broker(), status.job, given | more)


@cli.command()
@click.argument("path")
@common
def why(path: str, state: Deployment, **_: Any) -> None:
    """Tell everything that is known about PATH, a file of a source or a logical path, for each job that covers it."""
    from consumer.why import explain  # noqa: PLC0415

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
