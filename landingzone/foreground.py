"""Run a job in this process, or follow it while other processes work on it."""

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
from landingzone.hold import Hold
from landingzone.submit import is_served

_LOOK = 0.2
_RETRY = 1.0


class _Run(Protocol):
    def __call__(self, until: Callable[[], bool]) -> None: ...


class Foreground:
    """A job that this process runs or follows."""

    def __init__(self, store: Store, job: str, *, progress: bool) -> None:
        self._store = store
        self._name = job
        self._progress = progress
        self._interrupted = False

    def run(self, consume: _Run, hold: Hold) -> JobStatus:
        """Run the consumer until the job has ended or a signal arrives; then print a summary.

        After a signal a periodic job exits with status 0, any other raises Refused. So does the loss of the hold.
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
            hold.keep(self._store)
            status = self._status()
            if progress is not None:
                progress.show(status)
            return not status.state.active

        try:
            consume(until)
        finally:
            if progress is not None:
                progress.close()
        hold.release(self._store)
        status = self._summarise()
        if self._interrupted and status.state.active:
            hint = f"the same command continues job {self._name}, `ingest-scan stop {self._name}` ends it"
            if not status.job.periodic:
                raise Refused(f"interrupted: {hint}")
            print(f"Interrupted: {hint}.", file=sys.stderr)  # the usual end of a periodic job
            sys.exit(0)
        return status

    def wait(self) -> JobStatus:
        """Follow the job until its pass has ended; warn if no consumer is alive."""
        warned = False

        def until(status: JobStatus) -> bool:
            nonlocal warned
            if not warned and not is_served(self._store, status.job.topics.names):
                warned = True
                print(
                    f"warning: no consumer is alive to work on job {self._name}; start ingest-consume", file=sys.stderr
                )
            return ended(status)

        follow(self._store, self._name, report.Progress() if self._progress else None, until)
        return self._summarise()

    def _summarise(self) -> JobStatus:
        status = self._status()
        report.print_summary(status, self._store.jobs.problems(self._name), time.time())
        return status

    def _status(self) -> JobStatus:
        status = self._store.jobs.get(self._name)
        if status is None:
            raise Refused(f"the records of job {self._name} were removed while it ran")
        return status

    def _interrupt(self, _number: int, _frame: FrameType | None) -> None:
        self._interrupted = True


def ended(status: JobStatus) -> bool:
    """Whether the pass is over."""
    return not status.state.active or status.state is JobState.WAITING


def follow(store: Store, name: str, progress: report.Progress | None, until: Callable[[JobStatus], bool]) -> JobStatus:
    """Poll a job until the condition holds. Ctrl-C exits with status 0; it does not end the job."""
    try:
        while True:
            try:
                status = store.jobs.get(name)
            except Unreachable:  # the consumers wait for it, too
                time.sleep(_RETRY)
                continue
            if status is None:
                raise Refused(f"there is no job {name} any more")
            if progress is not None:
                progress.show(status)
            if until(status):
                return status
            time.sleep(_LOOK)
    except KeyboardInterrupt:
        hint = f"Job {name} is still active: `ingest-scan watch {name}` shows it, `ingest-scan stop {name}` ends it."
        print(hint, file=sys.stderr)
        sys.exit(0)
    finally:
        if progress is not None:
            progress.close()
