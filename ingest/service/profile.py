"""The profile of a consumer: JSON lines with the duration of each task, hook and iRODS call."""

from __future__ import annotations

import logging
import logging.handlers
import os
import sys
import time
from collections.abc import Iterable
from typing import Annotated, Any, Literal

import msgspec

from ingest.errors import Refused
from ingest.job import Job, LogSettings
from ingest.messages import ListPath, Task, path_from_wire
from ingest.paths import join
from ingest.service import logs

Seconds = Annotated[float, msgspec.Meta(ge=0, le=1e10)]
Number = Annotated[int, msgspec.Meta(ge=0, lt=2**32)]
Kind = Literal["task", "hook", "call"]

_LEVELS: dict[Kind, int] = {"task": logging.INFO, "hook": logging.DEBUG, "call": logging.DEBUG}


class Event(msgspec.Struct, frozen=True, kw_only=True, omit_defaults=True):
    """One line. `start` is in seconds since the epoch and `duration` in seconds, both exact to the microsecond.

    `pid` and `tid` are the worker's process and thread. `path` is a source path and `target` a logical one, both as
    text with escapes for undecodable bytes. `error` is the class of the exception that ended it.
    """

    kind: Kind
    name: str
    job: str
    pass_id: str
    task: str
    pid: Number
    tid: Number
    start: Seconds
    duration: Seconds
    path: str | None = None
    target: str | None = None
    error: str | None = None


def wanted(kind: Kind, level: str | None) -> bool:
    """Whether events of this kind are written at a `--profile_level`: tasks are INFO, hooks and calls DEBUG."""
    return level is None or _LEVELS[kind] >= logging.getLevelName(level)


def path_text(path: Any) -> str | None:
    """A path as text for an event; None for a value that is no path."""
    return os.fsdecode(path).encode("utf-8", "backslashreplace").decode() if isinstance(path, (str, bytes)) else None


def task_path(job: Job, task: Task) -> str | None:
    """The directory that a task lists; None for other tasks."""
    return path_text(join(job.source, path_from_wire(task.path))) if isinstance(task, ListPath) else None


def broken_off(task: Task, job: Job, pid: int, seconds: float) -> Event:
    """The event of a task that was aborted: the worker `pid` got it some seconds ago and has ended."""
    return Event(
        kind="task",
        name=type(task).__name__,
        job=task.job,
        pass_id=task.pass_id,
        task=task.task,
        pid=pid,
        tid=pid,
        start=round(time.time() - seconds, 6),
        duration=round(seconds, 6),
        path=task_path(job, task),
        error="Aborted",
    )


def settings(*, enabled: bool, options: LogSettings) -> LogSettings | None:
    """Check the `--profile_*` options; None without `--profile`. Raises Refused if no file is named."""
    if not enabled:
        return None
    if not options.filename:
        raise Refused("--profile needs a file to write to: --profile_filename FILE")
    return options


class ProfileFile:
    """The file of a profile, rotated as by `TimedRotatingFileHandler`. For one process: the consumer's parent."""

    def __init__(self, settings: LogSettings) -> None:
        """Raises Refused when it cannot be opened."""
        self.settings = settings
        try:
            self._file = _File(
                settings.filename or "", when=settings.when or "h", interval=settings.interval or 1, encoding="utf-8"
            )
        except (OSError, ValueError) as error:
            raise Refused(f"cannot write the profile {settings.filename}: {error}") from error

    def write(self, events: Iterable[Event]) -> None:
        """Append a line for each event; a rotation never separates them."""
        lines = b"\n".join(
            _encoder.encode(event) for event in events if wanted(event.kind, self.settings.level)
        ).decode()
        if lines:
            self._file.handle(logging.makeLogRecord({"msg": lines}))


class _File(logging.handlers.TimedRotatingFileHandler):
    _warned = False

    def handleError(self, _record: logging.LogRecord) -> None:  # noqa: N802 - the name in logging
        """Log a failed write once: a full disk must not stop the job."""
        if not self._warned:
            self._warned = True
            logs.get("consumer").warning(
                "the profile cannot be written", file=self.baseFilename, reason=str(sys.exc_info()[1])
            )


_encoder = msgspec.json.Encoder()
