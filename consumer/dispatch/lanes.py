"""Lanes: per partition the records that wait, at most one of which is in work, and how far the partition is done.

A partition's records are worked on one after the other, in order, so two changes to one path never race and the
committed offset never runs ahead of unfinished work.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Iterable, Iterator

from ingest.broker import Record, TopicPartition


class Lanes:
    """The records that a consumer holds. `order` names the topics, the most urgent first."""

    def __init__(self, order: Iterable[str]) -> None:
        self._order = {topic: number for number, topic in enumerate(order)}
        self._waiting: dict[TopicPartition, deque[Record]] = {}
        self._working: dict[TopicPartition, Record] = {}
        self._done: dict[TopicPartition, int] = {}

    def __len__(self) -> int:
        return sum(map(len, self._waiting.values()))

    def blocked(self) -> frozenset[TopicPartition]:
        """The lanes in which records wait for one in work, however long that takes: more of them are of no use."""
        return frozenset(lane for lane, queue in self._waiting.items() if queue and lane in self._working)

    def workable(self) -> int:
        """How many records wait in the other lanes."""
        return sum(len(queue) for lane, queue in self._waiting.items() if lane not in self._working)

    def add(self, records: Iterable[Record]) -> None:
        """Queue records behind those of their partition."""
        for record in records:
            self._waiting.setdefault(record.topic_partition, deque()).append(record)

    def ready(self) -> Iterator[Record]:
        """The first record of each lane in which nothing is in work; file batches before further listings."""
        lanes = [lane for lane, queue in self._waiting.items() if queue and lane not in self._working]
        for lane in sorted(lanes, key=lambda lane: (self._order.get(lane.topic, 0), self._waiting[lane][0].offset)):
            yield self._waiting[lane][0]

    def begin(self, record: Record) -> None:
        """The record that `ready` gave is in work now."""
        self._working[record.topic_partition] = self._waiting[record.topic_partition].popleft()

    def done(self, record: Record) -> None:
        """The record is dealt with, whether it was in work or is to be passed over."""
        lane = record.topic_partition
        if self._working.get(lane) == record:
            del self._working[lane]
        elif self._waiting.get(lane) and self._waiting[lane][0] == record:
            self._waiting[lane].popleft()
        else:
            return  # its partition was taken away meanwhile
        self._done[lane] = record.offset + 1

    def to_commit(self) -> dict[TopicPartition, int]:
        """Offsets below which everything is dealt with, those that have risen since the last call."""
        offsets, self._done = self._done, {}
        return offsets

    def keep_only(self, assigned: frozenset[TopicPartition]) -> None:
        """Forget the partitions that are no longer ours; what is in work there ends without being committed."""
        for lane in (self._waiting.keys() | self._working.keys() | self._done.keys()) - assigned:
            self._waiting.pop(lane, None)
            self._working.pop(lane, None)
            self._done.pop(lane, None)
