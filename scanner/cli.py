"""`ingest-scan`: start, list, stop and watch jobs. Here the parts are put together, and imported when needed."""

from __future__ import annotations

import os
import sys
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from ingest.errors import Refused, Unreachable
from ingest.options import MultiValueCommand, common, option, options, processors, profiling
from scanner.jobs import failures, forget, known, list_jobs, pause, resume, stop, watch

if TYPE_CHECKING:
    from consumer.irods.sessions import Sessions
    from ingest.broker import Broker, Outgoing
    from ingest.deployment import Deployment
    from ingest.job import Job, LogSettings
    from ingest.profile import ProfileFile
    from ingest.store import Store
    from scanner.submit import Submission

FAILED_WORK = 255
_BULK = "Register new files 50 at a time; =no-mtime leaves out the call per file that records its time."
_PARTITIONS = 8
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


_start_options = options(
    option("job_name", help="Name of the job [a UUID]."),
    option("interval", short="-i", type=click.IntRange(min=1), help="Run a pass every so many seconds."),
    option("cron", help="Run a pass at the times of this cron expression."),
    option("event_handler", type=click.Path(path_type=Path), help="Python file with a class event_handler."),
    option("synchronous", is_flag=True, help="Wait until the pass has ended."),
    option("progress", is_flag=True, help="With --synchronous: show how far the pass is."),
    option("dry_run", is_flag=True, help="Print what would be done, a JSON line per path; change nothing."),
    option("files_per_task", type=click.IntRange(min=1), default=50, show_default=True, help="Files in one task."),
    option("ignore_cache", is_flag=True, help="Sync what looks unchanged, too."),
    option("initial_ingest", is_flag=True, help="Take the target as empty and ask the catalog nothing."),
    option("irods_idle_disconnect_seconds", type=click.IntRange(min=1), default=60, show_default=True),
    option("exclude_file_type", help="Comma list: regular,directory,character,block,socket,pipe,link."),
    option("exclude_file_name", multiple=True, help="Regex on the absolute path, from its start."),
    option("exclude_directory_name", multiple=True, help="The same for directories and all below them."),
    option("exclude", multiple=True, metavar="PATTERN", help="gitignore pattern, relative to the source."),
    option("include", multiple=True, metavar="PATTERN", help="Exception to an earlier --exclude."),
    option("follow_symlinks", is_flag=True, help="Follow links to directories and out of the source."),
    option("one_file_system", is_flag=True, help="Do not enter other mounts."),
    option("checksum", is_flag=True, help="Have the server verify and keep checksums."),
    option("bulk", is_flag=False, flag_value="mtime", type=click.Choice(("mtime", "no-mtime")), help=_BULK),
    option("preserve_mtime", is_flag=True, help="Give put objects the modification time of their file."),
    option("max_delete", metavar="N|P%", help="Delete nothing when more than this would be deleted."),
    option("delete_only_ingested", is_flag=True, help="Delete only what this tool has brought there."),
    option("accept_new_device", is_flag=True, help="Delete though the source is on another device than last time."),
    option("workers", type=click.IntRange(min=1), help="Worker processes [number of CPUs]."),
    option("stop_grace", type=click.FloatRange(min=0), default=10.0, show_default=True, help="Seconds on stop."),
    option("map_target", is_flag=True, help="Apply the handler's character_map to TARGET itself, too."),
    option("allow_overlap", is_flag=True, help="Allow another active job on an overlapping target."),
    option("restart_queue", help="Topic of passes."),
    option("path_queue", help="Topic of directories."),
    option("file_queue", help="Topic of batches of files."),
    option("s3_keypair", metavar="FILE", help="SOURCE is in S3; FILE has access and secret key [AWS_… or profile]."),
    option("s3_endpoint_domain", metavar="HOST[:PORT]", help="S3 server [s3.amazonaws.com]."),
    option("s3_region_name", help="Its region [us-east-1]."),
    option("s3_proxy_url", help="Proxy to reach it by [HTTPS_PROXY]."),
    option("s3_insecure_connection", is_flag=True, help="Reach it without TLS."),
    option("s3_multipart_chunksize_in_mib", type=click.IntRange(5, 5000), help="All uploads had parts of this size."),
)


