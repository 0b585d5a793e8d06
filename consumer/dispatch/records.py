"""The log lines of what the store has settled: files, deletions, moves, collections, passes, and failures.

A line is written after the store has taken the step, so it is true. Each path that a worker took up has a line at INFO.
Failures are errors, but only the first ones of a kind and pass; those after them are at INFO, and one error says how
many there were.
"""

from __future__ import annotations

import logging
import re
import time
from collections import Counter
from collections.abc import Iterator
from contextlib import suppress
from typing import Any, NamedTuple

import msgspec

from consumer.dispatch.accounting import RunningTask
from consumer.protocol import Result
from ingest.errors import Unreachable
from ingest.job import Counts, JobStatus, Problem
from ingest.messages import Change, ClosePass, Delete, ListPath, MovePath, OpenPass, SyncFiles, path_from_wire
from ingest.paths import shown
from ingest.service.logs import Logger
from ingest.store import Step, Store

SHOWN_OF_A_KIND = 10
"""Failures of one kind and pass that are errors in the log."""
LIVE_SECONDS = 60.0
"""How long the failures of a live pass, which does not end, are grouped."""
_LOOK_SECONDS = 2.0
_COUNTS = ("done", "unchanged", "skipped", "failed", "collections", "deleted", "moved")
_AGAIN = {Result.FAILED: "failed, retried", Result.LATER: "held, retried", Result.UNSETTLED: "in use, retried"}


class _Pass(NamedTuple):
    job: str
    pass_id: str


class _Failures:
    """How many failures of each kind a pass has had, and since when they are grouped."""

    def __init__(self) -> None:
        self.kinds: Counter[str] = Counter()
        self.since = time.monotonic()


class Records:
    """Writes the lines of one consumer."""

    def __init__(self, store: Store, log: Logger) -> None:
        self._store = store
        self._log = log
        self._failures: dict[_Pass, _Failures] = {}
        self._looked = 0.0

    def settled(self, step: Step, running: RunningTask) -> None:
        """Write the lines of a step that the store has taken. `running` has the task and its reports."""
        of_pass = _Pass(step.job, step.pass_id)
        if logging.getLogger("consumer").isEnabledFor(logging.INFO):
            self._log_task(step, running)
        for problem in step.problems:
            if not problem.skipped and problem.retried_in is None:
                self._log_failure(of_pass, problem)
        if isinstance(running.task, ClosePass) and step.closing is None and step.again is None:
            self._end(of_pass)
            self._log_end(of_pass)

    def look(self) -> None:
        """Say how many failures were grouped in passes that have ended elsewhere, or that do not end."""
        if time.monotonic() - self._looked < _LOOK_SECONDS:
            return
        self._looked = time.monotonic()
        for of_pass, failures in list(self._failures.items()):
            with suppress(Unreachable):
                status = self._store.jobs.get(of_pass.job)
                grouped = time.monotonic() - failures.since
                if not _goes_on(status, of_pass) or (_is_live(status, of_pass) and grouped > LIVE_SECONDS):
                    self._end(of_pass)

    def close(self) -> None:
        """Say how many failures were grouped, because the consumer ends."""
        for of_pass in list(self._failures):
            self._end(of_pass)

    def _log_failure(self, of_pass: _Pass, problem: Problem) -> None:
        kinds = self._failures.setdefault(of_pass, _Failures()).kinds
        kind = kind_of(problem)
        kinds[kind] += 1
        write = self._log.error if kinds[kind] <= SHOWN_OF_A_KIND else self._log.info
        write(
            "failed",
            **of_pass._asdict(),
            path=shown(problem.path),
            target=problem.target,
            reason=problem.reason,
            error=problem.error,
            code=problem.code,
            attempts=problem.attempts,
        )

    def _end(self, of_pass: _Pass) -> None:
        failures = self._failures.pop(of_pass, _Failures())
        for kind, number in failures.kinds.items():
            if number > SHOWN_OF_A_KIND:
                more = f"… and {number - SHOWN_OF_A_KIND:,} more of this kind"
                self._log.error(more, **of_pass._asdict(), kind=kind)

    def _log_end(self, of_pass: _Pass) -> None:
        counts: dict[str, int] = {}
        with suppress(Unreachable):
            status = self._store.jobs.get(of_pass.job)
            if status is not None and status.pass_id == of_pass.pass_id:
                counts = _counts(status.counts, always=True)
        self._log.info("pass ended", **of_pass._asdict(), **counts)

    def _log_task(self, step: Step, running: RunningTask) -> None:
        log, task = self._log.bind(job=step.job, pass_id=step.pass_id), running.task
        for problem in step.problems:
            if problem.skipped:
                log.info("skipped", path=shown(problem.path), target=problem.target, reason=problem.reason)
        match task:
            case OpenPass() if step.again is None and step.error is None:
                log.info("pass begun", source=shown(running.job.source), target=running.job.target)
            case ListPath():
                if step.counts.collections:
                    log.info("collection created", path=shown(path_from_wire(task.path)))
                if step.again is None:
                    log.info("listed", path=shown(path_from_wire(task.path)), **_counts(step.counts))
            case MovePath() if step.counts.moved:
                names = {"old": shown(path_from_wire(task.old)), "path": shown(path_from_wire(task.new))}
                log.info("moved", **names, directory=task.directory)
            case SyncFiles() | Delete():
                for line in _batch_lines(step, running):
                    log.info(**line)


