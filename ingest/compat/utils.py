"""Automated-ingest's `utils`."""

from __future__ import annotations

from ingest.compat.celery import enqueue_task
from ingest.handlers.core import DeleteMode, Operation, delete_mode_is_compatible_with_operation

__all__ = [
    "DeleteMode",
    "Operation",
    "delete_mode_is_compatible_with_operation",
    "enqueue_task",
    "is_unicode_encode_error_path",
]


def is_unicode_encode_error_path(path: str) -> bool:
    """Whether a source path, as `meta["path"]` has it, is not valid UTF-8."""
    try:
        path.encode()
    except UnicodeEncodeError:
        return True
    return False
