"""The path cache: a fingerprint of each synchronised path. Losing it costs time, never correctness."""

from __future__ import annotations

from collections.abc import Sequence
from typing import NamedTuple, Protocol

from ingest.messages import Fingerprint


class Cached(NamedTuple):
    """An entry of the path cache. Directory and name are logical, below the target."""

    directory: bytes
    name: bytes
    fingerprint: Fingerprint


class Cache(Protocol):
    """The path cache. Entries are written in steps only (see `Step`), after their files are synchronised."""

    def get(self, space: int, directory: bytes, names: Sequence[bytes]) -> list[Fingerprint | None]:
        """Return the fingerprints of names in one directory.

        Args:
            space: The cache space of the job.
            directory: The logical directory, below the target.
            names: The names in this directory.

        Returns:
            A fingerprint for each name in their order; None for a name that is not in the cache.
        """

    def bind(self, space: int, collection: str) -> None:
        """Say which root collection a cache space is about. If it was about another one, its entries are removed.

        Args:
            space: The cache space of a job.
            collection: What identifies the root collection; "" if it does not exist yet. Then the next one that is
                named here is the one which the entries since then are about.
        """

    def clear(self, space: int) -> None:
        """Remove all entries of a cache space."""
