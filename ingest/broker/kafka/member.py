"""A member of a Kafka consumer group: cooperative rebalancing, fair shares of the partitions, careful commits."""

from __future__ import annotations

import time
from collections import deque
from collections.abc import Iterable, Mapping
from contextlib import suppress
from types import TracebackType
from typing import Any

from kafka import ConsumerRebalanceListener, OffsetAndMetadata, errors
from kafka import TopicPartition as KafkaPartition

from ingest.broker import Record, TopicPartition
from ingest.broker.kafka.settings import translated
from ingest.errors import Refused

_FETCH = 500
_HELD = 100
"""Records of one partition that are held ahead; with more of them its fetching pauses."""
_COMMIT_MS = 5000
_COMMIT_AGAIN_SECONDS = 2.0
_CLOSE_MS = 5000


class _Lost(ConsumerRebalanceListener):  # type: ignore[misc]
    """Notes the partitions that go, even if they come back within the same poll."""

    def __init__(self) -> None:
        self.lanes: set[TopicPartition] = set()

    def on_partitions_revoked(self, revoked: Iterable[KafkaPartition]) -> None:
        self.lanes |= {TopicPartition(*each) for each in revoked}

    def on_partitions_lost(self, lost: Iterable[KafkaPartition]) -> None:
        self.on_partitions_revoked(lost)

    def on_partitions_assigned(self, assigned: Iterable[KafkaPartition]) -> None:
        pass


class _Joined:
    """The future of a join that has ended; says that it has not, so that the client waits for it."""

    is_done = False

    def __init__(self, future: Any) -> None:
        self._future = future
        self.add_callback = future.add_callback
        self.add_errback = future.add_errback

    def __await__(self) -> Any:
        return self._future.__await__()


