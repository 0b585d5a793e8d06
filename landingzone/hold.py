"""The hold of a process on a job: a lease in the store, so that one process at a time runs or watches the job."""

from __future__ import annotations

import math
import secrets
import time
from contextlib import suppress

from ingest.errors import Refused, Unreachable
from ingest.store import Store

TERM_SECONDS = 6.0
"""How long the hold of a killed process lasts."""
_RENEW_SECONDS = 1.5


class Hold:
    """A lease on a job. `take` and `keep` raise Unreachable. Each method gets the store of the calling thread."""

    def __init__(self, job: str) -> None:
        self._job = job
        self._owner = secrets.token_hex(8)
        self._renewed = -math.inf

    def take(self, store: Store) -> bool:
        """Take or renew the hold. Returns False if another process has it."""
        self._renewed = time.monotonic()
        return store.leases.take(self._lease, self._owner, TERM_SECONDS)

    def keep(self, store: Store) -> None:
        """Renew the hold; may be called many times a second.

        Raises:
            Refused: This process was suspended, or without its store, for so long that another one has taken the job.
        """
        if time.monotonic() - self._renewed > _RENEW_SECONDS and not self.take(store):
            raise Refused(f"another process has taken over job {self._job}, because this one did not answer")

    def release(self, store: Store) -> None:
        """Give the job free; a store that does not answer does so at the end of the term."""
        with suppress(Unreachable):
            store.leases.release(self._lease, self._owner)

    @property
    def _lease(self) -> str:
        return f"job {self._job}"
