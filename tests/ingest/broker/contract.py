"""The contract of every broker; `group_contract.py` adds the consumer group.

A subclass says how a broker is made, here and in another process (see `BrokerFixtures`), and inherits the tests.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator, Sequence
from uuid import uuid4

import pytest

from ingest.broker import Broker, GroupMember, Outgoing, Record, TopicPartition
from ingest.job import partition_of
from tests.ingest.broker.child import Child

PATIENCE = 120.0
"""The longest wait of a test, in seconds."""


def poll_until(members: Sequence[GroupMember], done: Callable[[list[list[Record]]], object]) -> list[list[Record]]:
    """Poll the members in turn until `done` accepts what each has received so far, and return that."""
    received: list[list[Record]] = [[] for _ in members]
    deadline = time.monotonic() + PATIENCE
    while not done(received):
        assert time.monotonic() < deadline, f"still waiting; received so far: {received}"
        for member, records in zip(members, received, strict=True):
            records.extend(member.poll(0.01, 50))
    return received


def read(member: GroupMember, count: int) -> list[Record]:
    """Poll until there are `count` records or more."""
    return poll_until([member], lambda received: len(received[0]) >= count)[0]


def spread(members: Sequence[GroupMember], partitions: int) -> Callable[[object], bool]:
    """Whether the members share all partitions of a topic evenly: their numbers differ by one at most."""

    def done(_: object) -> bool:
        sizes = [len(member.assignment()) for member in members]
        return sum(sizes) == partitions and max(sizes) - min(sizes) <= 1

    return done


def _exists(broker: Broker, topic: str) -> bool:
    try:
        broker.join(f"group-{uuid4()}", [topic]).close()
    except ValueError:
        return False
    return True


def values(records: Sequence[Record]) -> list[bytes]:
    return [record.value for record in records]


def behind(records: Sequence[Record]) -> dict[TopicPartition, int]:
    """The offsets to commit when all these records are done."""
    return {record.topic_partition: record.offset + 1 for record in records}


def numbered(topic: str, numbers: range, partitions: int) -> list[Outgoing]:
    """One message per number, distributed over the partitions in turn."""
    return [Outgoing(topic, number % partitions, b"%d" % number) for number in numbers]


class BrokerFixtures:
    """Fixtures of the contracts. A subclass implements the first two."""

    commits_at_once = True
    """Whether a commit takes effect at once even during a rebalance; otherwise a later poll repeats it."""

    @pytest.fixture
    def open_broker(self) -> Callable[[], Broker]:
        """Opens another Broker on the same storage, with 2 or more partitions. The fixture closes them."""
        raise NotImplementedError

    @pytest.fixture
    def child_source(self) -> str:
        """Python code that assigns such a Broker to `broker`; its members lose their partitions after about 1 s."""
        raise NotImplementedError

    @pytest.fixture
    def broker(self, open_broker: Callable[[], Broker]) -> Broker:
        return open_broker()

    @pytest.fixture
    def child(self, child_source: str) -> Iterator[Callable[[], Child]]:
        children: list[Child] = []

        def start() -> Child:
            children.append(Child(child_source))
            return children[-1]

        yield start
        for each in children:
            each.kill()

    @pytest.fixture
    def group(self) -> str:
        return f"group-{uuid4()}"

    @pytest.fixture
    def topic(self, broker: Broker) -> str:
        name = f"topic-{uuid4()}"
        broker.ensure_topics([name])
        return name

    @pytest.fixture
    def partitions(self, broker: Broker, topic: str) -> int:
        return broker.ensure_topics([topic])[topic]


class BrokerContract(BrokerFixtures):
    def test_a_key_has_the_same_partition_for_ever(self) -> None:
        keys = [b"", b"123456789", b"/zone/home/alice/a.tif", b"\xff\xfe not UTF-8"]
        assert [partition_of(key, 8) for key in keys] == [0, 6, 4, 2]
        assert partition_of(b"123456789", 1000) == 0xCBF43926 % 1000  # the check value of CRC-32

    def test_topics_are_created_once_and_keep_their_partitions(self, open_broker: Callable[[], Broker]) -> None:
        one, other = f"topic-{uuid4()}", f"topic-{uuid4()}"
        first = open_broker().ensure_topics([one])
        assert first[one] >= 2
        again = open_broker().ensure_topics([one, other])
        assert again == {one: first[one], other: first[one]}

    def test_a_deleted_topic_is_gone_with_its_records_and_others_are_not(
        self, broker: Broker, group: str, topic: str
    ) -> None:
        other = f"topic-{uuid4()}"
        broker.ensure_topics([other])
        broker.publish([Outgoing(each, 0, each.encode()) for each in (topic, other)])
        broker.delete_topics([topic, f"topic-{uuid4()}"])
        deadline = time.monotonic() + PATIENCE
        while _exists(broker, topic):
            assert time.monotonic() < deadline, "the topic stays"
        with broker.join(group, [other]) as member:
            assert values(read(member, 1)) == [other.encode()]

    def test_records_of_a_partition_arrive_whole_and_in_order(
        self, broker: Broker, open_broker: Callable[[], Broker], group: str, topic: str, partitions: int
    ) -> None:
        sent = [*numbered(topic, range(300), partitions), Outgoing(topic, 0, bytes(range(256)) * 40)]
        broker.publish(sent[:200])
        broker.publish([])
        broker.publish(sent[200:])
        with open_broker().join(group, [topic]) as member:
            received = read(member, len(sent))
        for partition in range(partitions):
            records = [record for record in received if record.topic_partition == (topic, partition)]
            assert values(records) == [message.value for message in sent if message.partition == partition]
            offsets = [record.offset for record in records]
            assert offsets == sorted(set(offsets))

    def test_a_poll_gives_at_most_as_many_records_as_asked_for(self, broker: Broker, group: str, topic: str) -> None:
        broker.publish([Outgoing(topic, 0, b"%d" % number) for number in range(10)])
        with broker.join(group, [topic]) as member:
            received: list[Record] = []
            while len(received) < 10:
                records = member.poll(0.5, 3)
                assert len(records) <= 3
                received += records
        assert values(received) == [b"%d" % number for number in range(10)]

    def test_a_member_gets_only_the_topics_that_it_joined_for(self, broker: Broker, group: str, topic: str) -> None:
        other = f"topic-{uuid4()}"
        broker.ensure_topics([other])
        broker.publish([Outgoing(other, 0, b"not for us"), Outgoing(topic, 0, b"for us")])
        with broker.join(group, [topic]) as member:
            assert values(read(member, 1)) == [b"for us"]
            assert {partition.topic for partition in member.assignment()} == {topic}

    def test_publish_is_all_or_nothing(self, broker: Broker, group: str, topic: str, partitions: int) -> None:
        with pytest.raises(ValueError, match=topic):
            broker.publish([Outgoing(topic, 0, b"good"), Outgoing(topic, partitions, b"no such partition")])
        with pytest.raises(ValueError, match="no-such-topic"):
            broker.publish([Outgoing(topic, 0, b"good"), Outgoing("no-such-topic", 0, b"")])
        assert broker.lag(group, [topic]) == 0
        broker.publish([Outgoing(topic, 0, b"next")])
        with broker.join(group, [topic]) as member:
            assert values(read(member, 1)) == [b"next"]

    def test_what_was_published_survives_a_kill_of_the_publisher(
        self, broker: Broker, child: Callable[[], Child], group: str, topic: str
    ) -> None:
        publisher = child()
        publisher("publish", topic, [[0, "one"], [0, "two"]])
        publisher.kill()
        with broker.join(group, [topic]) as member:
            assert values(read(member, 2)) == [b"one", b"two"]

    def test_lag_counts_what_is_not_committed(self, broker: Broker, group: str, topic: str, partitions: int) -> None:
        broker.publish(numbered(topic, range(10 * partitions), partitions))
        assert broker.lag(group, [topic]) == 10 * partitions
        with broker.join(group, [topic]) as member:
            received = read(member, 10 * partitions)
            assert broker.lag(group, [topic]) == 10 * partitions
            last = [record for record in received if record.partition == 1]
            member.commit(behind(last[:4]))
            assert broker.lag(group, [topic]) == 10 * partitions - 4
        other = f"topic-{uuid4()}"
        broker.ensure_topics([other])
        broker.publish([Outgoing(other, 0, b"one more")])
        assert broker.lag(group, [topic, other]) == 10 * partitions - 3

    def test_a_commit_never_goes_back(self, broker: Broker, group: str, topic: str) -> None:
        broker.publish([Outgoing(topic, 0, b"%d" % number) for number in range(5)])
        with broker.join(group, [topic]) as member:
            received = read(member, 5)
            member.commit(behind(received[:4]))
            member.commit(behind(received[:2]))
            assert broker.lag(group, [topic]) == 1
        with broker.join(group, [topic]) as member:
            assert values(read(member, 1)) == [b"4"]

    def test_a_paused_partition_waits_until_it_is_resumed(
        self, broker: Broker, group: str, topic: str, partitions: int
    ) -> None:
        quiet = TopicPartition(topic, 1)
        with broker.join(group, [topic]) as member:
            poll_until([member], spread([member], partitions))
            member.pause([quiet])
            broker.publish([Outgoing(topic, 1, b"paused"), Outgoing(topic, 0, b"first")])
            assert values(read(member, 1)) == [b"first"]
            broker.publish([Outgoing(topic, 0, b"second")])
            assert values(read(member, 1)) == [b"second"]
            assert quiet in member.assignment()
            member.resume([quiet])
            assert values(read(member, 1)) == [b"paused"]
