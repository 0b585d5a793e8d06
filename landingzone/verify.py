"""`ingest-scan verify`: compare a source with the catalog, as both are now."""

from __future__ import annotations

import json
import sys
import time
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click
from click.core import ParameterSource

from ingest.errors import Refused, Unreachable
from ingest.paths import split
from landingzone.job_options import JobOptions, expectation_options
from landingzone.jobs import known
from landingzone.options import MultiValueCommand, common, processors
from landingzone.repair import Differing, check_repairable, repair
from landingzone.run import until_signal
from landingzone.verify_options import VerifyOptions, verify_options

if TYPE_CHECKING:
    from consumer.sync.context import Context
    from consumer.verify.directory import Page
    from consumer.verify.record import Record
    from consumer.verify.report import Report
    from consumer.verify.rows import Row, Totals
    from ingest.deployment import Deployment
    from ingest.handlers.loader import Handler
    from ingest.job import Job, LogSettings
    from ingest.store import Store

DIFFERENCES = 255
_SHOWN = 20
"""Differences that the summary lists."""


@click.command(cls=MultiValueCommand)
@click.argument("source", metavar="SOURCE|JOB")
@click.argument("target", required=False)
@verify_options
@expectation_options
@common
def verify(
    source: str, target: str | None, state: Deployment, how: VerifyOptions, job: JobOptions, log: LogSettings
) -> None:
    """Compare SOURCE with the collection TARGET, or the source and target of JOB.

    Compares what the source and the catalog have now; the path cache is not used. Give the event handler and the
    filters of the ingest, since they say what the catalog ought to have. Exit status: 0 all is right, 1 refused,
    2 usage, 255 there are differences.
    """
    from ingest.service import logs  # noqa: PLC0415 - --help must be quick
    from landingzone.launch import log_in  # noqa: PLC0415

    store = state.open_store()
    if target is None:
        wanted, handler = _of_job(store, source)
        if how.repair:
            check_repairable(known(store, source))
    else:
        if how.repair:
            raise Refused("--repair needs a JOB, which says how to sync what differs")
        wanted, handler = _of_options(source, target, job, log)
    logs.configure(wanted.log)
    log_in().close()
    verification = _Verification(Path(state.state), store, wanted, handler, how)
    ended = verification.run()
    if ended.interrupted:
        raise Refused("interrupted: the same command with --resume continues")
    if ended.totals.differ and how.repair:
        repair(state, store, source, verification.differing, how.workers)
    if ended.totals.differ:
        sys.exit(DIFFERENCES)


def _of_job(store: Store, name: str) -> tuple[Job, Handler]:
    """The job of this name and its event handler. Raises Refused for options that the job has itself."""
    import msgspec  # noqa: PLC0415 - --help must be quick

    from consumer.irods.sessions import Sessions  # noqa: PLC0415
    from consumer.sync.context import Context  # noqa: PLC0415

    context = click.get_current_context()
    of_job = {each.name for each in _options_of(expectation_options)}
    for given in sorted(of_job):
        if context.get_parameter_source(given) is ParameterSource.COMMANDLINE:
            raise Refused(f"--{given.replace('_', '-')} is an option of SOURCE and TARGET: job {name} has its own")
    if "/" in name and store.jobs.get(name) is None:
        raise Refused(f"there is no job {name}; to verify a source, name its TARGET too")
    job = msgspec.structs.replace(known(store, name).job, delete_only_ingested=False)
    return job, Context(job, store, Sessions(1)).handler


def _options_of(decorate: Callable[..., Any]) -> list[click.Parameter]:
    """The options that a decorator adds."""
    decorated = decorate(lambda: None)
    return list(click.command()(decorated).params)


def _of_options(source: str, target: str, job: JobOptions, log: LogSettings) -> tuple[Job, Handler]:
    from ingest.handlers.loader import Handler  # noqa: PLC0415 - --help must be quick
    from landingzone.job_from_options import Submission  # noqa: PLC0415

    submission = Submission(source, target, job, log, None)
    if submission.handler is None:
        return submission.job, Handler.default()
    return submission.job, Handler.load(submission.handler, submission.job.handler_file or "")


@dataclass
class _Ended:
    """How a verification has ended."""

    totals: Totals
    complete: bool
    interrupted: bool
    remaining: int
    elapsed: float


