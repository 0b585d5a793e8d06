"""The worker processes of a consumer."""

from __future__ import annotations

import socket
import subprocess
import sys
import time
from collections.abc import Iterator, Sequence
from contextlib import suppress
from multiprocessing.connection import Connection, wait
from typing import NamedTuple

from consumer.dispatch.accounting import BEFORE_BEGAN, RunningTask
from consumer.fence import Fence
from consumer.protocol import ENOUGH, PAGE_STORED, Began, PathBegun, PathDone, Profiled, Report, Setup, pack, unpack
from ingest.broker import Record
from ingest.job import Job
from ingest.messages import Task
from ingest.service import logs

_EXIT_SECONDS = 1.0
_PROGRAM = "import sys; sys.path[:] = {path!r}; from consumer.worker import main; main()"


_END_SECONDS = 2.0


class Event(NamedTuple):
    """A report of a worker; None: the worker has died."""

    worker: Worker
    report: Report | None


class Worker:
    """One worker process and its task."""

    def __init__(self, setup: Setup) -> None:
        (ours, theirs), (log, logged) = socket.socketpair(), socket.socketpair()
        program = _PROGRAM.format(path=sys.path)
        self.fence = Fence()
        with theirs, logged:
            shared = (theirs.fileno(), self.fence.descriptor, logged.fileno())
            self.process = subprocess.Popen(
                [sys.executable, "-c", program, *map(str, shared)],
                pass_fds=shared,
                stdin=subprocess.PIPE,  # held open: the worker ends when we do
                stdout=2,  # what handlers print must not mix with our own output
            )
        self._log = logs.write_lines_of(Connection(log.detach()))
        self.pipe = Connection(ours.detach())
        self.pipe.send_bytes(pack(setup))
        self.task: Task | None = None
        self.record: Record | None = None
        self.job: Job | None = None
        self._began = BEFORE_BEGAN
        self._done: list[PathDone] = []
        self._path: PathBegun | None = None
        self._cursor: bytes | None = None
        self._since = 0.0
        self._asked: float | None = None

    def hand(self, task: Task, record: Record, job: Job, until: float) -> None:
        """Send the worker a task. It must have none.

        Args:
            task: The task.
            record: The record of the task.
            job: The job of the task.
            until: Until when the partition of the record is certainly ours, by the boot clock, in seconds.

        Raises:
            OSError: The worker has died.
        """
        self.fence.hold_until(until)
        self.task, self.record, self.job, self._asked = task, record, job, None
        self._began, self._done, self._cursor, self._since = BEFORE_BEGAN, [], None, time.monotonic()
        self._path = None
        self.pipe.send_bytes(record.value)

    def note(self, report: Began | PathBegun | PathDone) -> None:
        """Keep a report on the task."""
        match report:
            case Began():
                self._began, self._cursor = report, report.cursor
            case PathBegun():
                self._path = report
            case PathDone():
                self._path = None
                self._done.append(report)

    @property
    def running(self) -> RunningTask:
        """The task of this worker, with all reports on it."""
        assert self.task is not None  # noqa: S101 - asked of busy workers only
        assert self.record is not None  # noqa: S101
        assert self.job is not None  # noqa: S101
        return RunningTask(self.task, self.record, self.job, self._began, self._done, self._cursor, self._path)

    @property
    def timeout(self) -> float:
        """Seconds that the task, or a page of it, may take."""
        return self._began.timeout

    @property
    def seconds(self) -> float:
        """Seconds since the worker got the task, or since its last page was stored."""
        return time.monotonic() - self._since

    @property
    def overdue(self) -> bool:
        """Whether the task, or a page of it, has taken longer than it may."""
        return self.task is not None and self.seconds > self._began.timeout

    def excuse(self, seconds: float) -> None:
        """Do not count these seconds against the timeout: reports could not be settled."""
        self._since += seconds

    def page_stored(self, cursor: bytes, *, go_on: bool = True) -> None:
        """Note that the page up to `cursor` is stored. The timeout starts anew. Without `go_on` the task ends here."""
        self._cursor, self._since = cursor, time.monotonic()
        with suppress(OSError):  # it has died meanwhile: its pipe will say so
            self.pipe.send_bytes(PAGE_STORED if go_on else ENOUGH)

    def ask_back(self) -> float:
        """Ask the worker to hand the task back after the path in work. Returns the seconds since it was first asked."""
        now = time.monotonic()
        self._asked = self._asked or now
        self.fence.ask_back()
        return now - self._asked

    @property
    def asked_back(self) -> bool:
        """Whether the worker was asked to hand its task back."""
        return self._asked is not None

    def release(self) -> Record:
        """Take the settled task from the worker. Returns its record."""
        record = self.running.record
        self.task = self.record = self.job = None
        self.fence.open()
        return record

    def exit_words(self) -> str:
        """How the dead process ended."""
        try:
            code = self.process.wait(_EXIT_SECONDS)  # its pipe closes a moment before it has ended
        except subprocess.TimeoutExpired:
            return "it closed its pipe"
        return f"signal {-code}" if code < 0 else f"exit status {code}"

    def end(self) -> None:
        """Kill the process and wait briefly: a process that hangs in a dead mount cannot end."""
        self.process.kill()
        self.pipe.close()
        if self.process.stdin:
            self.process.stdin.close()
        with suppress(subprocess.TimeoutExpired):
            self.process.wait(_END_SECONDS)
            self._log.join(_END_SECONDS)
        self.fence.discard()


class Pool:
    """A fixed number of workers."""

    def __init__(self, size: int, setup: Setup) -> None:
        self._setup = setup
        self._workers = [Worker(setup) for _ in range(size)]

    def free(self) -> list[Worker]:
        """Those without a task."""
        return [worker for worker in self._workers if worker.task is None]

    def busy(self) -> list[Worker]:
        """Those with a task."""
        return [worker for worker in self._workers if worker.task is not None]

    def replace(self, worker: Worker) -> None:
        """Kill a worker and start another in its place."""
        worker.end()
        self._workers[self._workers.index(worker)] = Worker(self._setup)

    def events(self, timeout: float) -> Iterator[Event]:
        """The reports of the workers; waits up to `timeout` seconds for the first."""
        pipes = {worker.pipe: worker for worker in self._workers}
        for pipe in _ready(list(pipes), timeout):
            try:
                report = unpack(pipe.recv_bytes())
                while isinstance(report, (Began, PathBegun, PathDone, Profiled)) and pipe.poll():
                    yield Event(pipes[pipe], report)
                    report = unpack(pipe.recv_bytes())
                yield Event(pipes[pipe], report)
            except (EOFError, OSError):
                yield Event(pipes[pipe], None)

    def close(self) -> None:
        """End all workers."""
        for worker in self._workers:
            worker.end()


def _ready(pipes: Sequence[Connection], timeout: float) -> list[Connection]:
    return [each for each in wait(pipes, timeout) if isinstance(each, Connection)]
