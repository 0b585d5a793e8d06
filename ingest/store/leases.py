"""Leases: locks with a term, so that a dead process holds nothing."""

from __future__ import annotations

from typing import Protocol


class Leases(Protocol):
    """Named leases; each has at most one owner at a time."""

    def take(self, name: str, owner: str, seconds: float) -> bool:
        """Take or renew a lease.

        Args:
            name: The lease.
            owner: Who takes it.
            seconds: The term, from now on.

        Returns:
            False when another owner has the lease.
        """

    def release(self, name: str, owner: str) -> None:
        """End a lease before its term. The lease of another owner is left alone."""
