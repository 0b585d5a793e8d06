"""The queue between producers and the consumer group: topics, partitions, offsets.

`Broker` and `GroupMember` are the interfaces. `embedded/` implements them in one SQLite file, `kafka/` on a Kafka
cluster; one contract suite tests both (`tests/ingest/broker/contract.py`).
"""

from __future__ import annotations

from collections.abc import Collection, Iterable, Mapping, Sequence
from types import TracebackType
from typing import NamedTuple, Protocol

import msgspec


class TopicPartition(NamedTuple):
    """One partition of a topic: the unit of assignment, order and commit."""

    topic: str
    partition: int


class Outgoing(msgspec.Struct, frozen=True):
    """A message to publish to a given partition."""

    topic: str
    partition: int
    value: bytes


class Record(NamedTuple):
    """A message as it is delivered. Offsets of a partition rise, not always by one."""

    topic: str
    partition: int
    offset: int
    value: bytes

    @property
    def topic_partition(self) -> TopicPartition:
        """The partition of the record."""
        return TopicPartition(self.topic, self.partition)


class TooLarge(Exception):  # noqa: N818 - it says what the message is
    """The broker refuses a message of this size, now and later. The text says how large it is and what the limit is."""


class GroupMember(Protocol):
    """One member of the consumer group. Not thread-safe. A member that does not poll loses its partitions.

    A partition that goes to another member is handed over. This member delivers no more of its records, and keeps it
    among `releasing` until a poll in which it is not busy and its commits are stored. Only then another member gets it.
    """

    def poll(self, timeout: float, max_records: int, busy: Collection[TopicPartition] = ()) -> list[Record]:
        """Fetch new records of the assigned partitions.

        Polling also renews the membership, and only a poll changes the assignment. Each record is delivered once per
        assignment; after a reassignment, all records that were not committed are delivered again.

        Args:
            timeout: How long to wait for the first record, in seconds.
            max_records: The highest number of records to return.
            busy: Partitions with a record in work. This poll releases none of them.

        Returns:
            The records, in order within each partition; busy partitions do not starve others.

        Raises:
            Refused: The cluster denies access, or another member uses the same instance id.
            Unreachable: The cluster does not answer.
        """

    def assignment(self) -> frozenset[TopicPartition]:
        """Return the partitions that are assigned to this member since the last `poll`, without `releasing`."""

    def releasing(self) -> frozenset[TopicPartition]:
        """Return the partitions to be handed over: begin nothing more, finish what is in work, and commit it."""

    def lost(self) -> frozenset[TopicPartition]:
        """Return the partitions that left this member in the last `poll`, released or taken away.

        Such a partition may be assigned anew. Nothing of its earlier records may be done or committed any more.
        """

    def held_until(self) -> float:
        """Return until when no other member can get the partitions of this one, by the boot clock, in seconds.

        Polling moves this time forward. 0: nothing is certain.
        """

    def commit(self, offsets: Mapping[TopicPartition, int]) -> None:
        """Mark all records below these offsets as done.

        A commit that is impossible now (during a rebalance, or an outage) is repeated in a later `poll`.

        Args:
            offsets: The next offset to read, by partition. Partitions that this member does not have are
                ignored.
        """

    def pause(self, partitions: Iterable[TopicPartition]) -> None:
        """Deliver no records of these partitions until `resume`. They stay assigned."""

    def resume(self, partitions: Iterable[TopicPartition]) -> None:
        """Undo `pause`."""

    def close(self) -> None:
        """Leave the group, so that other members take over the partitions at once. A second call does nothing."""

    def __enter__(self) -> GroupMember: ...

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None: ...


class Broker(Protocol):
    """Publishes messages and lets consumers join the group. Not thread-safe.

    Every method raises:
        Refused: The cluster denies the request, or the file cannot be used; waiting does not help.
        Unreachable: The cluster does not answer.
    """

    def ensure_topics(self, topics: Iterable[str]) -> dict[str, int]:
        """Create missing topics. Existing topics keep their partitions.

        Args:
            topics: The names of the topics.

        Returns:
            The number of partitions of each topic.
        """

    def delete_topics(self, topics: Iterable[str]) -> None:
        """Delete topics with all their records. Topics that do not exist are ignored.

        Args:
            topics: The names of the topics. Nobody works on them any more.
        """

    def publish(self, messages: Sequence[Outgoing]) -> None:
        """Publish messages, in order within each partition. They are durable when this method returns.

        Args:
            messages: The messages.

        Raises:
            ValueError: A topic or partition does not exist; nothing is published.
            TooLarge: A message is larger than the broker accepts; others may have been published.
            Unreachable: Some messages may have been published. Publish all of them again.
        """

    def join(self, group: str, topics: Iterable[str]) -> GroupMember:
        """Join a consumer group. The member gets its partitions in its first polls.

        Args:
            group: The consumer group.
            topics: The topics to subscribe to.

        Returns:
            The new member.

        Raises:
            ValueError: A topic does not exist.
        """

    def lag(self, group: str, topics: Iterable[str]) -> int:
        """Return how many records of these topics the group has not committed."""

    def close(self) -> None:
        """Close connections and files. Members close their own."""
