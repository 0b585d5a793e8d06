"""`ingest-watch`: watch a source and keep a collection up to date with it."""

from __future__ import annotations

import hashlib
import os
import sys
import threading
from collections.abc import Callable
from dataclasses import dataclass, replace
from functools import cached_property, partial
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from ingest.deployment import Deployment
from ingest.errors import Refused
from ingest.paths import normalise_target
from landingzone import notification_options as notifications
from landingzone import s3_options, watch_options
from landingzone.job_options import JobOptions, RunOptions, job_options, run_options
from landingzone.notification_options import NotificationOptions, notification_options
from landingzone.options import MetricsOptions, MultiValueCommand, ProfileOptions, common, metrics, profiling
from landingzone.run import run, until_signal
from landingzone.submit import enter, runs_alone, submit_again
from landingzone.watch_options import WatchOptions
from scanner.rules import Rules
from watcher.files.root import nothing
from watcher.markers import Markers
from watcher.settle import Settler
from watcher.spool import Spool
from watcher.temporary import TEMPORARY, is_temporary

if TYPE_CHECKING:
    from ingest.job import Job, LogSettings
    from ingest.service.health import Health
    from ingest.store import Store
    from landingzone.hold import Hold
    from landingzone.job_from_options import Submission
    from watcher.events import Backend
    from watcher.watch import Watcher


@click.command(cls=MultiValueCommand, context_settings={"help_option_names": ["-h", "--help"]})
@click.argument("source")
@click.argument("target")
@watch_options.watch_options
@notification_options
@job_options
@run_options
@click.version_option(package_name="irods-landing-zone")
@metrics
@profiling
@common
def cli(source: str, target: str, state: Deployment, job: JobOptions, **others: Any) -> None:
    """Sync changes in SOURCE to the collection TARGET as they happen, until SIGTERM or Ctrl-C.

    SOURCE is a directory, or s3://bucket/prefix with --notifications. The watcher first scans the whole source, and
    scans it again every --reconcile-interval seconds. With --kafka and --redis it publishes changes and ingest-consume
    syncs them; otherwise it syncs them in this process.
    """
    request = Request(source, target, state, job, **others)
    notifications.check(request.notified, request.watching, in_s3=request.in_s3)
    if request.in_s3:  # a settings file may set them for directories
        request = replace(request, watching=replace(request.watching, marker=None, temporary=()))
    watch_options.check(request.watching)
    if request.watching.no_events:
        _scan_only(request)
    else:
        _watch(request)


@dataclass(frozen=True)
class Request:
    """The command line."""

    source: str
    target: str
    state: Deployment
    job: JobOptions
    how: RunOptions
    watching: WatchOptions
    notified: NotificationOptions
    metrics: MetricsOptions
    profiling: ProfileOptions
    log: LogSettings

    @cached_property
    def in_s3(self) -> bool:
        """Whether the source is in S3. Raises Refused."""
        return s3_options.is_s3(self.source, self.job)

    def start_metrics(self, *loops: str) -> Health:
        """Serve metrics if they are wanted. Raises Refused."""
        from ingest.service.metrics import start_metrics  # noqa: PLC0415 - --help must be quick

        return start_metrics(self.metrics.metrics_address, self.metrics.metrics_port, *loops)

    def submission(self) -> Submission:
        """The job. Raises Refused."""
        from landingzone.job_from_options import Submission  # noqa: PLC0415 - --help must be quick

        watching = self.watching
        interval = watching.reconcile_interval if watching.no_events else None
        job = replace(self.job, interval=interval)
        return Submission(self.source, self.target, job, self.log, self.profiling.settings(), watching)


def _scan_only(request: Request) -> None:
    from landingzone import launch  # noqa: PLC0415 - --help must be quick

    request.start_metrics()
    launch.start_job(request.submission(), request.state, request.how)


