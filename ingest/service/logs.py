"""Logging: key-value lines on a terminal's stderr, JSON lines in files, through structlog."""

from __future__ import annotations

import logging
import logging.handlers
import sys
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


def configure(settings: LogSettings) -> None:
    """Set up the process's logging; a file is rotated as by `TimedRotatingFileHandler`. Raises Refused."""
    handler: logging.Handler
    renderer: Any
    if settings.filename:
        when, interval = settings.when or "h", settings.interval or 1
        try:
            handler = logging.handlers.TimedRotatingFileHandler(settings.filename, when=when, interval=interval)
        except (OSError, ValueError) as error:
            raise Refused(f"cannot log to {settings.filename}: {error}") from error
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
        structlog.processors.TimeStamper(fmt="iso", utc=False, key="@timestamp"),
    ]
    handler.setFormatter(
        structlog.stdlib.ProcessorFormatter(
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
