"""The contract of the consumer group: members join, leave, stall and die."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Sequence

from ingest.boot_clock import boot_seconds
from ingest.broker import Broker, GroupMember, Outgoing, Record, TopicPartition
from tests.ingest.broker.child import Child
from tests.ingest.broker.contract import BrokerFixtures, behind, numbered, poll_until, read, spread, values


def held_by_two(members: Sequence[GroupMember]) -> bool:
    held = [partition for member in members for partition in member.assignment()]
    return len(held) != len(set(held))


def share_of(member: GroupMember) -> dict[str, int]:
    """The number of partitions of each topic that a member has."""
    return Counter(partition.topic for partition in member.assignment())


class GroupContract(BrokerFixtures):
    def test_two_members_share_the_partitions_and_each_record_comes_once(
        self, open_broker: Callable[[], Broker], group: str, topic: str, partitions: int
    ) -> None:
        broker = open_broker()
        with broker.join(group, [topic]) as one, open_broker().join(group, [topic]) as two:
            poll_until([one, two], spread([one, two], partitions))
            assert not one.assignment() & two.assignment()
            broker.publish(numbered(topic, range(200), partitions))
            first = poll_until([one, two], lambda received: sum(map(len, received)) >= 200)
            assert sorted(values(first[0] + first[1])) == sorted(b"%d" % number for number in range(200))
            for member, records in zip([one, two], first, strict=True):
                assert {record.topic_partition for record in records} == member.assignment()
            # Were any of them handed out again, it would come before these.
            broker.publish([Outgoing(topic, partition, b"last") for partition in range(partitions)])
            then = poll_until([one, two], lambda received: sum(map(len, received)) >= partitions)
            assert values(then[0] + then[1]) == [b"last"] * partitions

    def test_a_second_member_gets_its_share_of_each_topic(
        self, open_broker: Callable[[], Broker], group: str, topic: str
    ) -> None:
        broker = open_broker()
        counts = broker.ensure_topics([f"{topic}-{kind}" for kind in ("restart", "path", "file")])
        with broker.join(group, counts) as one:
            poll_until([one], lambda _: len(one.assignment()) == sum(counts.values()))
            with open_broker().join(group, counts) as two:
                half = {each: count // 2 for each, count in counts.items()}
                poll_until([one, two], lambda _: share_of(one) == share_of(two) == half)

    def test_a_third_member_comes_and_goes_without_loss_and_no_partition_has_two_holders(
        self, open_broker: Callable[[], Broker], group: str, topic: str, partitions: int
    ) -> None:
        broker = open_broker()
        received: set[bytes] = set()
        sent = 0

        def work(members: Sequence[GroupMember], wanted: int) -> None:
            """Publish, consume and commit until these members share a topic of `wanted` partitions."""
            nonlocal sent

            def step(_: list[list[Record]]) -> bool:
                nonlocal sent
                broker.publish(numbered(topic, range(sent, sent + 20), partitions))
                sent += 20
                for member in members:
                    records = member.poll(0.01, 50)
                    assert not held_by_two(members)
                    assert {record.topic_partition for record in records} <= member.assignment()
                    member.commit(behind(records))
                    received.update(values(records))
                return spread(members, wanted)(None)

            poll_until([], step)

        with broker.join(group, [topic]) as one, open_broker().join(group, [topic]) as two:
            work([one, two], partitions)
            with open_broker().join(group, [topic]) as three:
                work([one, two, three], partitions)
            work([one, two], partitions)
            while len(received) < sent:
                for member in (one, two):
                    received.update(values(member.poll(0.01, 50)))
        assert received == {b"%d" % number for number in range(sent)}

    def test_a_partition_with_a_record_in_work_is_handed_over_when_it_is_done_and_committed(
        self, open_broker: Callable[[], Broker], group: str, topic: str, partitions: int
    ) -> None:
        broker = open_broker()
        with broker.join(group, [topic]) as one:
            poll_until([one], spread([one], partitions))
            broker.publish(numbered(topic, range(2 * partitions), partitions))
            received = read(one, 2 * partitions)
            working = one.assignment()
            with open_broker().join(group, [topic]) as two:
                poll_until([two], lambda _: one.poll(0.01, 50, working) or one.releasing())
                wanted = one.releasing()
                assert one.assignment() == working - wanted
                broker.publish([Outgoing(*each, b"later") for each in wanted])
                for _ in range(20):
                    assert one.poll(0.01, 50, working) == []
                    assert two.poll(0.01, 50) == []
                    assert (one.releasing(), one.lost(), two.assignment()) == (wanted, frozenset(), frozenset())
                one.commit(behind([each for each in received if each.topic_partition in wanted]))
                left: set[TopicPartition] = set()
                then: list[Record] = []

                def released(_: object) -> bool:
                    then.extend(one.poll(0.01, 50, working - wanted))
                    left.update(one.lost())
                    return two.assignment() == wanted == left

                after = poll_until([two], released)[0]
                after += poll_until([two], lambda more: len(after) + len(more[0]) >= len(wanted))[0]
                assert values(after) == [b"later"] * len(wanted)
                assert (then, one.releasing()) == ([], frozenset())

    def test_a_partition_is_released_although_its_next_owner_has_gone(
        self, open_broker: Callable[[], Broker], group: str, topic: str, partitions: int
    ) -> None:
        broker = open_broker()
        with broker.join(group, [topic]) as one:
            poll_until([one], spread([one], partitions))
            working = one.assignment()
            with open_broker().join(group, [topic]) as two:
                poll_until([two], lambda _: one.poll(0.01, 50, working) or one.releasing())
            poll_until([one], spread([one], partitions))
            broker.publish(numbered(topic, range(partitions), partitions))
            assert {record.topic_partition for record in read(one, partitions)} == working

    def test_a_member_knows_until_when_its_partitions_are_its_own(
        self, broker: Broker, group: str, topic: str, partitions: int
    ) -> None:
        member = broker.join(group, [topic])
        poll_until([member], spread([member], partitions))
        first = member.held_until()
        assert first > boot_seconds()
        poll_until([member], lambda _: member.held_until() > first)
        member.close()

    def test_a_member_that_stalled_learns_what_it_has_lost(
        self, open_broker: Callable[[], Broker], child: Callable[[], Child], group: str, topic: str, partitions: int
    ) -> None:
        stalled = child()
        stalled("join", group, topic)
        held = [TopicPartition(*each) for each in stalled("hold", partitions)]
        until = stalled("held_until")
        with open_broker().join(group, [topic]) as member:
            poll_until([member], spread([member], partitions))
            assert boot_seconds() >= until
        assert sorted(TopicPartition(*each) for each in stalled("lose", partitions)) == sorted(held)

    def test_a_member_that_stalled_with_a_partition_to_hand_over_has_lost_it(
        self, open_broker: Callable[[], Broker], child: Callable[[], Child], group: str, topic: str, partitions: int
    ) -> None:
        stalled = child()
        stalled("join", group, topic)
        held = stalled("hold", partitions)
        with open_broker().join(group, [topic]) as member:
            stalled.send("hand_over")
            poll_until([member], lambda _: stalled.answered())
            wanted = stalled.answer()
            assert 0 < len(wanted) < len(held)
            poll_until([member], spread([member], partitions))
        assert stalled("lose", partitions) == held

    def test_after_a_close_only_the_uncommitted_is_delivered_again(
        self, broker: Broker, group: str, topic: str
    ) -> None:
        broker.publish([Outgoing(topic, 0, b"%d" % number) for number in range(6)])
        with broker.join(group, [topic]) as member:
            member.commit(behind(read(member, 6)[:4]))
        with broker.join(group, [topic]) as member:
            assert values(read(member, 2)) == [b"4", b"5"]

    def test_after_a_kill_only_the_uncommitted_is_delivered_again(
        self, broker: Broker, child: Callable[[], Child], group: str, topic: str
    ) -> None:
        broker.publish([Outgoing(topic, 0, b"%d" % number) for number in range(6)])
        victim = child()
        victim("join", group, topic)
        offsets = [offset for _, _, offset, _ in victim("read", 6)]
        victim("commit", topic, 0, offsets[3] + 1)
        victim.kill()
        with broker.join(group, [topic]) as member:
            assert values(read(member, 2)) == [b"4", b"5"]

    def test_a_commit_of_a_partition_that_went_to_another_member_is_ignored(
        self, broker: Broker, open_broker: Callable[[], Broker], group: str, topic: str, partitions: int
    ) -> None:
        broker.publish(numbered(topic, range(partitions), partitions))
        with broker.join(group, [topic]) as one:
            received = read(one, partitions)
            with open_broker().join(group, [topic]) as two:
                again = poll_until([one, two], spread([one, two], partitions))[1]
                kept, lost = one.assignment(), two.assignment()
                one.commit(behind(received))
                if not self.commits_at_once:
                    again += poll_until([one, two], lambda _: broker.lag(group, [topic]) <= len(lost))[1]
                assert broker.lag(group, [topic]) == len(lost)
                again += poll_until([two], lambda more: len(again) + len(more[0]) >= len(lost))[0]
                assert {record.topic_partition for record in again} == lost
            back = read(one, len(lost))
            assert {record.topic_partition for record in back} == lost
            assert kept | lost == one.assignment()

    def test_a_member_that_stalled_loses_its_partitions_and_starts_again_from_what_is_committed(
        self, broker: Broker, child: Callable[[], Child], group: str, topic: str, partitions: int
    ) -> None:
        broker.publish([Outgoing(topic, 0, b"%d" % number) for number in range(3)])
        stalled = child()
        stalled("join", group, topic)
        offsets = [offset for _, _, offset, _ in stalled("read", 3)]
        with broker.join(group, [topic]) as member:
            received = poll_until([member], lambda records: len(records[0]) >= 3)[0]
            assert values(received) == [b"0", b"1", b"2"]
            stalled("commit", topic, 0, offsets[2] + 1)
            assert broker.lag(group, [topic]) == 3
            member.commit(behind(received[:1]))
        assert [text for *_, text in stalled("read", 2)] == ["1", "2"]
