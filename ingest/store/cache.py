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

    def clear(self, space: int) -> None:
        """Remove all entries of a cache space."""
