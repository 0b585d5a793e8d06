"""The reports of a worker process on its task.

The consumer sends the message of a task as it came from the topic. The worker answers with one `Began`, any number of
`PathBegun` and `PathDone` (in the order of the batch) or `Page`, and one of `Finished`, `Unavailable` or `HandedBack`.
The consumer acknowledges each `Page` once it is stored, so that a listing never runs ahead of the store.
"""

from __future__ import annotations

from collections.abc import Sequence
from enum import Enum
from typing import Any

import msgspec

from ingest.job import Counts, LogSettings, Problem
from ingest.messages import Candidate, Fingerprint
from ingest.service.profile import Event
from ingest.store import Cached, Child

PAGE_STORED = b"stored"
ENOUGH = b"enough"
"""The answers to a page: go on, or leave the rest of the task to another message."""

CacheKey = tuple[bytes, bytes]
"""Directory and name, as `ingest.fingerprint.cache_key` returns them."""


class Setup(msgspec.Struct, frozen=True):
    """The first message to a worker: the store, the log settings, and what to measure, if anything."""

    state: str
    log: LogSettings
    profile: LogSettings | None = None


class Result(Enum):
    """The result of one path."""

    DONE = "done"
    UNCHANGED = "unchanged"
    SKIPPED = "skipped"
    FAILED = "failed"
    UNSETTLED = "unsettled"
    """To be tried once more later: a writer may still be at work."""
    LATER = "later"
    """To be tried again later, because iRODS or another client of it holds the path at the moment."""


class Outcome(msgspec.Struct, frozen=True):
    """The outcome of one path, with the reason if it failed or was skipped. `bytes` of content went into the zone.

    `cached` goes into the path cache, and `uncached` is taken out. `kept`: a deletion certainly removed nothing.
    `deleted`: the file is absent from the source, and its data object was deleted.
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
    """The task has begun. `timeout` and `delay` (before a retry) are in seconds.

    A listing or move continues behind `cursor`.
    """

    timeout: float
    max_retries: int
    delay: float
    cursor: bytes | None = None


class PathBegun(_Report, frozen=True):
    """The worker begins to change the object of the next path of the batch. It says so before each change.

    If the worker dies before the path is done, its entry in the path cache becomes `mark`.
    """

    key: CacheKey
    mark: Fingerprint


class PathDone(_Report, frozen=True):
    """The next path of the batch is finished; `target` is its logical path.

    `seconds`: how long it took; None if it was done together with others.
    """

    target: str
    outcome: Outcome
    seconds: float | None = None


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
    """A listing or move has advanced to `cursor`."""

    cursor: bytes
    part: Part


class Finished(_Report, frozen=True):
    """The task has finished. If it failed as a whole, `failure` is the reason and `target` the logical path."""

    part: Part = Part()
    failure: Outcome | None = None
    target: str = ""


class Unavailable(_Report, frozen=True):
    """The zone, or only the source of the job, is out of reach. The task is tried again later and has not failed.

    `account`: the zone refuses the login of this consumer's account; other consumers may go on.
    """

    reason: str
    only_source: bool = False
    account: bool = False


class HandedBack(_Report, frozen=True):
    """The worker has stopped between two paths, because the consumer asked for the task. The rest is not begun."""


class Profiled(_Report, frozen=True):
    """How long the task and what belongs to it have taken; before the last report, and only when asked for."""

    events: Sequence[Event]


Report = Began | PathBegun | PathDone | Page | Profiled | Finished | Unavailable | HandedBack

_decoder: msgspec.msgpack.Decoder[Report] = msgspec.msgpack.Decoder(Report)
_encoder = msgspec.msgpack.Encoder()


def pack(report: Report | Setup) -> bytes:
    """Encode a report for the pipe. Text that is not valid UTF-8, from a handler or an exception, is escaped."""
    try:
        return _encoder.encode(report)
    except UnicodeEncodeError:
        return _encoder.encode(_valid(report))


def _valid(value: Any) -> Any:
    """The same value with valid UTF-8 in all its text."""
    if isinstance(value, str):
        return value.encode("utf-8", "backslashreplace").decode()
    if isinstance(value, msgspec.Struct):
        fields = {name: _valid(getattr(value, name)) for name in value.__struct_fields__}
        return msgspec.structs.replace(value, **fields)
    if isinstance(value, tuple) and hasattr(value, "_fields"):  # a NamedTuple
        return type(value)(*map(_valid, value))
    if isinstance(value, (list, tuple)):
        return [_valid(each) for each in value]
    if isinstance(value, dict):
        return {_valid(key): _valid(each) for key, each in value.items()}
    return value


def unpack(data: bytes) -> Report:
    """Decode a report from the pipe."""
    return _decoder.decode(data)
