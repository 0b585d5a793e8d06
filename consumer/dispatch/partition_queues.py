"""The records that a consumer holds, one queue per partition, and the offset up to which each partition is done.

The records of a partition are worked on one after the other, in order. So two changes to one path never race, and a
committed offset never passes unfinished work.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Iterable, Iterator

from ingest.broker import Record, TopicPartition


class PartitionQueues:
    """The waiting records of each partition, and the record of each partition that a worker has."""

    def __init__(self, order: Iterable[str]) -> None:
        """`order` names the topics, the most urgent first."""
        self._order = {topic: number for number, topic in enumerate(order)}
        self._waiting: dict[TopicPartition, deque[Record]] = {}
        self._working: dict[TopicPartition, Record] = {}
        self._done: dict[TopicPartition, int] = {}

    def __len__(self) -> int:
        return sum(map(len, self._waiting.values()))

    def blocked(self) -> frozenset[TopicPartition]:
        """The partitions whose records wait for one that a worker has. To fetch more of their records is of no use."""
        return frozenset(at for at, queue in self._waiting.items() if queue and at in self._working)

    def workable(self) -> int:
        """The number of records that wait in the other partitions."""
        return sum(len(queue) for at, queue in self._waiting.items() if at not in self._working)

    def add(self, records: Iterable[Record]) -> None:
        """Queue records behind those of their partition."""
        for record in records:
            self._waiting.setdefault(record.topic_partition, deque()).append(record)

    def ready(self) -> Iterator[Record]:
        """The first record of each partition of which no worker has one. The most urgent topic comes first."""
        first = [queue[0] for at, queue in self._waiting.items() if queue and at not in self._working]
        yield from sorted(first, key=lambda record: (self._order.get(record.topic, 0), record.offset))

    def begin(self, record: Record) -> None:
        """A worker takes a record that `ready` returned."""
        self._working[record.topic_partition] = self._waiting[record.topic_partition].popleft()

    def done(self, record: Record) -> None:
        """The record is finished, or needs no work. Nothing happens if its partition was taken away meanwhile."""
        partition = record.topic_partition
        if self._working.get(partition) == record:
            del self._working[partition]
        elif self._waiting.get(partition) and self._waiting[partition][0] == record:
            self._waiting[partition].popleft()
        else:
            return
        self._done[partition] = record.offset + 1

    def to_commit(self) -> dict[TopicPartition, int]:
        """The offsets below which everything is done, of the partitions that have advanced since the last call."""
        offsets, self._done = self._done, {}
        return offsets

    def working(self) -> frozenset[TopicPartition]:
        """The partitions of which a worker has a record, or whose offset is still to be committed."""
        return frozenset(self._working.keys() | self._done.keys())

    def begin_no_more(self, partitions: Iterable[TopicPartition]) -> None:
        """Drop the waiting records of partitions that are handed over. What is in work can still be done."""
        for partition in partitions:
            self._waiting.pop(partition, None)

    def forget(self, partitions: Iterable[TopicPartition]) -> None:
        """Forget partitions that were released or lost. Work on their records ends without a commit."""
        for partition in partitions:
            self._waiting.pop(partition, None)
            self._working.pop(partition, None)
            self._done.pop(partition, None)
