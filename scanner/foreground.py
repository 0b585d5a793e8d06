"""`start` on one machine: enter the job, or take up an interrupted one, and see it through."""

from __future__ import annotations

import signal
import sys
import time
from collections.abc import Callable
from pathlib import Path
from types import FrameType
from typing import Any, Protocol

import msgspec

from ingest import logs
from ingest.broker import Outgoing
from ingest.broker.embedded import EmbeddedBroker
from ingest.errors import Refused
from ingest.job import DEFAULT_TOPICS, Job, JobState, JobStatus, Topics
from ingest.options import processors
from ingest.paths import overlap
from ingest.store import JobExists, Store
from ingest.store.embedded import EmbeddedStore
from scanner import report
from scanner.submit import Submission

KEEP_FINISHED = 7 * 86_400.0
"""Seconds for which ended jobs stay listed."""
_ALIVE_WAIT = 8.0
"""Seconds after which a consumer that was killed is no longer taken for alive."""
_LOOK = 0.2
_PARTITIONS = 8
"""Partitions of a topic, at least: more than workers, so that none of them waits for another's lane."""


class _Run(Protocol):
    def __call__(self, until: Callable[[], bool]) -> None: ...


class Foreground:
    """A submission and the state file that it goes to; a context manager."""

    def __init__(self, state: Path, submission: Submission, given: dict[str, Any]) -> None:
        self.state = state
        self.store: Store = EmbeddedStore(state)
        workers = given["workers"] or processors()
        self.broker = EmbeddedBroker(state, partitions=max(_PARTITIONS, 4 * workers))
        self._submission = submission
        self._allow_overlap: bool = given["allow_overlap"]
        self._progress: bool = given["synchronous"] and given["progress"]
        names = [given[f"{topic}_queue"] or topic for topic in DEFAULT_TOPICS]
        self.served = any(set(names) <= set(each.topics) for each in self.store.consumers(time.time()))
        if not self.served:  # nobody else is to take our tasks, perhaps with another account
            names = [f"{name}@{submission.job.name}" for name in names]
        self._names = names
        self._interrupted = False
        try:
            logs.configure(submission.job.log)
        except (OSError, ValueError) as error:
            raise Refused(f"cannot log to {submission.job.log.filename}: {error}") from error

    def __enter__(self) -> Foreground:
        return self

    def __exit__(self, *_: object) -> None:
        self.broker.close()
        self.store.close()

    def submit(self, first_message: Callable[[Job], Outgoing]) -> Job:
        """Enter the job, or find the interrupted one that it continues. Raises Refused when another is in the way."""
        submission, now = self._submission, time.time()
        self.store.forget_ended_before(now - KEEP_FINISHED)
        if submission.handler is not None and submission.job.handler is not None:
            self.store.save_handler(submission.job.handler, submission.handler)
        restart, path, file = self._names
        topics = Topics(restart, path, file, self.broker.ensure_topics(self._names))
        job = msgspec.structs.replace(submission.job, topics=topics)
        try:
            self.store.create_job(job, first_message(job), now, allow_overlap=self._allow_overlap)
        except JobExists as exists:
            job = self._resume(exists.status, job)
        self._name = job.name
        if not self.served:
            print(f"Job {job.name} works in this process; Ctrl-C interrupts it.", file=sys.stderr)
        elif not self._progress:
            print(f"Job {job.name} is queued; see `ingest-scan watch {job.name}`.", file=sys.stderr)
        return job

    def _resume(self, status: JobStatus, job: Job) -> Job:
        """An active job that no living process works on was interrupted: go on with it if it is the same one."""
        old = status.job
        name = job.name if self._submission.named else old.name
        same = msgspec.structs.replace(job, name=name, topics=old.topics, log=old.log) == old
        if not same or self.served:
            kind = "name" if old.name == job.name else f"target, {old.target},"
            assert overlap(old.target, job.target) or old.name == job.name  # noqa: S101 - else it is not in the way
            raise Refused(
                f"the active job {old.name} has this {kind} already: `ingest-scan stop {old.name}` ends it,"
                " the very same command continues it when it was interrupted"
            )
        print(f"Job {old.name} was begun before; making sure that nothing works on it …", file=sys.stderr)
        end = time.monotonic() + _ALIVE_WAIT
        while any(set(old.topics.names) & set(each.topics) for each in self.store.consumers(time.time())):
            if time.monotonic() > end:
                raise Refused(f"job {old.name} is running in another process: see `ingest-scan watch {old.name}`")
            time.sleep(_LOOK)
        return old

    def run(self, consume: _Run) -> JobStatus:
        """Have the consumer work until the job has ended or a signal comes; then tell how it went."""
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
            raise Refused(
                f"interrupted: the same command continues job {status.job.name},"
                f" `ingest-scan stop {status.job.name}` ends it"
            )
        return status

    def wait(self) -> JobStatus:
        """Follow the job that others work on."""
        follow(self.store, self._name, report.Progress() if self._progress else None, ended)
        return self._tell()

    def _tell(self) -> JobStatus:
        status = self._status()
        report.print_summary(status, self.store.problems(self._name), time.time())
        return status

    def _status(self) -> JobStatus:
        status = self.store.job(self._name)
        if status is None:
            raise Refused(f"job {self._name} was forgotten while it ran")
        return status

    def _interrupt(self, _number: int, _frame: FrameType | None) -> None:
        self._interrupted = True


def ended(status: JobStatus) -> bool:
    """Whether the pass that one waits for is over."""
    return not status.state.active or status.state is JobState.WAITING


def follow(store: Store, name: str, progress: report.Progress | None, until: Callable[[JobStatus], bool]) -> JobStatus:
    """Look at a job until the condition holds."""
    try:
        while True:
            status = store.job(name)
            if status is None:
                raise Refused(f"there is no job {name} any more")
            if progress is not None:
                progress.show(status)
            if until(status):
                return status
            time.sleep(_LOOK)
    finally:
        if progress is not None:
            progress.close()