def _watch(request: Request) -> None:
    from ingest.service import logs  # noqa: PLC0415 - --help must be quick
    from landingzone import launch  # noqa: PLC0415
    from watcher.watch import LOOPS  # noqa: PLC0415

    state, how = request.state, request.how
    listener = _listener(request) if request.in_s3 else None
    watching = _with_defaults(request.watching, in_s3=request.in_s3)
    temporary = Rules(patterns=watching.temporary, option="--temporary")
    submission = replace(request, watching=watching).submission()
    file = watching.spool or _default_spool(state, submission.job)
    _check_files(state, submission.job, file)
    logs.configure(submission.job.log)
    backend = listener or _backend(submission.job, watching)
    store = state.open_store()
    launch.check_account(submission.job)
    broker = state.broker(launch.partitions_for(how))
    names = launch.topics_for(state, store, submission.job, how)
    spool = Spool(file)
    with backend:
        backend.start()
        entered = enter(store, broker, submission, names, "watch", allow_overlap=how.allow_overlap)
        job, hold = entered.job, entered.hold
        assert hold is not None  # noqa: S101 - a watch job has one
        again = partial(submit_again, submitted=job, handler=submission.handler, allow_overlap=how.allow_overlap)
        watcher = _watcher(state, job, backend, spool, watching, temporary, again, hold)
        if _is_unwatched(store, job):
            spool.clear()  # a recorded move could rename a path that has been reused since
        if not entered.new:
            watcher.scan()
        if job.follow_symlinks and listener is None:
            click.echo(
                "warning: linked directories are not watched: only the reconciling scans see changes there", err=True
            )
        click.echo(f"Job {job.name} watches {os.fsdecode(job.source)}; Ctrl-C ends it.", err=True)
        if runs_alone(job):
            parts = launch.Parts(state, store, broker, launch.open_profile(job.profile, served=False))
            _sync_here(watcher, launch.serve_job(parts, job, how), request.start_metrics(*LOOPS, "consumer"))
        else:
            launch.warn_if_nobody_reads(store, job)
            watcher.run(until_signal(), request.start_metrics(*LOOPS))
    spool.close()
    hold.release(store)
    _report_end(store, job)


def _is_unwatched(store: Store, job: Job) -> bool:
    """Whether no watcher has published anything for this job: what the spool has is of an earlier job."""
    status = store.jobs.get(job.name)
    return status is not None and status.live_pass is None


def _with_defaults(options: WatchOptions, *, in_s3: bool) -> WatchOptions:
    if in_s3:
        return replace(options, temporary=(), quiet=0.0)
    quiet = watch_options.QUIET if options.quiet is None else options.quiet
    return replace(options, temporary=options.temporary or TEMPORARY, quiet=quiet)


def _sync_here(watcher: Watcher, consume: Callable[[Callable[[], bool], Health], None], health: Health) -> None:
    """Watch in a thread, and sync what it publishes in this one."""
    stopped, ended = until_signal(), threading.Event()
    failed: list[Exception] = []

    def watch() -> None:
        try:
            watcher.run(lambda: stopped() or ended.is_set(), health)
        except Exception as error:  # noqa: BLE001 - raised below
            failed.append(error)
        finally:
            ended.set()

    thread = threading.Thread(target=watch, name="watcher")
    thread.start()
    try:
        consume(lambda: stopped() or ended.is_set(), health)
    finally:
        ended.set()
        thread.join()
    if failed:
        raise failed[0]


def _watcher(
    state: Deployment,
    job: Job,
    backend: Backend,
    spool: Spool,
    watching: WatchOptions,
    temporary: Rules,
    submit_again: Callable[[Store], None],
    hold: Hold,
) -> Watcher:
    from watcher.publish import Publisher  # noqa: PLC0415
    from watcher.watch import Watcher  # noqa: PLC0415

    is_named = is_temporary(lambda path, directory: _excludes(temporary, job, path, directory=directory))
    suffix = os.fsencode(watching.marker or "")
    markers = Markers(suffix, lambda path: os.path.lexists(os.path.join(job.source, path)))
    settler = Settler(watching.quiet or 0.0, is_named, markers, ordered=backend.ordered)

    def start(spool: Any, lock: Any, scans: Any) -> tuple[Store, Publisher]:
        store = state.store()
        submit_again(store)
        return store, Publisher(store, job, spool, lock, scans)

    return Watcher(
        job.name,
        backend,
        settler,
        spool,
        reconcile_interval=watching.reconcile_interval,
        start=start,
        keep=hold.keep,
    )


