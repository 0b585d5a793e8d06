"""A worker process: takes one task at a time from its consumer and reports its outcome.

A process of its own, because handlers may hang, crash, or keep state in module globals. It ends when its consumer does.
"""

from __future__ import annotations

import os
import signal
import sys
import threading
import time
from collections.abc import Generator, Iterator
from multiprocessing.connection import Connection

import msgspec

from consumer.fence import Fence
from consumer.irods.sessions import Sessions, before_each_call
from consumer.profile import Profiler
from consumer.protocol import (
    PAGE_STORED,
    Began,
    Finished,
    HandedBack,
    Outcome,
    Page,
    Part,
    PathBegun,
    PathDone,
    Report,
    Result,
    Setup,
    Unavailable,
    pack,
)
from consumer.sync.context import Context
from consumer.sync.failures import of_error, out_of_reach
from consumer.sync.meta import of_job
from consumer.sync.path_cache import begun, has_hooks, recall
from consumer.tasks import bulk
from consumer.tasks.delete import delete
from consumer.tasks.list_directory import list_path
from consumer.tasks.move import move_path
from consumer.tasks.open_close import close_pass, open_pass
from consumer.tasks.sync_files import sync_files
from ingest.compat import runtime
from ingest.deployment import Deployment
from ingest.errors import AccountRefused, Refused, SourceUnreachable, Unreachable
from ingest.job import DEFAULT_IDLE_SECONDS
from ingest.messages import ClosePass, Delete, ListPath, MovePath, OpenPass, SyncFiles, Task, decode
from ingest.service import logs
from ingest.store import Store
from scanner.entries import SourceNotVisible

IDLE_CHECK_SECONDS = 1.0
_STORE_WAIT = 1.0


def main() -> None:
    """Serve the consumer.

    File descriptor argv[1] is the socket whose other end it has, argv[2] the fence, and argv[3] the socket for the log.
    """
    signal.signal(signal.SIGINT, signal.SIG_IGN)  # Ctrl-C is the consumer's to answer
    _end_with_parent()
    pipe = Connection(int(sys.argv[1]))
    fence = Fence(int(sys.argv[2]))
    before_each_call(fence.check)
    setup = msgspec.msgpack.decode(pipe.recv_bytes(), type=Setup)
    os.set_inheritable(int(sys.argv[3]), False)  # programs that handlers start must not hold it open
    logs.configure(setup.log, Connection(int(sys.argv[3])))
    profiler = None if setup.profile is None else Profiler(setup.profile.level)
    worker = _Worker(pipe, fence, _open(setup.state), profiler)
    try:
        worker.serve()
    except (EOFError, BrokenPipeError, ConnectionResetError):  # the consumer has ended
        worker.close()


def _open(deployment: str) -> Store:
    """The store, as soon as it answers."""
    while True:
        try:
            return Deployment.of_text(deployment).store()
        except Unreachable:
            time.sleep(_STORE_WAIT)


def _end_with_parent() -> None:
    """End at once when the consumer does: two workers on one path would race. Standard input is the lifeline."""
    lifeline = os.dup(0)
    null = os.open(os.devnull, os.O_RDONLY)
    os.dup2(null, 0)
    os.close(null)

    def wait() -> None:
        os.read(lifeline, 1)
        os.kill(os.getpid(), signal.SIGKILL)

    threading.Thread(target=wait, daemon=True, name="lifeline").start()


