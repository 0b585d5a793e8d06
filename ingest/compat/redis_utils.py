"""Automated-ingest's `redis_utils`."""

from __future__ import annotations

from typing import Any

from ingest.compat import runtime
from ingest.compat.redis import Redis


def get_redis(config: Any = None) -> Redis:  # noqa: ARG001 - handlers pass meta["config"]
    """Values that all workers share, behind redis-py's methods; see `ingest.compat.redis`."""
    return Redis(runtime.store())
