"""The source of handlers, which jobs name by its SHA-256."""

from __future__ import annotations

from typing import Protocol


class Handlers(Protocol):
    """Sources of handlers by their SHA-256 in hexadecimal digits."""

    def save(self, sha256: str, source: bytes) -> None:
        """Store the source of a handler."""

    def get(self, sha256: str) -> bytes | None:
        """Return the source of a handler; None when it is unknown."""
