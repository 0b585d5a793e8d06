"""A stateful test: after any sequence of events, three members see what a simple model of a group predicts."""

from __future__ import annotations

import shutil
import tempfile
from pathlib import Path

from hypothesis import settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, initialize, invariant, rule

from ingest.broker import Outgoing, TopicPartition
from ingest.broker.embedded.broker import EmbeddedBroker
from ingest.broker.embedded.member import EmbeddedMember
from ingest.sqlite import transaction

PARTITIONS = 4
names = st.sampled_from("abc")
partitions = st.integers(0, PARTITIONS - 1)


class _Seat:
    """A member and its model: for each partition the number of the next record and of the last one seen."""

    def __init__(self, member: EmbeddedMember) -> None:
        self.member = member
        self.next: dict[int, int] = {}
        self.seen: dict[int, int] = {}
        self.paused: set[int] = set()
        self.stalled = self.removed = False


class Group(RuleBasedStateMachine):
    @initialize()
    def start(self) -> None:
        self.folder = Path(tempfile.mkdtemp())
        self.broker = EmbeddedBroker(self.folder / "state", PARTITIONS, session_seconds=3600)
        self.broker.ensure_topics(["t"])
        self.log: list[list[bytes]] = [[] for _ in range(PARTITIONS)]
        self.offsets: dict[tuple[int, int], int] = {}
        self.committed = [0] * PARTITIONS
        self.holder: list[str | None] = [None] * PARTITIONS
        self.seats: dict[str, _Seat] = {}
        self.published = 0

    @rule(where=st.lists(partitions, min_size=1, max_size=8))
    def publish(self, where: list[int]) -> None:
        messages = []
        for partition in where:
            self.published += 1
            messages.append(Outgoing("t", partition, b"%d" % self.published))
            self.log[partition].append(messages[-1].value)
        self.broker.publish(messages)

    @rule(name=names, most=st.integers(1, 9))
    def poll(self, name: str, most: int) -> None:
        seat = self._seat(name)
        records = seat.member.poll(0, most)
        self._follow_rebalance(name, seat)
        assert len(records) <= most
        for topic, partition, offset, value in records:
            assert topic == "t"
            assert self.holder[partition] == name
            assert partition not in seat.paused
            number = seat.next[partition]
            assert value == self.log[partition][number]
            assert self.offsets.setdefault((partition, number), offset) == offset
            seat.next[partition] += 1
            seat.seen[partition] = number
        if len(records) < most:
            assert all(seat.next[p] == len(self.log[p]) for p in seat.next.keys() - seat.paused)

    @rule(name=names, partition=partitions, less=st.integers(0, 3))
    def commit(self, name: str, partition: int, less: int) -> None:
        """A commit may be late, lower than before, or for a partition that another member owns now."""
        seat = self._seat(name)
        number = seat.seen.get(partition, -1) - less
        if number < 0:
            return
        seat.member.commit({TopicPartition("t", partition): self.offsets[partition, number] + 1})
        if self.holder[partition] == name:
            self.committed[partition] = max(self.committed[partition], number + 1)
            seat.next[partition] = max(seat.next[partition], self.committed[partition])

    @rule(name=names, partition=partitions)
    def pause(self, name: str, partition: int) -> None:
        seat = self._seat(name)
        seat.member.pause([TopicPartition("t", partition)])
        seat.paused |= seat.next.keys() & {partition}

    @rule(name=names, partition=partitions)
    def resume(self, name: str, partition: int) -> None:
        seat = self._seat(name)
        seat.member.resume([TopicPartition("t", partition)])
        seat.paused.discard(partition)

    @rule(name=names)
    def close(self, name: str) -> None:
        self._seat(name).member.close()
        del self.seats[name]
        self._release(name)

    @rule(name=names)
    def stall(self, name: str) -> None:
        """The lease of the member expires, and all members read the group in their next poll."""
        seat = self._seat(name)
        seat.stalled = True
        with transaction(self.broker._connection) as db:
            db.execute("UPDATE members SET renewed = renewed - 4000 WHERE id = ?", (seat.member._member_id,))
            db.execute("UPDATE consumer_groups SET epoch = epoch + 1")

    @invariant()
    def lag_is_what_is_not_committed(self) -> None:
        assert self.broker.lag("g", ["t"]) == sum(map(len, self.log)) - sum(self.committed)

    def teardown(self) -> None:
        for _ in range(4):
            for name in self.seats:
                self.poll(name, 1)
        sizes = [len(seat.member.assignment()) for seat in self.seats.values()]
        assert not sizes or (sum(sizes) == PARTITIONS and max(sizes) - min(sizes) <= 1)
        for name in [*self.seats]:
            self.close(name)
        self.poll("a", 10_000)
        self.poll("a", 10_000)
        assert self.seats["a"].next == {partition: len(self.log[partition]) for partition in range(PARTITIONS)}
        self.close("a")
        self.broker.close()
        shutil.rmtree(self.folder)

    def _seat(self, name: str) -> _Seat:
        if name not in self.seats:
            self.seats[name] = _Seat(self.broker.join("g", ["t"]))
        return self.seats[name]

    def _release(self, name: str) -> None:
        self.holder = [None if holder == name else holder for holder in self.holder]

    def _follow_rebalance(self, name: str, seat: _Seat) -> None:
        """A poll removes the other members that stalled. A partition that moved must have been free before."""
        seat.stalled = False
        for each, other in self.seats.items():
            if other.stalled:
                self._release(each)
                other.removed = True
        if seat.removed:
            seat.removed, seat.next, seat.paused = False, {}, set()
        held = {partition.partition for partition in seat.member.assignment()}
        for partition in seat.next.keys() - held:
            self.holder[partition] = None
        for partition in held - seat.next.keys():
            assert self.holder[partition] is None
            self.holder[partition] = name
        seat.next = {partition: seat.next.get(partition, self.committed[partition]) for partition in held}
        seat.paused &= held


TestGroup = Group.TestCase
TestGroup.settings = settings(max_examples=60, stateful_step_count=40, deadline=None)
