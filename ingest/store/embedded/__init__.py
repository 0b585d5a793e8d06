"""The store in one SQLite file, shared by all processes of one machine."""

from __future__ import annotations

from pathlib import Path

from ingest.sqlite import connect
from ingest.store.embedded.cache import Cache
from ingest.store.embedded.candidates import Candidates
from ingest.store.embedded.consumers import Consumers
from ingest.store.embedded.jobs import Jobs
from ingest.store.embedded.schema import SCHEMA
from ingest.store.embedded.tasks import Tasks
from ingest.store.embedded.values import EmbeddedValues
from ingest.store.embedded.watching import Watches


class EmbeddedStore(Jobs, Tasks, Watches, Candidates, Consumers, Cache, EmbeddedValues):
    """Implements `ingest.store.Store`; one object per thread. Raises Refused when the file cannot be used."""

    def __init__(self, file: Path) -> None:
        self._db = connect(file, SCHEMA)

    def close(self) -> None:
        """Close the file."""
        self._db.close()
