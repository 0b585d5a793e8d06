"""A member of a Kafka consumer group: cooperative rebalancing, fair delivery, commits that can wait."""

from __future__ import annotations

import time
from collections import deque
from collections.abc import Collection, Iterable, Mapping
from contextlib import suppress
from types import TracebackType
from typing import Any

from kafka import ConsumerRebalanceListener, OffsetAndMetadata, errors
from kafka import TopicPartition as KafkaPartition
from typing_extensions import override

from ingest.broker import GroupMember, Record, TopicPartition
from ingest.broker.kafka.lease import Lease
from ingest.broker.kafka.settings import translated
from ingest.errors import Refused

_FETCH = 500
_HELD = 100
"""Number of held records of one partition at which fetching from it pauses."""
_COMMIT_MS = 5000
_COMMIT_AGAIN_SECONDS = 2.0
_CLOSE_MS = 5000


class _Listener(ConsumerRebalanceListener):  # type: ignore[misc]
    """Collects revoked and lost partitions, even those that are assigned again in the same poll."""

    def __init__(self) -> None:
        self.revoked: set[TopicPartition] = set()
        self.lost: set[TopicPartition] = set()

    def on_partitions_revoked(self, revoked: Iterable[KafkaPartition]) -> None:
        self.revoked |= {TopicPartition(*each) for each in revoked}

    def on_partitions_lost(self, lost: Iterable[KafkaPartition]) -> None:
        self.lost |= {TopicPartition(*each) for each in lost}

    def on_partitions_assigned(self, assigned: Iterable[KafkaPartition]) -> None:
        pass


class _Joined:
    """The future of a finished join. It claims to be unfinished, so that the client waits for it."""

    is_done = False

    def __init__(self, future: Any) -> None:
        self._future = future
        self.add_callback = future.add_callback
        self.add_errback = future.add_errback

    def __await__(self) -> Any:
        return self._future.__await__()


