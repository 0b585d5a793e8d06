"""The store in one SQLite file, shared by all processes of one machine."""

from __future__ import annotations

from pathlib import Path

from typing_extensions import override

from ingest.sqlite import connect
from ingest.store import Store
from ingest.store.embedded.cache import EmbeddedCache
from ingest.store.embedded.clock import Clock, Machine
from ingest.store.embedded.consumers import EmbeddedConsumers
from ingest.store.embedded.deletion import EmbeddedDeletion
from ingest.store.embedded.handlers import EmbeddedHandlers
from ingest.store.embedded.jobs import EmbeddedJobs
from ingest.store.embedded.leases import EmbeddedLeases
from ingest.store.embedded.moves import EmbeddedMoves
from ingest.store.embedded.outbox import EmbeddedOutbox
from ingest.store.embedded.schema import SCHEMA
from ingest.store.embedded.tasks import EmbeddedTasks
from ingest.store.embedded.values import EmbeddedValues


class EmbeddedStore(Store):
    """The store in a SQLite file. Create one object per thread."""

    def __init__(self, file: Path, machine: Machine | None = None) -> None:
        """Open the file, and create it when it does not exist.

        Args:
            file: The SQLite file.
            machine: The clocks of the machine; None for this one.

        Raises:
            Refused: The file cannot be used.
        """
        self._db = connect(file, SCHEMA)
        clock = Clock(self._db, machine)
        self.jobs = EmbeddedJobs(self._db, clock)
        self.tasks = EmbeddedTasks(self._db, clock)
        self.moves = EmbeddedMoves(self._db)
        self.outbox = EmbeddedOutbox(self._db, clock)
        self.deletion = EmbeddedDeletion(self._db)
        self.consumers = EmbeddedConsumers(self._db, clock)
        self.leases = EmbeddedLeases(self._db, clock)
        self.handlers = EmbeddedHandlers(self._db)
        self.cache = EmbeddedCache(self._db)
        self.values = EmbeddedValues(self._db, clock)

    @override
    def close(self) -> None:
        self._db.close()
