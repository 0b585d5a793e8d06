"""Show jobs: tables and progress on a terminal, JSON for machines."""

from __future__ import annotations

import csv
import datetime as dt
import json
import sys
import time
from collections.abc import Iterator, Sequence
from typing import TYPE_CHECKING, Any

from ingest.job import JobState, JobStatus, Problem, Watching
from ingest.job_json import _elapsed, _rate, _state, _utc, _waits, as_json
from ingest.paths import shown
from ingest.store import ConsumerStatus

if TYPE_CHECKING:
    from rich.console import Console

_PROBLEMS_SHOWN = 20
_NOTES_SHOWN = 3


def console(*, error: bool = False) -> Console:
    """A rich console on stdout or stderr; it honours NO_COLOR."""
    from rich.console import Console  # noqa: PLC0415 - slow to import, and --help does without

    return Console(stderr=error, highlight=False, soft_wrap=True)


def group(
    statuses: Sequence[JobStatus], now: float, consumers: Sequence[ConsumerStatus]
) -> dict[str, list[dict[str, Any]]]:
    """Group the jobs under the three headings of automated-ingest, and `finished`."""
    groups: dict[str, list[dict[str, Any]]] = {"periodic": [], "singlepass": [], "stopped": [], "finished": []}
    for status in statuses:
        if status.state is JobState.STOPPED:
            heading = "stopped"
        elif not status.state.active:
            heading = "finished"
        else:
            heading = "periodic" if status.job.periodic else "singlepass"
        groups[heading].append(as_json(status, now, consumers))
    return groups


def print_json(value: Any) -> None:
    """One line on stdout."""
    print(json.dumps(value))


def print_problems(problems: Sequence[Problem], *, as_json: bool) -> None:
    """Print failed and skipped paths: a JSON line per path, or a table."""
    if as_json:
        for each in problems:
            print_json(_problem(each))
        return
    from rich.table import Table  # noqa: PLC0415

    if not problems:
        console().print("Nothing failed, nothing was skipped.")
        return
    table = Table("path", "what", "reason", "attempts")
    for each in problems:
        path = _plain(shown(each.path) or "(the source itself)")
        table.add_row(path, "skipped" if each.skipped else "failed", _plain(each.reason), str(each.attempts))
    console().print(table)


def print_problems_as_csv(problems: Sequence[Problem]) -> None:
    """Print failed and skipped paths as a table for other programs, with a line of column names."""
    columns = ("path", "target", "skipped", "reason", "error", "code", "attempts", "at")
    table = csv.DictWriter(sys.stdout, columns, lineterminator="\n")
    table.writeheader()
    table.writerows(_problem(each) for each in problems)


def _problem(each: Problem) -> dict[str, Any]:
    return {
        "path": shown(each.path),
        "target": each.target,
        "skipped": each.skipped,
        "reason": each.reason,
        "error": each.error,
        "code": each.code,
        "attempts": each.attempts,
        "at": _utc(each.at),
    }


def print_planned(action: str, path: bytes | None, target: str, reason: str) -> None:
    """One line of a plan."""
    line = {"action": action, "path": None if path is None else shown(path), "target": target, "reason": reason}
    print_json({name: value for name, value in line.items() if value not in (None, "") or name == "path"})


def print_table(statuses: Sequence[JobStatus], now: float, consumers: Sequence[ConsumerStatus]) -> None:
    """Print the jobs as a table."""
    from rich.table import Table  # noqa: PLC0415

    if not statuses:
        console().print("No jobs.")
        return
    table = Table("job", "state", "source → target", "files", "done", "unchanged", "skipped", "failed", "elapsed")
    for status in statuses:
        counts = status.counts
        where = f"{shown(status.job.source)} → {status.job.target}"
        numbers = (counts.files, counts.done, counts.unchanged, counts.skipped, counts.failed)
        elapsed = str(dt.timedelta(seconds=round(_elapsed(status, now))))
        table.add_row(_plain(status.job.name), _shown_state(status), _plain(where), *map(str, numbers), elapsed)
    console().print(table)
    for status in statuses:
        for reason in _waits(status, consumers):
            console().print(f"Job {_plain(status.job.name)} waits: {_plain(reason)}")
        if status.job.watch and status.state.active:
            console().print(f"Job {_plain(status.job.name)} {_plain(_live_words(status))}")
            for line in _watcher_words(status.watching):
                console().print(f"  {_plain(line)}")


