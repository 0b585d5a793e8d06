"""Seeing a job through in this process, or following it while others work on it."""

from __future__ import annotations

import signal
import sys
import time
from collections.abc import Callable
from types import FrameType
from typing import Protocol

from ingest.errors import Refused, Unreachable
from ingest.job import JobState, JobStatus
from ingest.store import Store
from landingzone import report
from landingzone.submit import is_served

_LOOK = 0.2
_AWAY = 1.0


class _Run(Protocol):
    def __call__(self, until: Callable[[], bool]) -> None: ...


class Foreground:
    """A job that this process sees through, or follows while others work on it."""

    def __init__(self, store: Store, job: str, *, progress: bool) -> None:
        self._store = store
        self._name = job
        self._progress = progress
        self._interrupted = False

    def run(self, consume: _Run) -> JobStatus:
        """Have the consumer work until the job has ended or a signal comes; then tell how it went.

        After a signal a periodic job exits with status 0, any other raises Refused.
        """
        print(f"Job {self._name} works in this process; Ctrl-C interrupts it.", file=sys.stderr)
        for number in (signal.SIGINT, signal.SIGTERM):
            signal.signal(number, self._interrupt)
        progress = report.Progress() if self._progress else None
        looked = 0.0

        def until() -> bool:
            nonlocal looked
            if self._interrupted:
                return True
            if time.monotonic() - looked < _LOOK:
                return False
            looked = time.monotonic()
            status = self._status()
            if progress is not None:
                progress.show(status)
            return not status.state.active

        try:
            consume(until)
        finally:
            if progress is not None:
                progress.close()
        status = self._tell()
        if self._interrupted and status.state.active:
            goes_on = f"the same command continues job {self._name}, `ingest-scan stop {self._name}` ends it"
            if not status.job.periodic:
                raise Refused(f"interrupted: {goes_on}")
            print(f"Interrupted: {goes_on}.", file=sys.stderr)  # which is how a job ends that has no end of its own
            sys.exit(0)
        return status

    def wait(self) -> JobStatus:
        """Follow the job that others work on; warn when nobody does."""
        warned = False

        def until(status: JobStatus) -> bool:
            nonlocal warned
            if not warned and not is_served(self._store, status.job.topics.names):
                warned = True
                print(f"warning: no consumer is alive to work on job {self._name}", file=sys.stderr)
            return ended(status)

        follow(self._store, self._name, report.Progress() if self._progress else None, until)
        return self._tell()

    def _tell(self) -> JobStatus:
        status = self._status()
        report.print_summary(status, self._store.jobs.problems(self._name), time.time())
        return status

    def _status(self) -> JobStatus:
        status = self._store.jobs.get(self._name)
        if status is None:
            raise Refused(f"job {self._name} was forgotten while it ran")
        return status

    def _interrupt(self, _number: int, _frame: FrameType | None) -> None:
        self._interrupted = True


def ended(status: JobStatus) -> bool:
    """Whether the pass that one waits for is over."""
    return not status.state.active or status.state is JobState.WAITING


def follow(store: Store, name: str, progress: report.Progress | None, until: Callable[[JobStatus], bool]) -> JobStatus:
    """Look at a job until the condition holds. Ctrl-C ends the looking, not the job, and exits with status 0."""
    try:
        while True:
            try:
                status = store.jobs.get(name)
            except Unreachable:  # the consumers wait, too
                time.sleep(_AWAY)
                continue
            if status is None:
                raise Refused(f"there is no job {name} any more")
            if progress is not None:
                progress.show(status)
            if until(status):
                return status
            time.sleep(_LOOK)
    except KeyboardInterrupt:
        goes_on = f"Job {name} goes on: `ingest-scan watch {name}` shows it, `ingest-scan stop {name}` ends it."
        print(goes_on, file=sys.stderr)
        sys.exit(0)
    finally:
        if progress is not None:
            progress.close()
