"""The queue between producers and the consumer group: topics, partitions, offsets.

`Broker` and `GroupMember` are what every deployment offers; one contract suite states their behaviour
for all of them (`tests/ingest/broker/contract.py`). `embedded.py` keeps the topics in one SQLite file.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from types import TracebackType
from typing import NamedTuple, Protocol

import msgspec


class TopicPartition(NamedTuple):
    """One partition of a topic: the unit that is assigned, kept in order and committed."""

    topic: str
    partition: int


class Outgoing(msgspec.Struct, frozen=True):
    """A message to be published to a given partition."""

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
    def lane(self) -> TopicPartition:
        """The partition that the record belongs to."""
        return TopicPartition(self.topic, self.partition)


class GroupMember(Protocol):
    """One member of the consumer group. Not thread-safe; a member that does not poll loses its partitions."""

    def poll(self, timeout: float, max_records: int) -> list[Record]:
        """New records of the assigned partitions, in order per partition; waits up to `timeout` seconds for the first.

        Also the sign of life and the moment at which partitions come and go. Each record is handed out once per
        assignment; after a reassignment everything that was not committed is handed out again.
        """

    def assignment(self) -> frozenset[TopicPartition]:
        """The partitions that are this member's since the last `poll`."""

    def commit(self, offsets: Mapping[TopicPartition, int]) -> None:
        """All records below these offsets are dealt with. Offsets of partitions that are no longer ours are ignored."""

    def pause(self, partitions: Iterable[TopicPartition]) -> None:
        """Hand out nothing of these partitions until `resume`; they stay assigned."""

    def resume(self, partitions: Iterable[TopicPartition]) -> None:
        """Undo `pause`."""

    def close(self) -> None:
        """Leave the group: others take the partitions over at once."""

    def __enter__(self) -> GroupMember: ...

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None: ...


class Broker(Protocol):
    """Publishes messages and lets consumers join the group."""

    def ensure_topics(self, topics: Iterable[str]) -> dict[str, int]:
        """Create the topics that are missing; the number of partitions of each."""

    def publish(self, messages: Sequence[Outgoing]) -> None:
        """Durable when it returns. Messages to one partition keep their order."""

    def join(self, group: str, topics: Iterable[str]) -> GroupMember:
        """Become a member of `group` for these topics, which exist."""

    def lag(self, group: str, topics: Iterable[str]) -> int:
        """How many records of these topics the group has not committed."""

    def close(self) -> None:
        """Let go of connections and files."""