class KafkaMember:
    """A `GroupMember`. Heartbeats come from the consumer's own thread, partitions come and go in `poll` alone.

    What was fetched is held per partition and handed out in turn, so that a busy partition starves no other. While
    the cluster is away, polls give nothing and commits wait.
    """

    def __init__(self, consumer: Any, topics: Iterable[str], bootstrap: str) -> None:
        self._consumer = consumer
        self._bootstrap = bootstrap
        self._assigned: frozenset[TopicPartition] = frozenset()
        self._held: dict[TopicPartition, deque[Record]] = {}
        self._paused: set[TopicPartition] = set()
        self._full: set[TopicPartition] = set()
        self._reached: dict[TopicPartition, int] = {}  # what is committed, or where this assignment began
        self._uncommitted: dict[TopicPartition, int] = {}
        self._commit_at = 0.0
        self._turn = 0
        self._open = True
        self._lost = _Lost()
        consumer.subscribe(list(topics), listener=self._lost)

    def poll(self, timeout: float, max_records: int) -> list[Record]:
        """At most `max_records` new records, in order per partition, taking the partitions in turn.

        Waits up to `timeout` seconds for the first. Takes and gives up partitions, and commits what is left over.
        Raises Refused when the cluster will not have us, or has another member of our instance id.
        """
        self._look_for_rival()
        ready = self._ready()
        self._resume_drained()
        self._mend_client()
        with translated(self._bootstrap):
            try:
                fetched = self._consumer.poll(0 if ready and max_records else round(timeout * 1000), _FETCH)
            except errors.RetriableError:
                fetched = {}
        self._follow_rebalance()
        for lane, records in fetched.items():
            self._hold(TopicPartition(*lane), records)
        self._commit_now()
        return self._take(max_records)

    def assignment(self) -> frozenset[TopicPartition]:
        """The partitions that are this member's since the last `poll`."""
        return self._assigned

    def commit(self, offsets: Mapping[TopicPartition, int]) -> None:
        """All records below these offsets are dealt with. Ignores lost partitions and what would go back.

        What cannot be committed in the middle of a rebalance, or while the cluster is away, is committed in a later
        poll.
        """
        for lane, offset in offsets.items():
            if lane in self._assigned and offset > self._reached.get(lane, offset):
                self._uncommitted[lane] = max(offset, self._uncommitted.get(lane, 0))
        self._commit_now()

    def pause(self, partitions: Iterable[TopicPartition]) -> None:
        """Hand out nothing of these partitions until `resume`, or until they are lost."""
        lanes = self._assigned & set(partitions)
        self._paused |= lanes
        self._consumer.pause(*_of_kafka(lanes))

    def resume(self, partitions: Iterable[TopicPartition]) -> None:
        """Undo `pause`."""
        lanes = self._paused & set(partitions)
        self._paused -= lanes
        self._consumer.resume(*_of_kafka(lanes - self._full))

    def close(self) -> None:
        """Leave the group: others take the partitions over at once. A second call does nothing."""
        if not self._open:
            return
        self._commit_at = 0.0
        self._commit_now()
        self._open = False
        self._assigned = frozenset()
        with suppress(errors.KafkaError):  # the cluster is away, and will find out by itself
            self._consumer.close(autocommit=False, timeout_ms=_CLOSE_MS)

    def __enter__(self) -> KafkaMember:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.close()

    def _mend_client(self) -> None:
        """Three faults of kafka-python 3.0.12, without which short polls would never come to an end.

        A join that ends between two polls is begun anew, one that new metadata has led to is forgotten. And what was
        fetched of a partition before `pause` is forgotten after `resume` while the fetch before it is at its end.
        """
        coordinator, fetcher = self._consumer._coordinator, self._consumer._fetcher
        if coordinator.rejoining:
            coordinator.request_rejoin()
        if coordinator._join_task is not None and coordinator._join_task.is_done:
            coordinator._join_task = _Joined(coordinator._join_task)
        if not fetcher._next_partition_records:
            fetcher._next_partition_records = None

    def _look_for_rival(self) -> None:
        """Kafka-python 3.0.12 goes on fetching, without a heartbeat, when another member has its instance id."""
        coordinator = self._consumer._coordinator
        with coordinator._lock:
            silent = coordinator.stable() and not coordinator.rejoining and not coordinator._heartbeat_enabled
        if silent and coordinator.group_instance_id is not None:
            raise Refused(f"another consumer has joined with the instance id {coordinator.group_instance_id}")

    def _follow_rebalance(self) -> None:
        assigned = frozenset(TopicPartition(*each) for each in self._consumer.assignment())
        for lane in self._lost.lanes | (self._assigned - assigned):
            for known in (self._held, self._reached, self._uncommitted):
                known.pop(lane, None)
            self._paused.discard(lane)
            self._full.discard(lane)
        self._lost.lanes.clear()
        self._assigned = assigned

    def _hold(self, lane: TopicPartition, records: Iterable[Any]) -> None:
        if lane not in self._assigned:
            return
        held = self._held.setdefault(lane, deque())
        held.extend(Record(*lane, each.offset, each.value) for each in records)
        # A commit below the first record of this assignment is a late one, from before the partition came back.
        self._reached.setdefault(lane, held[0].offset)
        if len(held) >= _HELD:
            self._full.add(lane)
            self._consumer.pause(*_of_kafka([lane]))

    def _resume_drained(self) -> None:
        drained = {lane for lane in self._full if len(self._held.get(lane, ())) < _HELD}
        self._full -= drained
        self._consumer.resume(*_of_kafka((drained & self._assigned) - self._paused))

    def _ready(self) -> list[TopicPartition]:
        return sorted(lane for lane, held in self._held.items() if held and lane not in self._paused)

    def _take(self, max_records: int) -> list[Record]:
        """One record of each partition in turn, another partition first each time."""
        lanes = self._ready()
        self._turn = (self._turn + 1) % max(1, len(lanes))
        lanes = lanes[self._turn :] + lanes[: self._turn]
        records: list[Record] = []
        while lanes and len(records) < max_records:
            records += [self._held[lane].popleft() for lane in lanes[: max_records - len(records)]]
            lanes = [lane for lane in lanes if self._held[lane]]
        return records

    def _commit_now(self) -> None:
        if not self._uncommitted or time.monotonic() < self._commit_at:
            return
        offsets = {
            KafkaPartition(*lane): OffsetAndMetadata(offset, "", -1) for lane, offset in self._uncommitted.items()
        }
        try:
            self._consumer.commit(offsets, timeout_ms=_COMMIT_MS)
        except (errors.CommitFailedError, errors.RebalanceInProgressError, errors.IllegalGenerationError):
            return  # the next poll finds out which partitions are still ours
        except errors.UnknownMemberIdError:
            return
        except errors.KafkaError:
            self._commit_at = time.monotonic() + _COMMIT_AGAIN_SECONDS
            return
        self._reached.update(self._uncommitted)
        self._uncommitted.clear()


def _of_kafka(lanes: Iterable[TopicPartition]) -> list[KafkaPartition]:
    return [KafkaPartition(*lane) for lane in lanes]
