"""What must outlive a process: jobs, passes, tasks, messages on their way, the path cache.

`Store` has one part for each of these. `embedded/` implements the parts in one SQLite file, `redis/` in a Redis server;
one contract suite tests both (`tests/ingest/store/contract.py`). Every method is atomic. Terms
run on the clock of the store; a method takes them in seconds from now on. Times that a method returns are for people,
in seconds since the epoch.
"""

from __future__ import annotations

from typing import Protocol

from ingest.store.cache import Cache, Cached
from ingest.store.consumers import Consumers, ConsumerStatus
from ingest.store.deletion import Deletion
from ingest.store.handlers import Handlers
from ingest.store.jobs import JobExists, Jobs
from ingest.store.leases import Leases
from ingest.store.moves import Moves, Names, Subject
from ingest.store.outbox import Held, Outbox
from ingest.store.tasks import WATCH, Child, Outstanding, Redelivery, Step, Tasks
from ingest.store.values import Values, WrongKind

__all__ = [
    "WATCH",
    "Cache",
    "Cached",
    "Child",
    "ConsumerStatus",
    "Consumers",
    "Deletion",
    "Handlers",
    "Held",
    "JobExists",
    "Jobs",
    "Leases",
    "Moves",
    "Names",
    "Outbox",
    "Outstanding",
    "Redelivery",
    "Step",
    "Store",
    "Subject",
    "Tasks",
    "Values",
    "WrongKind",
]


class Store(Protocol):
    """The store, in parts that share one connection.

    Every method of every part raises:
        Unreachable: The server does not answer; the method may have taken effect.
        Refused: The server denies access, or has lost its data.
    """

    jobs: Jobs
    """All jobs, active and ended."""
    tasks: Tasks
    """Passes and their tasks."""
    moves: Moves
    """Moves that are published and not settled."""
    outbox: Outbox
    """Messages to publish now, later, or when their job is resumed."""
    deletion: Deletion
    """What a pass would delete."""
    consumers: Consumers
    """The consumers that are alive."""
    leases: Leases
    """Locks with a term."""
    handlers: Handlers
    """Sources of handlers."""
    cache: Cache
    """The path cache."""
    values: Values
    """Values that handlers share."""

    def close(self) -> None:
        """Close connections and files."""