class _Worker:
    def __init__(self, pipe: Connection, fence: Fence, store: Store, profiler: Profiler | None) -> None:
        self._pipe = pipe
        self._fence = fence
        self._profiler = profiler
        self._store = store
        self._sessions = Sessions(DEFAULT_IDLE_SECONDS)
        runtime.configure(store, self._sessions.get)
        self._context: tuple[str, Context] | None = None

    def serve(self) -> None:
        """Take tasks until the pipe ends."""
        while True:
            while not self._pipe.poll(IDLE_CHECK_SECONDS):
                self._sessions.close_idle()
            task = decode(self._pipe.recv_bytes())
            assert isinstance(task, Task)  # noqa: S101 - the consumer sends nothing else
            reports = self._reports(task)
            for report in reports if self._profiler is None else self._profiler.watch(task, reports):
                self._pipe.send_bytes(pack(report))
                if isinstance(report, Page) and self._pipe.recv_bytes() != PAGE_STORED:
                    break
                if isinstance(report, PathDone) and self._fence.asked_back:
                    reports.close()
                    self._pipe.send_bytes(pack(HandedBack()))
                    break

    def close(self) -> None:
        """Log out."""
        self._sessions.close()

    def _reports(self, task: Task) -> Generator[Report, None, None]:
        ctx: Context | None = None
        try:
            ctx = self._context_of(task)
            goes_on = isinstance(task, (ListPath, MovePath, SyncFiles))
            cursor = self._store.tasks.cursor(task.pass_id, task.task) if goes_on else None
            began = _began(ctx, task, cursor)
            yield began
            yield from _work(ctx, task, began)
        except Refused as error:
            yield Finished(failure=Outcome(Result.FAILED, reason=str(error)))
        except Exception as error:  # noqa: BLE001 - whatever it is, the task has an end
            unavailable = _unavailable(ctx, error)
            if unavailable is not None:
                self._sessions.close()
                yield unavailable
                return
            logs.get("consumer").debug("task failed", exc_info=error)
            yield Finished(failure=of_error(error))

    def _context_of(self, task: Task) -> Context:
        if self._context is None or self._context[0] != task.pass_id:
            status = self._store.jobs.get(task.job)
            if status is None:
                raise Refused(f"job {task.job} is not in the store any more")
            self._sessions.idle_seconds = status.job.idle_seconds
            ctx = Context(status.job, self._store, self._sessions, live=status.live_pass == task.pass_id)
            ctx.report_begun = lambda key, mark: self._pipe.send_bytes(pack(PathBegun(key, mark)))
            if self._profiler is not None:
                self._profiler.enter(ctx.job, ctx.handler)
            self._context = (task.pass_id, ctx)
        return self._context[1]


def _unavailable(ctx: Context | None, error: Exception) -> Unavailable | None:
    """The report on an outage, if the error is one."""
    try:
        if not isinstance(error, Unreachable) and (ctx is None or not out_of_reach(ctx, error)):
            return None
    except Unreachable as found:
        error = found
    of_source = isinstance(error, (SourceUnreachable, SourceNotVisible))
    return Unavailable(str(error), only_source=of_source, account=isinstance(error, AccountRefused))


def _work(ctx: Context, task: Task, began: Began) -> Iterator[Report]:
    match task:
        case OpenPass():
            yield open_pass(ctx, task)
        case ClosePass():
            yield close_pass(ctx, task)
        case ListPath():
            yield from list_path(ctx, task, began.cursor, last_try=task.attempt >= began.max_retries)
        case MovePath():
            yield from move_path(ctx, task, began.cursor)
        case SyncFiles():
            task = recall(ctx, task, again=began.cursor == begun(task))
            if began.cursor != begun(task) and has_hooks(ctx):
                yield Page(begun(task), Part())
            yield from sync_files(ctx, task, bulk.register(ctx, task.changes))
            yield Finished()
        case Delete():
            yield from delete(ctx, task)
            yield Finished()


def _began(ctx: Context, task: Task, cursor: bytes | None) -> Began:
    meta = of_job(ctx.job)
    match task:
        case SyncFiles():
            attempt = max(change.attempt for change in task.changes)
        case Delete():
            attempt = max(candidate.attempt for candidate in task.candidates)
        case ListPath() | MovePath():
            attempt = task.attempt
        case _:
            attempt = 0
    handler = ctx.handler
    retries = handler.max_retries(ctx.log, meta)
    delay = handler.delay(ctx.log, meta, attempt + 1) if attempt < retries else 0.0
    return Began(handler.timeout(ctx.log, meta), retries, delay, cursor)


if __name__ == "__main__":
    main()