def _batch_lines(step: Step, running: RunningTask) -> Iterator[dict[str, Any]]:
    """The lines of the paths of a batch, without those that have a line as a problem."""
    task = running.task
    items = task.changes if isinstance(task, SyncFiles) else task.candidates if isinstance(task, Delete) else []
    problems = {problem.path for problem in step.problems} | {problem.target for problem in step.problems}
    for item, done in zip(items, running.done, strict=False):
        change = isinstance(item, Change)
        path = path_from_wire(item.path) if isinstance(item, Change) else b""
        if (path if change else done.target) in problems:
            continue
        outcome = done.outcome
        line: dict[str, Any] = {"event": "file" if change else "deletion"}
        if change:
            line["path"] = shown(path)
        if outcome.deleted:
            line["event"] = "deletion"
        line["target"] = done.target if change else getattr(item, "target", done.target)
        line["outcome"] = _AGAIN.get(outcome.result, outcome.result.value)
        if change and not outcome.deleted:
            line["bytes"] = outcome.bytes
        if done.seconds is not None:
            line["seconds"] = round(done.seconds, 3)
        yield line | ({"reason": outcome.reason} if outcome.reason else {})


def kind_of(problem: Problem) -> str:
    """What failures have in common: the name of the error, or the reason without the path, and without numbers."""
    if problem.error:
        return problem.error
    path, reason = shown(problem.path), problem.reason
    names = {path, problem.target, path.rpartition("/")[2], problem.target.rpartition("/")[2]}
    for name in sorted(names - {""}, key=len, reverse=True):
        reason = re.sub(rf"(?<!\w){re.escape(name)}(?!\w)", "…", reason)
    return re.sub(r"\d+", "…", reason)


def _counts(counts: Counts, *, always: bool = False) -> dict[str, int]:
    numbers = msgspec.structs.asdict(counts)
    return {name: numbers[name] for name in (*_COUNTS, "bytes") if always or numbers[name]}


def _is_live(status: JobStatus | None, of_pass: _Pass) -> bool:
    return status is not None and status.live_pass == of_pass.pass_id


def _goes_on(status: JobStatus | None, of_pass: _Pass) -> bool:
    if status is None or not status.state.active:
        return False
    return _is_live(status, of_pass) or (status.pass_id == of_pass.pass_id and status.ended is None)
