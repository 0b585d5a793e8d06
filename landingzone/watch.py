"""`ingest-watch`: watch a source and keep a collection in step with it. Here the parts are put together."""

from __future__ import annotations

import hashlib
import os
import sys
import threading
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from ingest.deployment import Deployment
from ingest.errors import Refused
from ingest.paths import normalise_target
from landingzone import notification_options as notifications
from landingzone import s3_options, watch_options
from landingzone.job_options import job_options
from landingzone.notification_options import notification_options
from landingzone.options import MultiValueCommand, common, metrics, processors, profiling
from landingzone.run import run, until_signal

if TYPE_CHECKING:
    from consumer.dispatch.loop import Consumer
    from ingest.job import Job
    from ingest.service.health import Health
    from ingest.store import Store
    from watcher.events import Backend
    from watcher.watch import Watcher


@click.command(cls=MultiValueCommand, context_settings={"help_option_names": ["-h", "--help"]})
@click.argument("source")
@click.argument("target")
@watch_options.watch_options
@notification_options
@job_options
@click.version_option(package_name="irods-landing-zone")
@metrics
@profiling
@common
def cli(source: str, target: str, state: Deployment, **given: Any) -> None:
    """Bring what changes in SOURCE into the collection TARGET as it changes, until SIGTERM or Ctrl-C.

    SOURCE is a directory, or s3://bucket/prefix with --notifications. Begins with a scan of the whole, and repeats it
    now and then. With Kafka and Redis it publishes what ingest-consume then syncs; else it syncs in this process.
    """
    from ingest.service.metrics import start_metrics  # noqa: PLC0415 - --help must be quick
    from landingzone import launch  # noqa: PLC0415

    in_s3 = s3_options.is_s3(source, given)
    notifications.check(given, in_s3=in_s3)
    if in_s3:  # a settings file may have them for directories
        given |= {"marker": None, "temporary": ()}
    watch_options.check(given)
    more = {"interval": None, "cron": None, "synchronous": False, "progress": False, "dry_run": False}
    if given["no_events"]:
        start_metrics(given)
        launch.start_job(source, target, state, given | more | {"interval": given["reconcile_interval"]})
    else:
        _watch(source, target, state, given | more)


def _watch(source: str, target: str, state: Deployment, given: dict[str, Any]) -> None:
    from ingest.service import logs  # noqa: PLC0415
    from ingest.service.metrics import start_metrics  # noqa: PLC0415
    from landingzone import launch  # noqa: PLC0415
    from landingzone.job_from_options import Submission  # noqa: PLC0415
    from landingzone.submit import enter  # noqa: PLC0415
    from scanner.rules import Rules  # noqa: PLC0415
    from watcher.spool import Spool  # noqa: PLC0415
    from watcher.temporary import TEMPORARY  # noqa: PLC0415
    from watcher.watch import LOOPS  # noqa: PLC0415

    heard = _listener(source, target, state, given) if s3_options.is_s3(source, given) else None
    given |= {"watch": True, "temporary": () if heard else given["temporary"] or TEMPORARY}
    temporary = Rules(patterns=given["temporary"], option="--temporary")
    given["quiet"] = 0.0 if heard else watch_options.QUIET if given["quiet"] is None else given["quiet"]
    submission = Submission(source, target, given)
    file = given["spool"] or _default_spool(state, submission.job)
    _check_files(state, submission.job, file)
    logs.configure(submission.job.log)
    backend = heard or _backend(submission.job, given)
    store = state.open_store()
    names, served = launch.topics_for(state, store, submission.job, given)
    launch.warn_if_nobody_reads(state, store, names)
    workers = given["workers"] or processors()
    broker = state.broker(max(launch.MIN_PARTITIONS, 4 * workers))
    spool = Spool(file)
    with backend:
        backend.start()
        job, new = enter(store, broker, submission, names, "watch", allow_overlap=given["allow_overlap"])
        watcher = _watcher(state, job, backend, spool, given | {"temporary": temporary})
        if new:
            spool.clear()  # a move of a job that was stopped would rename what has the name today
        else:
            watcher.scan()
        if job.follow_symlinks and heard is None:
            click.echo(
                "warning: linked directories are not watched: only the reconciling scans see changes there", err=True
            )
        click.echo(f"Job {job.name} watches {os.fsdecode(job.source)}; Ctrl-C ends it.", err=True)
        if served:
            watcher.run(until_signal(), start_metrics(given, *LOOPS))
        else:
            profile = launch.open_profile(job.profile, served=False)
            how = given | {"workers": workers, "profile": profile}
            consumer = launch.consumer_for(state, store, broker, job, how)
            _sync_here(watcher, consumer, start_metrics(given, *LOOPS, "consumer"))
    spool.close()
    _say_goodbye(store, job)


