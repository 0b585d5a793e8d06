"""Logging: key-value lines on a terminal's stderr, JSON lines in files, through structlog.

Only one process writes the log file of a job. Its workers send it their lines.
"""

from __future__ import annotations

import logging
import logging.handlers
import os
import sys
import threading
from contextlib import suppress
from datetime import datetime, timezone
from itertools import count
from multiprocessing.connection import Connection
from typing import Any

import structlog
from structlog.typing import FilteringBoundLogger

from ingest.errors import Refused
from ingest.job import LogSettings

Logger = FilteringBoundLogger
"""The type of our loggers."""
DEFAULT_LEVEL = "WARNING"
_LOG_SECRETS = ("irods", "boto3", "botocore")
"""Libraries that log what they send at DEBUG: logins and file contents, or session tokens."""


def configure(settings: LogSettings, send_to: Connection | None = None) -> None:
    """Set up the process's logging.

    Args:
        settings: The level, and the file with its rotation; without a file, lines go to stderr.
        send_to: In a worker, the connection to the process that writes the file. Lines to stderr do not use it.

    Raises:
        Refused: The file cannot be opened, or the rotation is not valid.
    """
    renderer: Any
    if settings.filename:
        handler = _open_file(settings, settings.filename) if send_to is None else _Sender(send_to)
        renderer = structlog.processors.JSONRenderer(default=repr)
    else:
        handler = logging.StreamHandler(sys.stderr)
        renderer = structlog.dev.ConsoleRenderer(
            colors=sys.stderr.isatty(), exception_formatter=structlog.dev.plain_traceback
        )
    shared: list[Any] = [
        structlog.contextvars.merge_contextvars,
        structlog.stdlib.add_logger_name,
        structlog.stdlib.add_log_level,
        _add_time,
    ]
    handler.setFormatter(
        _Formatter(
            foreign_pre_chain=[*shared, structlog.processors.format_exc_info],
            processors=[structlog.stdlib.ProcessorFormatter.remove_processors_meta, renderer],
        )
    )
    root = logging.getLogger()
    root.handlers = [handler]
    root.setLevel(settings.level or DEFAULT_LEVEL)
    for name in _LOG_SECRETS:
        logging.getLogger(name).setLevel(max(root.level, logging.INFO))
    structlog.configure(
        processors=[
            structlog.stdlib.filter_by_level,
            *shared,
            structlog.processors.format_exc_info,
            structlog.stdlib.ProcessorFormatter.wrap_for_formatter,
        ],
        logger_factory=structlog.stdlib.LoggerFactory(),
        wrapper_class=structlog.stdlib.BoundLogger,
        cache_logger_on_first_use=True,
    )


def get(name: str) -> Logger:
    """The logger of this name."""
    logger: Logger = structlog.get_logger(name)
    return logger


def write_lines_of(worker: Connection) -> threading.Thread:
    """Write the lines that a worker sends to this process's log, until the worker has ended. Returns the thread.

    A worker that is killed loses no line that it has sent.
    """
    thread = threading.Thread(target=_write_lines, args=(worker,), daemon=True, name="log lines of a worker")
    thread.start()
    return thread


def _write_lines(worker: Connection) -> None:
    with worker, suppress(EOFError, OSError):
        while True:
            line = _Line("worker", logging.NOTSET, "", 0, worker.recv_bytes().decode(), None, None)
            for handler in logging.getLogger().handlers:
                handler.handle(line)


class _Line(logging.LogRecord):
    """A line that a worker has formatted."""


class _Formatter(structlog.stdlib.ProcessorFormatter):
    def format(self, record: logging.LogRecord) -> str:
        return str(record.msg) if isinstance(record, _Line) else super().format(record)


class _Sender(logging.Handler):
    """Sends the lines of a worker to the process that writes the file. The lock of a handler keeps them apart."""

    def __init__(self, to: Connection) -> None:
        super().__init__()
        self._to = to

    def emit(self, record: logging.LogRecord) -> None:
        try:
            self._to.send_bytes(self.format(record).encode("utf-8", "backslashreplace"))
        except OSError:  # the consumer has ended, and the worker will in a moment
            pass
        except Exception:  # noqa: BLE001 - as all handlers of the standard library
            self.handleError(record)


def _open_file(settings: LogSettings, filename: str) -> logging.Handler:
    """The file. It is rotated only if that was asked for, and otherwise reopened when it was moved."""
    try:
        if settings.when is None and settings.interval is None:
            return logging.handlers.WatchedFileHandler(filename, errors="backslashreplace")
        when, interval = settings.when or "h", settings.interval or 1
        rotated = logging.handlers.TimedRotatingFileHandler(
            filename, when=when, interval=interval, errors="backslashreplace"
        )
    except (OSError, ValueError) as error:
        raise Refused(f"cannot log to {filename}: {error}") from error
    rotated.namer = _free_name
    return rotated


def _free_name(name: str) -> str:
    """The name for a rotated file. The clock can be set back, as in autumn, and no older file may be overwritten."""
    names = (f"{name}.{number}" if number else name for number in count())
    return next(each for each in names if not os.path.exists(each))


def _add_time(_logger: Any, _method: str, event: Any) -> Any:
    """Add the time in UTC, with its offset."""
    event["@timestamp"] = datetime.now(timezone.utc).isoformat()
    return event