class KafkaMember(GroupMember):
    """A `GroupMember` of Kafka. Heartbeats come from a thread of kafka-python.

    Fetched records are held per partition and delivered in turn, so that a busy partition does not starve others.
    While the cluster is unreachable, polls return no records and commits wait.

    The group waits for a member that has to hand over partitions: the cluster gives them to another member in the
    rebalance after this one, and that one begins when this member joins it. So we do not join while we release.
    """

    def __init__(self, consumer: Any, topics: Iterable[str], bootstrap: str, session_seconds: float) -> None:
        self._consumer = consumer
        self._bootstrap = bootstrap
        self._assigned: frozenset[TopicPartition] = frozenset()
        self._releasing: frozenset[TopicPartition] = frozenset()
        self._gone: frozenset[TopicPartition] = frozenset()
        self._told = True  # a poll that raised has not told what is gone
        self._generation = -1
        self._held: dict[TopicPartition, deque[Record]] = {}
        self._paused: set[TopicPartition] = set()
        self._full: set[TopicPartition] = set()
        self._reached: dict[TopicPartition, int] = {}  # the committed offset, or the first one of this assignment
        self._uncommitted: dict[TopicPartition, int] = {}
        self._commit_at = 0.0
        self._topic_ids: dict[str, Any] = {}
        self._turn = 0
        self._open = True
        self._listener = _Listener()
        self._lease = Lease(consumer, session_seconds)
        self._hold_joins()
        consumer.subscribe(list(topics), listener=self._listener)

    @override
    def poll(self, timeout: float, max_records: int, busy: Collection[TopicPartition] = ()) -> list[Record]:
        if self._told:
            self._gone, self._told = frozenset(), False
        self._look_for_rival()
        self._follow_removal()
        self._release(busy)
        ready = self._ready()
        self._resume_drained()
        self._mend_client()
        with translated(self._bootstrap):
            try:
                fetched = self._consumer.poll(0 if ready and max_records else round(timeout * 1000), _FETCH)
            except errors.RetriableError:
                fetched = {}
        self._follow_removal()
        self._follow_rebalance(busy)
        anew = self._follow_new_topics()
        self._lease.renew()
        for partition, records in fetched.items():
            if partition.topic not in anew:
                self._hold(TopicPartition(*partition), records)
        self._commit_now()
        self._told = True
        return self._take(max_records)

    @override
    def assignment(self) -> frozenset[TopicPartition]:
        return self._assigned

    @override
    def releasing(self) -> frozenset[TopicPartition]:
        return self._releasing

    @override
    def lost(self) -> frozenset[TopicPartition]:
        return self._gone

    @override
    def held_until(self) -> float:
        return self._lease.until

    @override
    def commit(self, offsets: Mapping[TopicPartition, int]) -> None:
        for partition, offset in offsets.items():
            ours = partition in self._assigned or partition in self._releasing
            if ours and offset > self._reached.get(partition, offset):
                self._uncommitted[partition] = max(offset, self._uncommitted.get(partition, 0))
        self._commit_now()

    @override
    def pause(self, partitions: Iterable[TopicPartition]) -> None:
        ours = self._assigned & set(partitions)
        self._paused |= ours
        self._consumer.pause(*_of_kafka(ours))

    @override
    def resume(self, partitions: Iterable[TopicPartition]) -> None:
        paused = self._paused & set(partitions)
        self._paused -= paused
        self._consumer.resume(*_of_kafka(paused - self._full))

    @override
    def close(self) -> None:
        if not self._open:
            return
        self._commit_at = 0.0
        self._commit_now()
        self._open = False
        self._assigned = self._releasing = frozenset()
        with suppress(errors.KafkaError):  # an unreachable cluster removes the member when its session ends
            self._consumer.close(autocommit=False, timeout_ms=_CLOSE_MS)

    def __enter__(self) -> KafkaMember:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.close()

    def _mend_client(self) -> None:
        """Work around three faults of kafka-python 3.0.12, with which short polls make no progress.

        A join that ends between two polls is started again. A join that follows new metadata is forgotten. Records
        that were fetched before `pause` are lost after `resume`, when the fetch before them has just ended.
        """
        coordinator, fetcher = self._consumer._coordinator, self._consumer._fetcher
        if coordinator.rejoining:
            coordinator.request_rejoin()
        if coordinator._join_task is not None and coordinator._join_task.is_done:
            coordinator._join_task = _Joined(coordinator._join_task)
        if not fetcher._next_partition_records:
            fetcher._next_partition_records = None

    def _look_for_rival(self) -> None:
        """Detect another member with our instance id: kafka-python 3.0.12 goes on fetching, without a heartbeat."""
        coordinator = self._consumer._coordinator
        with coordinator._lock:
            silent = coordinator.stable() and not coordinator.rejoining and not coordinator._heartbeat_enabled
        if silent and coordinator.group_instance_id is not None:
            raise Refused(f"another consumer has joined with the instance id {coordinator.group_instance_id}")

    def _hold_joins(self) -> None:
        """Let the coordinator join no rebalance while partitions are in release, unless the group has removed us."""
        coordinator = self._consumer._coordinator
        wants = coordinator.need_rejoin

        def need_rejoin() -> bool:
            releasing = self._releasing or self._listener.revoked
            return bool(wants() and (not releasing or coordinator._generation.is_lost()))

        coordinator.need_rejoin = need_rejoin

    def _follow_removal(self) -> None:
        """Let go of all partitions in release if the generation is another one: the group has removed us meanwhile."""
        generation = self._consumer._coordinator._generation.generation_id
        if generation != self._generation:
            self._forget(self._releasing)
            self._generation, self._releasing = generation, frozenset()

    def _release(self, busy: Collection[TopicPartition]) -> None:
        """Let go of the partitions in release that have no work and no commit to be stored any more."""
        kept = self._releasing & (set(busy) | self._uncommitted.keys())
        self._forget(self._releasing - kept)
        self._releasing = kept

    def _follow_rebalance(self, busy: Collection[TopicPartition]) -> None:
        """Adopt the assignment. What was revoked with work in progress, or a commit to be stored, is in release."""
        assigned = frozenset(TopicPartition(*each) for each in self._consumer.assignment())
        ours = self._assigned - self._listener.lost - assigned
        self._releasing |= ours & (set(busy) | self._uncommitted.keys()) & self._listener.revoked
        self._forget((self._listener.lost | self._listener.revoked | ours) - self._releasing)
        for partition in self._releasing:
            self._stop_delivery(partition)
        self._listener.lost.clear()
        self._listener.revoked.clear()
        self._assigned = assigned

    def _follow_new_topics(self) -> set[str]:
        """Read a topic from its beginning when it was deleted and made anew: offsets of the old one mean nothing in it.

        Kafka says nothing if the new topic has as many records already as this member has read of the old one. Returns
        the topics that are read from their beginning.
        """
        anew = set()
        for topic in {partition.topic for partition in self._assigned}:
            known, found = self._topic_ids.get(topic), self._consumer._client.cluster.topic_id(topic)
            if found is None or found == known:
                continue
            self._topic_ids[topic] = found
            if known is not None:
                ours = [partition for partition in self._assigned if partition.topic == topic]
                for partition in ours:
                    self._drop_offsets(partition)
                self._consumer.seek_to_beginning(*_of_kafka(ours))
                anew.add(topic)
        return anew

    def _forget(self, partitions: Iterable[TopicPartition]) -> None:
        """Drop all that is known of partitions that are not ours any more."""
        for partition in partitions:
            self._stop_delivery(partition)
            self._drop_offsets(partition)
            self._gone |= {partition}

    def _drop_offsets(self, partition: TopicPartition) -> None:
        for offsets in (self._held, self._reached, self._uncommitted):
            offsets.pop(partition, None)

    def _stop_delivery(self, partition: TopicPartition) -> None:
        self._held.pop(partition, None)
        self._paused.discard(partition)
        self._full.discard(partition)

    def _hold(self, partition: TopicPartition, records: Iterable[Any]) -> None:
        if partition not in self._assigned:
            return
        held = self._held.setdefault(partition, deque())
        held.extend(Record(*partition, each.offset, each.value) for each in records)
        # A commit below the first record of this assignment belongs to an earlier assignment.
        self._reached.setdefault(partition, held[0].offset)
        if len(held) >= _HELD:
            self._full.add(partition)
            self._consumer.pause(*_of_kafka([partition]))

    def _resume_drained(self) -> None:
        drained = {partition for partition in self._full if len(self._held.get(partition, ())) < _HELD}
        self._full -= drained
        self._consumer.resume(*_of_kafka((drained & self._assigned) - self._paused))

    def _ready(self) -> list[TopicPartition]:
        return sorted(partition for partition, held in self._held.items() if held and partition not in self._paused)

    def _take(self, max_records: int) -> list[Record]:
        """Take one record of each partition in turn, and begin with another partition each time."""
        partitions = self._ready()
        self._turn = (self._turn + 1) % max(1, len(partitions))
        partitions = partitions[self._turn :] + partitions[: self._turn]
        records: list[Record] = []
        while partitions and len(records) < max_records:
            records += [self._held[partition].popleft() for partition in partitions[: max_records - len(records)]]
            partitions = [partition for partition in partitions if self._held[partition]]
        return records

    def _commit_now(self) -> None:
        if not self._uncommitted or time.monotonic() < self._commit_at:
            return
        offsets = {
            KafkaPartition(*partition): OffsetAndMetadata(offset, "", -1)
            for partition, offset in self._uncommitted.items()
        }
        try:
            self._consumer.commit(offsets, timeout_ms=_COMMIT_MS)
        except (errors.CommitFailedError, errors.RebalanceInProgressError, errors.IllegalGenerationError):
            return  # the next poll updates the assignment
        except errors.UnknownMemberIdError:
            return
        except errors.KafkaError:
            self._commit_at = time.monotonic() + _COMMIT_AGAIN_SECONDS
            return
        self._reached.update(self._uncommitted)
        self._uncommitted.clear()


def _of_kafka(partitions: Iterable[TopicPartition]) -> list[KafkaPartition]:
    return [KafkaPartition(*partition) for partition in partitions]