class _Verification:
    """One run of the command."""

    def __init__(self, state: Path, store: Store, job: Job, handler: Handler, how: VerifyOptions) -> None:
        self._state = state
        self._store = store
        self._job = job
        self._handler = handler
        self._how = how
        self._shown: list[Row] = []
        self.differing = Differing()
        self._began = time.monotonic()

    def run(self) -> _Ended:
        """Verify, write the report, and print the summary."""
        from contextlib import closing, nullcontext  # noqa: PLC0415

        from consumer.verify.file import Checks  # noqa: PLC0415
        from consumer.verify.record import Record, space_of  # noqa: PLC0415
        from consumer.verify.report import Report  # noqa: PLC0415

        how = self._how
        checks = Checks(how.checksum, how.server_checksum, how.one_way)
        file = self._state.with_name(f"{self._state.name}.verify")
        with closing(Record(file, space_of(self._job, *checks))) as record:
            resumed = self._begin(record)
            opened = Report(how.report, append=resumed) if how.report else nullcontext()
            with opened as report:
                ended = self._check(record, report, checks)
        _print_summary(ended, self._shown, how)
        return ended

    def _begin(self, record: Record) -> bool:
        """Whether an interrupted verification continues."""
        how = self._how
        if how.resume:
            if how.max_age is not None:
                raise Refused("--resume and --max-age exclude each other: --max-age continues by itself")
            if record.resume():
                return True
            click.echo("Nothing to resume: the verification begins anew.", err=True)
        record.begin(None if how.max_age is None else time.time() - how.max_age)
        return False

    def _check(self, record: Record, report: Report | None, checks: Any) -> _Ended:
        from consumer.verify.crew import Crew  # noqa: PLC0415
        from scanner.entries import SourceNotVisible  # noqa: PLC0415

        signalled, limit = until_signal(), self._how.max_duration
        progress = _Progress() if self._how.progress else None

        def until() -> bool:
            return signalled() or (limit is not None and time.monotonic() - self._began >= limit)

        crew = Crew(self._how.workers or processors(), self._context, checks)
        try:
            for page in crew.verify(record, until):
                if report is not None:
                    report.write(page.rows)
                self._note(page)
                if progress is not None:
                    progress.show(record.totals)
        except (SourceNotVisible, Unreachable) as error:
            raise Refused(f"{error}; the same command with --resume continues") from error
        finally:
            if progress is not None:
                progress.close()
        remaining = record.waiting()
        if not remaining:
            record.end()
        elapsed = time.monotonic() - self._began
        return _Ended(record.totals, not remaining, bool(remaining) and signalled(), remaining, elapsed)

    def _note(self, page: Page) -> None:
        """Keep the first differences for the summary, and the directories for a repair."""
        wrong = [row for row in page.rows if row.differs]
        self._shown += wrong[: _SHOWN - len(self._shown)]
        if wrong:
            path = page.work.path
            self.differing.add(path)
            if path and wrong[0].directory and wrong[0].path == path:  # the directory above it makes the collection
                self.differing.add(split(path)[0])

    def _context(self) -> Context:
        """A context for one thread."""
        from consumer.irods.sessions import Sessions  # noqa: PLC0415
        from consumer.sync.context import Context  # noqa: PLC0415

        return Context(self._job, self._store, Sessions(self._job.idle_seconds), self._handler)


def _print_summary(ended: _Ended, shown: list[Row], how: VerifyOptions) -> None:
    """The counts and the first differences: on stdout, or on stderr if the report is there."""
    from consumer.verify.report import result  # noqa: PLC0415
    from landingzone import report  # noqa: PLC0415

    totals = ended.totals
    if how.json:
        fields = {"files": totals.files, "directories": totals.directories, "differ": totals.differ}
        fields |= {"bytes_read": totals.bytes_read, "complete": ended.complete}
        line = {
            **fields,
            "kinds": totals.kinds,
            "remaining_directories": ended.remaining,
            "elapsed": round(ended.elapsed, 3),
        }
        click.echo(json.dumps(line), err=how.report == "-")
        return
    out = report.console(error=how.report == "-")
    found = ", ".join(f"{count} {kind}" for kind, count in sorted(totals.kinds.items()))
    out.print(
        f"{totals.files} files and {totals.directories} directories checked in {ended.elapsed:.1f} s:"
        f" {totals.differ} differ{f' ({found})' if found else ''}."
    )
    for row in shown:
        out.print(
            f"[red]{result(row)}[/] {report._plain(row.target)}{f': {report._plain(row.detail)}' if row.detail else ''}"
        )
    if totals.differ > len(shown):
        out.print(f"… and {totals.differ - len(shown)} more; --report FILE has all of them.")
    if not ended.complete:
        out.print(f"Stopped before the end: {ended.remaining} known directories remain; --resume continues.")


class _Progress:
    """A line on a terminal that shows the counts, otherwise a line per second on stderr."""

    def __init__(self) -> None:
        self._printed = 0.0
        self._began = time.monotonic()
        self._bar: Any = None
        if sys.stderr.isatty():
            from rich.progress import Progress, SpinnerColumn, TextColumn, TimeElapsedColumn  # noqa: PLC0415

            from landingzone import report  # noqa: PLC0415

            columns = (SpinnerColumn(), TextColumn("{task.description}"), TimeElapsedColumn())
            self._bar = Progress(*columns, console=report.console(error=True))
            self._task = self._bar.add_task("starting", total=None)
            self._bar.start()

    def show(self, totals: Totals) -> None:
        """Show the counts so far."""
        now = time.monotonic()
        rate = totals.files / max(now - self._began, 0.001)
        text = f"{totals.files} files  {totals.directories} directories  {totals.differ} differ  {rate:.0f} files/s"
        if self._bar is not None:
            self._bar.update(self._task, description=text)
        elif now - self._printed >= 1:
            self._printed = now
            click.echo(f"[{now - self._began:.0f} s] {text}", err=True)

    def close(self) -> None:
        """Stop, and leave the last state on the screen."""
        if self._bar is not None:
            self._bar.stop()
