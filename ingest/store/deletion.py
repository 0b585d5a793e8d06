"""What a pass would delete, and the mounts that guard against deletion below an unmounted source."""

from __future__ import annotations

from typing import Protocol

from ingest.messages import Candidate


class Deletion(Protocol):
    """The deletion candidates of a pass, until they are judged as a whole."""

    def candidates(self, pass_id: str, *, collections: bool, limit: int) -> list[Candidate]:
        """Return deletion candidates of a pass.

        Args:
            pass_id: The pass.
            collections: Return collections, the deepest ones first; otherwise data objects.
            limit: The highest number of candidates to return.

        Returns:
            The candidates.
        """

    def candidate_counts(self, pass_id: str) -> tuple[int, int]:
        """Return how many data objects and how many collections the pass would delete."""

    def mount(self, space: int, host: str) -> str | None:
        """Return what was mounted at the source when a pass last ended on this host; None when none has.

        Args:
            space: The cache space of the job.
            host: The host name.
        """

    def remember_mount(self, space: int, host: str, mount: str) -> None:
        """Store what is mounted at the source, for `mount`."""
