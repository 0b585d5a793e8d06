"""What a worker process tells the consumer about the task in its hands, and how long it may take.

The consumer sends the message of a task as it came from the topic. The worker answers with one `Began`, any number of
`PathDone` (in the order of the batch) or `Page`, and one of `Finished` or `Unavailable`. The consumer acknowledges each
`Page` once it is stored, so that a listing never runs ahead of the store.
"""

from __future__ import annotations

from collections.abc import Sequence
from enum import Enum

import msgspec

from ingest.job import Counts, LogSettings, Problem
from ingest.messages import Candidate
from ingest.service.profile import Event
from ingest.store import Cached, Child

PAGE_STORED = b"stored"

CacheKey = tuple[bytes, bytes]
"""Directory and name, as `ingest.fingerprint.cache_key` gives them."""


class Setup(msgspec.Struct, frozen=True):
    """The first thing that a worker is told: where the store is, how to log, and whether and what to measure."""

    state: str
    log: LogSettings
    profile: LogSettings | None = None


class Result(Enum):
    """What became of one path."""

    DONE = "done"
    UNCHANGED = "unchanged"
    SKIPPED = "skipped"
    FAILED = "failed"
    UNSETTLED = "unsettled"
    """To be looked at once more after a while: it may still be written to."""


class Outcome(msgspec.Struct, frozen=True):
    """What became of one path, and why when it did not arrive. `bytes` of content went into the zone.

    `cached` is what the path cache is to keep of it.
    `kept`: it was to be deleted, and it is certain that it was not. `deleted`: it had vanished from the source and was
    deleted; `uncached` is what the path cache must forget then.
    """

    result: Result
    bytes: int = 0
    cached: Sequence[Cached] = ()
    reason: str = ""
    error: str | None = None
    code: int | None = None
    kept: bool = False
    deleted: bool = False
    uncached: Sequence[CacheKey] = ()


class _Report(msgspec.Struct, frozen=True, tag=True):
    pass


class Began(_Report, frozen=True):
    """The task is begun: its time limit in seconds, and the handler's word on retries of what fails in it.

    `cursor` is where a listing goes on.
    """

    timeout: float
    max_retries: int
    delay: float
    cursor: bytes | None = None


class PathDone(_Report, frozen=True):
    """The next path of the batch is dealt with; `target` is its logical path."""

    target: str
    outcome: Outcome


class Part(msgspec.Struct, frozen=True):
    """What (a part of) a task adds to its pass: tasks that follow, counts, problems, and what to remember."""

    children: Sequence[Child] = ()
    counts: Counts = Counts()
    problems: Sequence[Problem] = ()
    solved: Sequence[bytes] = ()
    cached: Sequence[Cached] = ()
    uncached: Sequence[tuple[bytes, bytes]] = ()
    candidates: Sequence[Candidate] = ()


class Page(_Report, frozen=True):
    """A listing has got as far as the name `cursor`."""

    cursor: bytes
    part: Part


class Finished(_Report, frozen=True):
    """The task is over. `failure` says what failed of it as a whole, `target` for which logical path."""

    part: Part = Part()
    failure: Outcome | None = None
    target: str = ""


class Unavailable(_Report, frozen=True):
    """The zone, or only the source of the job, is out of reach: nobody's fault, to be tried again later."""

    reason: str
    only_source: bool = False


class Profiled(_Report, frozen=True):
    """How long the task and what belongs to it have taken; before the last report, and only when asked for."""

    events: Sequence[Event]


Report = Began | PathDone | Page | Profiled | Finished | Unavailable

_decoder: msgspec.msgpack.Decoder[Report] = msgspec.msgpack.Decoder(Report)
_encoder = msgspec.msgpack.Encoder()


def pack(report: Report | Setup) -> bytes:
    """A report as it goes through the pipe."""
    return _encoder.encode(report)


def unpack(data: bytes) -> Report:
    """The report in `data`."""
    return _decoder.decode(data)
