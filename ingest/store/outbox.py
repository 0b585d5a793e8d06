"""The messages that the store holds until a consumer publishes them."""

from __future__ import annotations

from collections.abc import Sequence
from typing import NamedTuple, Protocol

from ingest.broker import Outgoing


class Held(NamedTuple):
    """What the store holds of a job: whether messages, and whether the one that is scheduled to start the next pass."""

    messages: bool
    next_pass: bool


class Outbox(Protocol):
    """Messages to publish now (the outbox), later (the schedule), or when their job is resumed (parked)."""

    def send(self, name: str, message: Outgoing) -> bool:
        """Add a message of a job to the outbox.

        Returns:
            False when the job is not active; the message is dropped then.
        """

    def park(self, name: str, message: Outgoing) -> bool:
        """Keep a message of a paused job until the job is resumed.

        Returns:
            False when the job is not paused; nothing changes then.
        """

    def oldest(self, limit: int) -> list[tuple[int, Outgoing]]:
        """Return at most `limit` messages of the outbox with their numbers, oldest first."""

    def remove(self, numbers: Sequence[int]) -> None:
        """Remove published messages from the outbox. Unknown numbers are ignored."""

    def held(self, name: str) -> Held:
        """Return which messages of a job are in the outbox, in the schedule, or parked."""

    def fire_due(self) -> float | None:
        """Move all messages that are due from the schedule to the outbox.

        Returns:
            The seconds until the next message is due; None when none is scheduled.
        """