@cli.command(cls=MultiValueCommand)
@click.argument("source")
@click.argument("target")
@_start_options
@profiling
@common
def start(source: str, target: str, state: Deployment, **given: Any) -> None:
    """Ingest SOURCE, a directory or s3://bucket/prefix, into the collection TARGET.

    Works in this process until the pass has ended, unless an ingest-consume serves the same state file, or Kafka
    and Redis are given: then it queues the job. Exit status:
    0 all went well, 1 refused, 2 usage, 255 some work failed.
    """
    from ingest import logs  # noqa: PLC0415
    from ingest.job import DEFAULT_TOPICS  # noqa: PLC0415
    from scanner.enter import enter, is_served, own_topics  # noqa: PLC0415
    from scanner.submit import Submission  # noqa: PLC0415

    submission = Submission(source, target, given)
    if given["dry_run"]:
        _plan(state, submission)
        return
    logs.configure(submission.job.log)
    store = state.open_store()
    names = [given[f"{topic}_queue"] or topic for topic in DEFAULT_TOPICS]
    workers = given["workers"] or processors()
    served = state.shared or is_served(store, names)
    if not served:
        names = own_topics(names, submission.job.name)
        _log_in().close()
    profile = _open_profile(submission.job.profile, served=served)
    if state.shared and not is_served(store, names):
        click.echo(f"warning: no live consumer reads {', '.join(names)}; start ingest-consume", err=True)
    broker = state.broker(max(_PARTITIONS, 4 * workers))
    job = enter(store, broker, submission, names, _first_message, allow_overlap=given["allow_overlap"])
    _see_through(state, store, broker, job, given | {"served": served, "workers": workers, "profile": profile})


def _see_through(state: Deployment, store: Store, broker: Broker, job: Job, given: dict[str, Any]) -> None:
    """Have the job done by a consumer in this process, or let the one that serves it do so; exit as the job ends."""
    from consumer.dispatch import Consumer  # noqa: PLC0415
    from consumer.protocol import Setup  # noqa: PLC0415
    from scanner.foreground import Foreground  # noqa: PLC0415

    foreground = Foreground(store, job.name, progress=given["synchronous"] and given["progress"])
    if given["served"] and not given["synchronous"]:
        click.echo(f"Job {job.name} is queued; see `ingest-scan watch {job.name}`.", err=True)
        return
    if given["served"]:
        status = foreground.wait()
    else:
        setup = Setup(state.text, job.log, given["profile"] and given["profile"].settings)
        how = {"workers": given["workers"], "stop_grace": given["stop_grace"], "profile": given["profile"]}
        consumer = Consumer(broker, store, job.topics.names, setup, **how)
        status = foreground.run(consumer.run)
    if status.counts.tasks_failed or status.error:
        sys.exit(FAILED_WORK)


def _first_message(job: Job) -> Outgoing:
    from ingest import tasks  # noqa: PLC0415

    return tasks.restart(job, "start")


def _open_profile(settings: LogSettings | None, *, served: bool) -> ProfileFile | None:
    """The file for what is measured in this process."""
    from ingest.profile import ProfileFile  # noqa: PLC0415

    if settings is None:
        return None
    if served:
        click.echo("warning: --profile has no effect here, the ingest-consume that does the job has its own", err=True)
        return None
    return ProfileFile(settings)


def _plan(state: Deployment, submission: Submission) -> None:
    """Print the plan of a pass."""
    from consumer.context import Context  # noqa: PLC0415
    from consumer.plan import Plan  # noqa: PLC0415
    from ingest.handler_file import Handler  # noqa: PLC0415
    from scanner import report  # noqa: PLC0415

    source, job = submission.handler, submission.job
    handler = Handler.default() if source is None else Handler.load(source, job.handler_file or "")
    for line in Plan(Context(job, state.open_store(), _log_in(), handler)).lines():
        report.print_planned(line.action, line.path, line.target, line.reason)


def _log_in() -> Sessions:
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
@option("stop_grace", type=click.FloatRange(min=0), default=10.0, show_default=True, help="Seconds on stop.")
@common
def retry(job: str, state: Deployment, paths: tuple[str, ...], **given: Any) -> None:
    """Sync once more what failed in the latest pass of the ended JOB."""
    from ingest import logs, tasks  # noqa: PLC0415
    from scanner.enter import is_served, reopen  # noqa: PLC0415

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
        _log_in().close()
    logs.configure(status.job.log)
    profile = _open_profile(status.job.profile, served=served)
    reopen(store, status, lambda job: tasks.restart(job, "retry", retry=True, paths=sorted(wanted)))
    more = {"served": served, "profile": profile, "workers": given["workers"] or processors()}
    _see_through(state, store, state.broker(), status.job, given | more)


@cli.command()
@click.argument("path")
@common
def why(path: str, state: Deployment, **_: Any) -> None:
    """Tell everything that is known about PATH, a file of a source or a logical path, for each job that covers it."""
    from consumer.why import explain  # noqa: PLC0415

    for line in explain(state.open_store(), path, _log_in()):
        click.echo(line)


@cli.command()
@click.argument("file", type=click.Path(path_type=Path, exists=True, dir_okay=False))
@option("output", short="-o", type=click.Path(path_type=Path, dir_okay=False), help="File to write [stdout].")
def trace(file: Path, output: Path | None) -> None:
    """Turn FILE, written with --profile, into a trace that Perfetto (ui.perfetto.dev) and Chrome show."""
    from scanner.trace import convert  # noqa: PLC0415

    convert(file, output)


for command in (list_jobs, watch, pause, resume, stop, failures, forget):
    cli.add_command(command)


def main() -> None:
    """Run the command line: errors are one sentence on stderr, without a traceback."""
    from ingest.command import run  # noqa: PLC0415

    run(cli, "ingest-scan")


if __name__ == "__main__":
    main()
