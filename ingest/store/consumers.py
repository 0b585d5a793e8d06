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
    """The consumers, each alive for the time that it announces."""

    def announce(self, status: ConsumerStatus, seconds: float) -> None:
        """Store the status of a consumer.

        Args:
            status: The consumer.
            seconds: How long it counts as alive, from now on; 0 removes it.
        """

    def alive(self) -> list[ConsumerStatus]:
        """Return the consumers that are alive, ordered by name."""
