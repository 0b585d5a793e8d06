"""`ingest-scan`: start, list, stop and watch jobs. Here the parts are put together, and imported when needed."""

from __future__ import annotations

import sys
import time
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from ingest.errors import Refused
from ingest.options import MultiValueCommand, common, default_state, option, options, processors

if TYPE_CHECKING:
    from consumer.irods.sessions import Sessions
    from ingest.job import JobStatus
    from ingest.store import Store
    from scanner.foreground import Foreground
    from scanner.submit import Submission

FAILED_WORK = 255
_STOP_MARGIN = 5.0


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
    *(option(name, hidden=True) for name in ("s3_keypair", "s3_endpoint_domain", "s3_region_name", "s3_proxy_url")),
    option("s3_insecure_connection", is_flag=True, hidden=True),
    option("s3_multipart_chunksize_in_mib", type=int, hidden=True),
    *(option(name, hidden=True) for name in ("kafka", "redis", "redis_host", "redis_port", "redis_db")),
    option("bulk", is_flag=False, flag_value="mtime", hidden=True),
    option("profile", is_flag=True, hidden=True),
    *(option(f"profile_{name}", hidden=True) for name in ("filename", "level", "interval", "when")),
)


@cli.command(cls=MultiValueCommand)
@click.argument("source")
@click.argument("target")
@_start_options
@common
def start(source: str, target: str, state: Path | None, **given: Any) -> None:
    """Ingest the directory SOURCE into the collection TARGET.

    Works in this process until the pass has ended, unless an ingest-consume serves the same state file. Exit status:
    0 all went well, 1 refused, 2 usage, 255 some work failed.
    """
    from scanner.foreground import Foreground  # noqa: PLC0415
    from scanner.submit import Submission  # noqa: PLC0415

    submission = Submission(source, target, given)
    if given["dry_run"]:
        _plan(state, submission)
        return
    with Foreground(state or default_state(), submission, given) as foreground:
        status = _run(foreground, given)
    if status is not None and (status.counts.tasks_failed or status.error):
        sys.exit(FAILED_WORK)


def _plan(state: Path | None, submission: Submission) -> None:
    """Print the plan of a pass."""
    from consumer.context import Context  # noqa: PLC0415
    from consumer.irods.sessions import Sessions  # noqa: PLC0415
    from consumer.plan import Plan  # noqa: PLC0415
    from ingest.handler_file import Handler  # noqa: PLC0415
    from scanner import report  # noqa: PLC0415

    source, job = submission.handler, submission.job
    handler = Handler.default() if source is None else Handler.load(source, job.handler_file or "")
    sessions = Sessions(job.idle_seconds)
    _log_in(sessions)
    for line in Plan(Context(job, _store(state), sessions, handler)).lines():
        report.print_planned(line.action, line.path, line.target, line.reason)


def _log_in(sessions: Sessions) -> None:
    """Make sure that the account works, before anything starts."""
    from consumer.irods.sessions import Unreachable, check_login  # noqa: PLC0415

    try:
        check_login(sessions)
    except Unreachable as error:
        raise Refused(str(error)) from error


def _run(foreground: Foreground, given: dict[str, Any]) -> JobStatus | None:
    """Have the job done by a consumer in this process, or by one that is there. None: it goes on without us."""
    from consumer.dispatch import Consumer, first_message  # noqa: PLC0415
    from consumer.irods.sessions import Sessions  # noqa: PLC0415
    from consumer.protocol import Setup  # noqa: PLC0415

    if foreground.served:
        foreground.submit(first_message)
        return foreground.wait() if given["synchronous"] else None
    sessions = Sessions(1)
    try:
        _log_in(sessions)
    finally:
        sessions.close()
    job = foreground.submit(first_message)
    setup = Setup(str(foreground.state), job.log)
    consumer = Consumer(
        foreground.broker,
        foreground.store,
        job.topics.names,
        setup,
        workers=given["workers"] or processors(),
        stop_grace=given["stop_grace"],
    )
    return foreground.run(consumer.run)


def _store(state: Path | None) -> Store:
    from ingest.store.embedded import EmbeddedStore  # noqa: PLC0415

    return EmbeddedStore(state or default_state())


def _known(store: Store, name: str) -> JobStatus:
    status = store.job(name)
    if status is None:
        raise Refused(f"there is no job {name}")
    return status


@cli.command("list")
@option("include_stopped_jobs", is_flag=True, help="Accepted for the incumbent's sake: they are always included.")
@option("json", is_flag=True, help="JSON also on a terminal.")
@common
def list_jobs(state: Path | None, *, json: bool, **_: Any) -> None:
    """List jobs: a table on a terminal, JSON elsewhere."""
    from scanner import report  # noqa: PLC0415

    statuses, now = _store(state).jobs(), time.time()
    if json or not sys.stdout.isatty():
        report.print_json(report.group(statuses, now))
    else:
        report.print_table(statuses, now)


@cli.command()
@click.argument("job")
@option("stop_grace", type=click.FloatRange(min=0), default=10.0, show_default=True, help="Seconds to wait.")
@common
def stop(job: str, state: Path | None, *, stop_grace: float, **_: Any) -> None:
    """End JOB: what is queued is dropped, what is in work gets some seconds. Its counts stay in the list."""
    store = _store(state)
    status = _known(store, job)
    if not store.stop_job(job, time.time()):
        raise Refused(f"job {job} is not active: it is {status.state.value}")
    end = time.monotonic() + stop_grace + _STOP_MARGIN
    while time.monotonic() < end and any(job in each.busy for each in store.consumers(time.time())):
        time.sleep(0.1)
    click.echo(f"Job {job} stopped.")


@cli.command()
@click.argument("job")
@common
def watch(job: str, state: Path | None, **_: Any) -> None:
    """Show how far JOB is, until its pass has ended. Ctrl-C ends the watching, not the job."""
    from scanner import report  # noqa: PLC0415
    from scanner.foreground import ended, follow  # noqa: PLC0415

    store = _store(state)
    _known(store, job)
    status = follow(store, job, report.Progress(), ended)
    report.print_summary(status, store.problems(job), time.time())


def main() -> None:
    """Run the command line: errors are one sentence on stderr, without a traceback."""
    from ingest.command import run  # noqa: PLC0415

    run(cli, "ingest-scan")


if __name__ == "__main__":
    main()
