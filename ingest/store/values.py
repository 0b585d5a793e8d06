"""Small shared values for handlers, which kept them in Redis under automated-ingest."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Protocol


class WrongKind(TypeError):  # noqa: N818 - it says what the value is
    """The value is a string where a list is needed, a list where a string is needed, or not a whole number."""


class Values(Protocol):
    """Strings and lists of strings by key. Keys and strings are bytes.

    A value may expire; an expired value counts as absent.
    """

    def get(self, key: bytes) -> bytes | None:
        """Return the string under a key; None when it is absent.

        Raises:
            WrongKind: The value is a list.
        """

    def set(self, key: bytes, value: bytes, *, seconds: float | None = None, only_new: bool = False) -> bool:
        """Store a string under a key, and replace a string or list that is there.

        Args:
            key: The key.
            value: The string.
            seconds: The seconds after which the value expires; None for never.
            only_new: Leave an existing value as it is.

        Returns:
            False when `only_new` is set and a value exists.
        """

    def add(self, key: bytes, amount: int) -> int:
        """Add to a number in decimal digits, and keep its expiry. An absent value counts as 0.

        Returns:
            The sum.

        Raises:
            WrongKind: The value is a list, or not a whole number.
        """

    def push(self, key: bytes, values: Sequence[bytes], *, left: bool = False) -> int:
        """Add elements to a list, one after another. An absent value counts as an empty list.

        Args:
            key: The key.
            values: The elements.
            left: Add to the beginning of the list, so that the last element becomes the first.

        Returns:
            The new length.

        Raises:
            WrongKind: The value is a string.
        """

    def elements(self, key: bytes, first: int, last: int) -> list[bytes]:
        """Return the elements of a list from `first` to `last`, both included. Negative positions count from the end.

        Raises:
            WrongKind: The value is a string.
        """

    def length(self, key: bytes) -> int:
        """Return the length of a list; 0 when it is absent.

        Raises:
            WrongKind: The value is a string.
        """

    def delete(self, key: bytes) -> bool:
        """Remove a value.

        Returns:
            Whether it existed.
        """

    def expire(self, key: bytes, seconds: float | None) -> bool:
        """Let a value expire after `seconds`; None for never.

        Returns:
            Whether the value exists.
        """

    def expiry(self, key: bytes) -> float | None:
        """Return the seconds until a value expires; None for never.

        Raises:
            KeyError: The value is absent.
        """

    def keys(self, prefix: bytes) -> list[bytes]:
        """Return the keys that begin with `prefix`, sorted."""