def _shown_state(status: JobStatus) -> str:
    """The state of a job. A watched job shows the state of its watcher, since it is not idle between scans."""
    watching = status.watching
    if not status.job.watch or not status.state.active or status.paused:
        return _state(status)
    if watching is None or not watching.alive:
        return "no watcher"
    if watching.away:
        return "not visible"
    return "watching" if status.state is JobState.WAITING else "scanning"


def _live_words(status: JobStatus) -> str:
    live = status.live
    named = ("unchanged", "skipped", "failed", "deleted", "moved")
    more = "".join(f", {getattr(live, name)} {name}" for name in named if getattr(live, name))
    more += f", {live.tasks_failed} tasks with failures" if live.tasks_failed else ""
    return f"live changes: {live.done} synced{more}, {live.remaining_files} to do"


def _watcher_words(watching: Watching | None) -> Iterator[str]:
    if watching is None:
        return
    if not watching.alive:
        yield f"no watcher is running; run the same ingest-watch to continue (it last ran on {watching.host})"
    else:
        yield f"watched on {watching.host}: {watching.settling} paths settling, {watching.spooled} to be published"
    if watching.away:
        yield f"the source is not visible: {watching.away}"
    if watching.unwatched:
        yield f"directories that cannot be watched and are polled: {watching.unwatched}"
    if watching.missed:
        yield f"times that events were lost and a scan replaced them: {watching.missed}"
    for at, text in watching.notes[-_NOTES_SHOWN:]:
        yield f"{_utc(at)} {text}"


def print_summary(status: JobStatus, problems: Sequence[Problem], now: float) -> None:
    """Print how a pass ended, and why paths failed or were skipped."""
    counts, out = status.counts, console()
    out.print(
        f"Job {_plain(status.job.name)} {status.state.value}: {counts.files} files in {_elapsed(status, now):.1f} s:"
        f" {counts.done} synced ({_size(counts.bytes)}), {counts.unchanged} unchanged, {counts.skipped} skipped,"
        f" {counts.failed} failed; {counts.collections} collections created,"
        f" {counts.deleted} deleted."
    )
    if status.error:
        out.print(f"[red]Error:[/] {_plain(status.error)}")
    for title, style, skipped in (("Failed", "red", False), ("Skipped", "yellow", True)):
        these = [problem for problem in problems if problem.skipped is skipped]
        for problem in these[:_PROBLEMS_SHOWN]:
            out.print(
                f"[{style}]{title}[/] {_plain(shown(problem.path) or '(the source itself)')}: {_plain(problem.reason)}"
            )
        if len(these) > _PROBLEMS_SHOWN:
            out.print(f"… and {len(these) - _PROBLEMS_SHOWN} more")


class Progress:
    """A progress bar on a terminal, otherwise a line per second on stderr."""

    def __init__(self) -> None:
        self._printed = 0.0
        self._bar: Any = None
        if sys.stderr.isatty():
            from rich.progress import BarColumn, Progress, TextColumn, TimeElapsedColumn  # noqa: PLC0415

            columns = (TextColumn("{task.description}"), BarColumn(), TimeElapsedColumn())
            self._bar = Progress(*columns, console=console(error=True))
            self._task = self._bar.add_task("starting", total=None)
            self._bar.start()

    def show(self, status: JobStatus) -> None:
        """Show the status of the job."""
        now = time.time()
        counts = status.counts
        settled = counts.files - counts.remaining_files
        text = (
            f"{settled}/{counts.files} files  {counts.failed} failed  {counts.skipped} skipped  "
            f"{_rate(status, now):.0f} files/s  {_size(counts.bytes)}"
        )
        if self._bar is not None:
            self._bar.update(self._task, description=text, completed=settled, total=counts.files or None)
        elif now - self._printed >= 1:
            self._printed = now
            print(f"[{_elapsed(status, now):.0f} s] {text}", file=sys.stderr)

    def close(self) -> None:
        """Stop, and leave the last state on the screen."""
        if self._bar is not None:
            self._bar.stop()


def _size(number: float) -> str:
    for unit in ("B", "KiB", "MiB", "GiB"):
        if number < 1024:
            return f"{number:.0f} {unit}" if unit == "B" else f"{number:.1f} {unit}"
        number /= 1024
    return f"{number:.1f} TiB"


def _plain(text: str) -> str:
    """Escape markup, and make control characters visible."""
    from rich.markup import escape  # noqa: PLC0415

    return escape("".join(each if each.isprintable() else repr(each)[1:-1] for each in text))
