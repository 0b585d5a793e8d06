"""The consumers that are alive."""

from __future__ import annotations

from typing import Protocol

import msgspec


class ConsumerStatus(msgspec.Struct, frozen=True):
    """A live consumer: the topics that it reads, and the jobs that its workers are busy with."""

    consumer: str
    topics: tuple[str, ...]
    busy: tuple[str, ...]
    waits: dict[str, str] = {}
    """What is unreachable, and why. The key is a job for its zone or source, "" for the broker or the store."""
    refused: bool = False
    """iRODS refuses the login of its account: it takes no work."""


class Consumers(Protocol):
    """The consumers, each alive until a time that it announces."""

    def announce(self, status: ConsumerStatus, until: float) -> None:
        """Store the status of a consumer.

        Args:
            status: The consumer.
            until: How long it counts as alive, in seconds since the epoch; a time in the past removes it.
        """

    def alive(self, now: float) -> list[ConsumerStatus]:
        """Return the consumers that are alive, ordered by name. `now` is in seconds since the epoch."""