def _listener(request: Request) -> Backend:
    """The backend for a bucket."""
    root = s3_options.root(request.source)
    name = _pair(root, normalise_target(request.target))
    settings = s3_options.settings(request.job.s3)
    return notifications.listener(root, settings, request.notified, kafka=request.state.kafka, name=name)


def _backend(job: Job, watching: WatchOptions) -> Backend:
    """The backend for a directory. It reports temporary names, too, since they may be renamed."""
    patterns = job.patterns[len(watching.temporary) :]
    rules = Rules(
        types=job.exclude_types,
        file_names=job.exclude_file_names,
        directory_names=job.exclude_directory_names,
        patterns=patterns,
    )

    def excludes(path: bytes, directory: bool) -> bool:
        return _excludes(rules, job, path, directory=directory)

    # With exclusions the backend lists a renamed directory again: pass none if there are none.
    some = job.exclude_types or job.exclude_file_names or job.exclude_directory_names or patterns
    excluded = excludes if some else nothing
    interval = watching.poll_interval or watch_options.POLL
    if watching.backend == "polling":
        from watcher.files.polling import PollingBackend  # noqa: PLC0415

        return PollingBackend(job.source, excluded, interval)
    if watching.backend == "watchdog" and sys.platform == "linux":
        raise Refused("on Linux watchdog loses directories that are renamed: use --backend inotify or polling")
    if watching.backend == "watchdog" or (watching.backend is None and sys.platform != "linux"):
        from watcher.files.observer import ObserverBackend  # noqa: PLC0415

        return ObserverBackend(job.source, excluded)
    from watcher.files.inotify import InotifyBackend  # noqa: PLC0415

    return InotifyBackend(job.source, excluded, interval, max_watches=watching.max_watches)


def _excludes(rules: Rules, job: Job, path: bytes, *, directory: bool) -> bool:
    return rules.excludes(job.source, path, "directory" if directory else "regular") is not None


def _check_files(state: Deployment, job: Job, spool: Path) -> None:
    """Raise Refused if the spool is the state file, or files of our own are within the source."""
    databases = {} if state.shared else {"--state (INGEST_STATE)": Path(state.state)}
    if os.path.realpath(spool) in map(os.path.realpath, databases.values()):
        raise Refused(f"--spool {spool} is the state file: it must be a file of its own")
    if job.s3 is not None:
        return
    named = {"--log_filename": job.log.filename, "--profile_filename": job.profile and job.profile.filename}
    logs = {option: Path(name) for option, name in named.items() if name}
    rules = Rules.of(job)

    left_out = is_temporary(lambda path, directory: _excludes(rules, job, path, directory=directory))
    watch_options.check_files(job.source, databases | {"--spool": spool}, logs, lambda path: left_out(path, False))


def _default_spool(state: Deployment, job: Job) -> Path:
    """The spool of a pair of source and target, beside the state file."""
    return Path(state.state).with_name(f"spool-{_pair(job.source, job.target)}.db")


def _pair(source: bytes, target: str) -> str:
    """A name for a pair of source and target."""
    return hashlib.blake2b(source + b"\0" + target.encode(), digest_size=8).hexdigest()


def _report_end(store: Store, job: Job) -> None:
    status = store.jobs.get(job.name)
    if status is None:
        raise Refused(f"the records of job {job.name} were removed while it was watched")
    if status.state.active:
        click.echo(
            f"Watcher stopped; job {job.name} is still active. Run the same command to continue,"
            f" or `ingest-scan stop {job.name}` to end the job.",
            err=True,
        )
    else:
        click.echo(f"Job {job.name} was stopped.", err=True)


def main() -> None:
    """Run the command line."""
    run(cli, "ingest-watch")


if __name__ == "__main__":
    main()
