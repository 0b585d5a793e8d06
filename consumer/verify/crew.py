"""Checks the directories that wait in the record, several at a time.

Threads, because a check waits for the zone and for the source nearly all of its time. Each has a session of its own.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator
from contextlib import suppress
from queue import Empty, Queue, SimpleQueue
from threading import Event, Thread
from typing import NamedTuple

import msgspec

from consumer.irods.errors import connection_lost, describe
from consumer.sync.context import Context
from consumer.sync.failures import zone_answers
from consumer.verify.directory import Page, Work, check_directory
from consumer.verify.file import Checks
from consumer.verify.record import Record
from ingest.errors import Unreachable
from ingest.messages import Replica

_POLL = 0.1
"""Seconds after which a crew that is dismissed looks for late results."""


class _Done(NamedTuple):
    """A worker has ended the check of a directory."""

    work: Work


_Result = Page | _Done | Exception


class Crew:
    """Worker threads; `verify` gives them work."""

    def __init__(self, workers: int, context: Callable[[], Context], checks: Checks) -> None:
        """`context` makes a context for a thread; it is called in that thread."""
        self._context = context
        self._checks = checks
        self._work: SimpleQueue[Work | None] = SimpleQueue()
        self._results: Queue[_Result] = Queue(2 * workers)
        self._stopping = Event()
        msgspec.msgpack.Decoder(Replica)  # msgspec crashes when two threads decode a type for the first time at once
        self._threads = [Thread(target=self._run, daemon=True) for _ in range(workers)]

    def verify(self, record: Record, until: Callable[[], bool]) -> Iterator[Page]:
        """Check what waits in the record, page by page. When `until` returns True, stop at the next safe point.

        A page is recorded when the next one is asked for. Raises what a check raises: zone or source out of reach.
        """
        for thread in self._threads:
            thread.start()
        busy = 0
        try:
            while True:
                while busy < len(self._threads) and not self._is_over(until) and (work := record.take()) is not None:
                    self._work.put(work)
                    busy += 1
                if not busy:
                    return
                result = self._next(until)
                if isinstance(result, Exception):
                    raise result
                if isinstance(result, _Done):
                    record.put_back(result.work.path)
                    busy -= 1
                else:
                    yield result
                    record.settle(result, time.time())
        finally:
            self._dismiss()

    def _is_over(self, until: Callable[[], bool]) -> bool:
        if until():
            self._stopping.set()
        return self._stopping.is_set()

    def _next(self, until: Callable[[], bool]) -> _Result:
        while True:
            self._is_over(until)
            with suppress(Empty):
                return self._results.get(timeout=_POLL)

    def _dismiss(self) -> None:
        self._stopping.set()
        for _ in self._threads:
            self._work.put(None)
        for thread in self._threads:
            while thread.is_alive():
                with suppress(Empty):
                    self._results.get_nowait()
                thread.join(_POLL)

    def _run(self) -> None:
        """The work of one thread."""
        try:
            ctx = self._context()
        except Exception as error:  # noqa: BLE001 - the main thread raises it
            self._results.put(error)
            return
        try:
            while (work := self._work.get()) is not None:
                self._check(ctx, work)
                self._results.put(_Done(work))
        except Exception as error:  # noqa: BLE001 - the main thread raises it
            self._results.put(error)
        finally:
            ctx.sessions.close()

    def _check(self, ctx: Context, work: Work) -> None:
        """Hand on the pages of a directory. If the connection breaks although the zone answers, go on in a new one.

        Raises Unreachable when the zone does not answer, or when the connection breaks again.
        """
        for last_try in (False, True):
            try:
                for page in check_directory(ctx, self._checks, work, self._stopping.is_set):
                    self._results.put(page)
                    work = work._replace(cursor=page.cursor or b"")
            except Exception as error:
                if not connection_lost(error):
                    raise
                if last_try or not zone_answers(ctx):
                    raise Unreachable(f"iRODS does not answer: {describe(error)}") from error
            else:
                return
