"""The store and the sessions of the worker process in which a handler runs."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, NamedTuple

from ingest.store import Store

SessionOf = Callable[[tuple[str, str] | None], Any]
"""Zone and user on whose behalf a session is to act (None: the service account) → an iRODSSession."""


class _Worker(NamedTuple):
    store: Store
    session_of: SessionOf


_worker: _Worker | None = None


def configure(store: Store, session_of: SessionOf) -> None:
    """Say what this worker process has; called before its first handler is loaded."""
    global _worker  # noqa: PLW0603 - one per process, as the handlers' own globals are
    _worker = _Worker(store, session_of)


def _here() -> _Worker:
    if _worker is None:
        raise RuntimeError("store and sessions are there in the methods of a handler only, in a worker")
    return _worker


def store() -> Store:
    """The worker's store; raises RuntimeError elsewhere."""
    return _here().store


def session_of(identity: tuple[str, str] | None) -> Any:
    """A session of the worker; raises RuntimeError elsewhere."""
    return _here().session_of(identity)
