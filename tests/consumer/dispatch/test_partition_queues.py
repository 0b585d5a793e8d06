"""Each partition is worked on in order, one record at a time, and committed as far as it is done."""

from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st

from consumer.dispatch.partition_queues import PartitionQueues
from ingest.broker import Record, TopicPartition

TOPICS = ("file", "path", "restart")


def record(topic: str, partition: int, offset: int) -> Record:
    return Record(topic, partition, offset, b"%d" % offset)


def queues_with(*records: Record) -> PartitionQueues:
    queues = PartitionQueues(TOPICS)
    queues.add(records)
    return queues


A0, A5, A9 = (record("file", 0, offset) for offset in (0, 5, 9))
B1, B2 = (record("file", 1, offset) for offset in (1, 2))
PARTITION_A, PARTITION_B = A0.topic_partition, B1.topic_partition


def test_of_each_partition_the_first_record_is_ready() -> None:
    queues = queues_with(A0, A5, B1, B2)
    assert list(queues.ready()) == [A0, B1]
    assert len(queues) == 4


def test_while_a_record_is_in_work_its_partition_waits_and_the_others_do_not() -> None:
    queues = queues_with(A0, A5, B1)
    queues.begin(A0)
    assert list(queues.ready()) == [B1]
    assert len(queues) == 2
    queues.done(A0)
    assert list(queues.ready()) == [B1, A5]


def test_the_most_urgent_topic_comes_first_and_in_it_the_lowest_offset() -> None:
    restart, path = record("restart", 0, 0), record("path", 0, 1)
    queues = queues_with(restart, path, A5, B2)
    assert list(queues.ready()) == [B2, A5, path, restart]


def test_a_record_can_be_passed_over_while_the_rest_is_looked_at() -> None:
    queues = queues_with(A0, A5, B1)
    for each in queues.ready():
        queues.done(each)
    assert list(queues.ready()) == [A5]
    assert queues.to_commit() == {PARTITION_A: 1, PARTITION_B: 2}


def test_what_is_in_work_is_not_committed_and_offsets_are_told_once() -> None:
    queues = queues_with(A0, A5, A9)
    queues.begin(A0)
    assert queues.to_commit() == {}
    queues.done(A0)
    queues.begin(A5)
    assert queues.to_commit() == {PARTITION_A: 1}
    assert queues.to_commit() == {}
    queues.done(A5)
    queues.done(A9)
    assert queues.to_commit() == {PARTITION_A: 10}


def test_partitions_that_are_taken_away_are_forgotten_with_all_that_waits() -> None:
    queues = queues_with(A0, A5, B1)
    queues.done(A0)
    queues.forget([PARTITION_A, TopicPartition("file", 7)])
    assert list(queues.ready()) == [B1]
    assert len(queues) == 1
    assert queues.to_commit() == {}


def test_what_ends_after_its_partition_was_taken_away_is_not_committed() -> None:
    queues = queues_with(A0, A5)
    queues.begin(A0)
    queues.forget([PARTITION_A])
    queues.done(A0)
    assert queues.to_commit() == {}


def test_a_partition_that_comes_back_goes_on_with_what_is_delivered_anew() -> None:
    queues = queues_with(A0, A5)
    queues.begin(A0)
    queues.forget([PARTITION_A])
    queues.add([A0, A5])
    assert list(queues.ready()) == [A0]
    queues.done(A0)  # by the worker that had it before
    assert list(queues.ready()) == [A5]
    queues.begin(A5)
    queues.done(A0)
    assert list(queues.ready()) == []
    assert queues.to_commit() == {PARTITION_A: 1}


@given(st.lists(st.integers(0, 2), max_size=12), st.data())
def test_however_work_ends_each_partition_is_done_in_order_to_its_end(parts: list[int], data: st.DataObject) -> None:
    records = [record("file", part, number) for number, part in enumerate(parts)]
    queues, working, order = queues_with(*records), set[Record](), list[Record]()
    committed: dict[TopicPartition, int] = {}
    while len(order) < len(records):
        ready = list(queues.ready())
        assert not {each.topic_partition for each in ready} & {each.topic_partition for each in working}
        assert len({each.topic_partition for each in ready}) == len(ready)
        if ready and (not working or data.draw(st.integers(0, 1))):
            queues.begin(ready[0])
            working.add(ready[0])
        else:
            ended = sorted(working)[data.draw(st.integers(0, len(working) - 1))]
            working.remove(ended)
            queues.done(ended)
            order.append(ended)
        committed.update(queues.to_commit())
        for partition, offset in committed.items():
            assert all(each in order for each in records if each.topic_partition == partition and each.offset < offset)
    for part in range(3):
        mine = [each for each in records if each.partition == part]
        assert [each for each in order if each.partition == part] == mine
        assert committed.get(TopicPartition("file", part), 0) == (mine[-1].offset + 1 if mine else 0)


def test_of_a_partition_that_is_handed_over_only_the_record_in_work_stays() -> None:
    queues = queues_with(A0, A5, B1, B2)
    queues.begin(A0)
    queues.begin(B1)
    assert queues.working() == {PARTITION_A, PARTITION_B}
    queues.begin_no_more([PARTITION_A])
    queues.done(A0)
    queues.done(B1)
    assert list(queues.ready()) == [B2]
    assert queues.working() == {PARTITION_A, PARTITION_B}, "their offsets are to be committed"
    assert queues.to_commit() == {PARTITION_A: 1, PARTITION_B: 2}
    assert queues.working() == frozenset()
