"""Automated-ingest's `sync_logging`: its loggers are the worker's own, so what they write has job and path with it."""

from __future__ import annotations

from typing import Any

from ingest.service import logs

irods_sync_logger = "irods_sync"
"""The logger's name."""


def get_sync_logger(log_config: Any = None) -> Any:  # noqa: ARG001 - the worker's logging is set up already
    """The logger for a handler, a structlog one, whatever `meta["config"]["log"]` says."""
    return logs.get(irods_sync_logger)


create_sync_logger = get_sync_logger


def get_sync_logger_key(log_config: Any = None) -> str:  # noqa: ARG001
    """The logger's name."""
    return irods_sync_logger
