"""Small shared values for handlers: what they kept in automated-ingest's Redis.

Keys and values are bytes, times are seconds since the epoch. A value is a string or a list, and may expire.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Protocol


class WrongKind(TypeError):  # noqa: N818 - it says what the value is
    """A string where a list is wanted, the other way round, or text where a number is wanted."""


class Values(Protocol):
    """The part of the store that handlers use; every method is atomic, and an expired value is not there."""

    def value(self, key: bytes, now: float) -> bytes | None:
        """The string under a key; raises WrongKind for a list."""

    def set_value(
        self, key: bytes, value: bytes, now: float, *, until: float | None = None, only_new: bool = False
    ) -> bool:
        """Put a string under a key, whatever was there; with `only_new` False is the answer when something was."""

    def add_to_value(self, key: bytes, amount: int, now: float) -> int:
        """Add to a number in decimal digits (absent: 0), which keeps its expiry; the sum. Raises WrongKind."""

    def push_values(self, key: bytes, values: Sequence[bytes], now: float, *, left: bool = False) -> int:
        """Add to a list (absent: an empty one), one after another; its length. Raises WrongKind."""

    def list_values(self, key: bytes, first: int, last: int, now: float) -> list[bytes]:
        """The elements from `first` to `last`, both included, negative ones counted from the end. Raises WrongKind."""

    def count_values(self, key: bytes, now: float) -> int:
        """The length of a list; raises WrongKind."""

    def delete_value(self, key: bytes, now: float) -> bool:
        """Remove what is under a key; whether there was anything."""

    def expire_value(self, key: bytes, until: float | None, now: float) -> bool:
        """Let what is under a key expire at `until` (None: never); whether there was anything."""

    def value_expiry(self, key: bytes, now: float) -> float | None:
        """When it expires (None: never); raises KeyError when nothing is there."""

    def value_keys(self, prefix: bytes, now: float) -> list[bytes]:
        """The keys that begin with `prefix`, sorted."""