def _sync_here(watcher: Watcher, consumer: Consumer, health: Health) -> None:
    """Watch in a thread, and do what it publishes in this one."""
    told, ended = until_signal(), threading.Event()
    failed: list[Exception] = []

    def watch() -> None:
        try:
            watcher.run(lambda: told() or ended.is_set(), health)
        except Exception as error:  # noqa: BLE001 - raised below
            failed.append(error)
        finally:
            ended.set()

    thread = threading.Thread(target=watch, name="watcher")
    thread.start()
    try:
        consumer.run(lambda: told() or ended.is_set(), health)
    finally:
        ended.set()
        thread.join()
    if failed:
        raise failed[0]


def _watcher(state: Deployment, job: Job, backend: Backend, spool: Any, given: dict[str, Any]) -> Watcher:
    from watcher.markers import Markers  # noqa: PLC0415
    from watcher.publish import Publisher  # noqa: PLC0415
    from watcher.settle import Settler  # noqa: PLC0415
    from watcher.temporary import is_temporary  # noqa: PLC0415
    from watcher.watch import Watcher  # noqa: PLC0415

    temporary = is_temporary(lambda path, directory: _excludes(given["temporary"], job, path, directory=directory))
    suffix = os.fsencode(given["marker"] or "")
    markers = Markers(suffix, lambda path: os.path.lexists(os.path.join(job.source, path)))
    settler = Settler(given["quiet"], temporary, markers, ordered=backend.ordered)

    def start(spool: Any, lock: Any, scans: Any) -> tuple[Store, Publisher]:
        store = state.store()
        return store, Publisher(store, job, spool, lock, scans)

    return Watcher(
        job.name,
        backend,
        settler,
        spool,
        reconcile_interval=given["reconcile_interval"],
        start=start,
    )


def _listener(source: str, target: str, state: Deployment, given: dict[str, Any]) -> Backend:
    """What hears of the changes in a bucket."""
    root = s3_options.root(source)
    name = _pair(root, normalise_target(target))
    return notifications.listener(root, s3_options.settings(given), given, kafka=state.kafka, name=name)


def _backend(job: Job, given: dict[str, Any]) -> Backend:
    """The backend of the user's choice for a directory. It hears of temporary names, which become others."""
    from scanner.rules import Rules  # noqa: PLC0415
    from watcher.files.root import nothing  # noqa: PLC0415

    patterns = job.patterns[len(given["temporary"]) :]
    rules = Rules(
        types=job.exclude_types,
        file_names=job.exclude_file_names,
        directory_names=job.exclude_directory_names,
        patterns=patterns,
    )

    def excludes(path: bytes, directory: bool) -> bool:
        return _excludes(rules, job, path, directory=directory)

    # With names to leave out, whatever is below a renamed directory is looked at anew: spare that where there are none.
    some = job.exclude_types or job.exclude_file_names or job.exclude_directory_names or patterns
    excluded = excludes if some else nothing
    interval = given["poll_interval"] or watch_options.POLL
    if given["backend"] == "polling":
        from watcher.files.polling import PollingBackend  # noqa: PLC0415

        return PollingBackend(job.source, excluded, interval)
    if given["backend"] == "watchdog" and sys.platform == "linux":
        raise Refused("on Linux watchdog loses directories that are renamed: --backend inotify or polling")
    if given["backend"] == "watchdog" or (given["backend"] is None and sys.platform != "linux"):
        from watcher.files.observer import ObserverBackend  # noqa: PLC0415

        return ObserverBackend(job.source, excluded)
    from watcher.files.inotify import InotifyBackend  # noqa: PLC0415

    return InotifyBackend(job.source, excluded, interval, max_watches=given["max_watches"])


def _excludes(rules: Any, job: Job, path: bytes, *, directory: bool) -> bool:
    return rules.excludes(job.source, path, "directory" if directory else "regular") is not None


def _check_files(state: Deployment, job: Job, spool: Path) -> None:
    """Refuse a spool that is the state file, and files of our own that are within the source. Raises Refused."""
    from scanner.rules import Rules  # noqa: PLC0415
    from watcher.temporary import is_temporary  # noqa: PLC0415

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
    """Beside the state file, one for each pair of source and target."""
    return Path(state.state).with_name(f"spool-{_pair(job.source, job.target)}.db")


def _pair(source: bytes, target: str) -> str:
    """What tells a pair of source and target from all others."""
    return hashlib.blake2b(source + b"\0" + target.encode(), digest_size=8).hexdigest()


def _say_goodbye(store: Store, job: Job) -> None:
    status = store.jobs.get(job.name)
    if status is not None and status.state.active:
        click.echo(f"Job {job.name} rests: the same command goes on, `ingest-scan stop {job.name}` ends it.", err=True)
    else:
        click.echo(f"Job {job.name} has been stopped.", err=True)


def main() -> None:
    """Run the command line."""
    run(cli, "ingest-watch")


if __name__ == "__main__":
    main()
