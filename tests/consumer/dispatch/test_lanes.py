"""Each partition is worked on in order, one record at a time, and committed as far as it is done."""

from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st

from consumer.dispatch.lanes import Lanes
from ingest.broker import Record, TopicPartition

TOPICS = ("file", "path", "restart")


def record(topic: str, partition: int, offset: int) -> Record:
    return Record(topic, partition, offset, b"%d" % offset)


def lanes_with(*records: Record) -> Lanes:
    lanes = Lanes(TOPICS)
    lanes.add(records)
    return lanes


A0, A5, A9 = (record("file", 0, offset) for offset in (0, 5, 9))
B1, B2 = (record("file", 1, offset) for offset in (1, 2))
LANE_A, LANE_B = A0.topic_partition, B1.topic_partition


def test_of_each_lane_the_first_record_is_ready() -> None:
    lanes = lanes_with(A0, A5, B1, B2)
    assert list(lanes.ready()) == [A0, B1]
    assert len(lanes) == 4


def test_while_a_record_is_in_work_its_lane_waits_and_the_others_do_not() -> None:
    lanes = lanes_with(A0, A5, B1)
    lanes.begin(A0)
    assert list(lanes.ready()) == [B1]
    assert len(lanes) == 2
    lanes.done(A0)
    assert list(lanes.ready()) == [B1, A5]


def test_the_most_urgent_topic_comes_first_and_in_it_the_lowest_offset() -> None:
    restart, path = record("restart", 0, 0), record("path", 0, 1)
    lanes = lanes_with(restart, path, A5, B2)
    assert list(lanes.ready()) == [B2, A5, path, restart]


def test_a_record_can_be_passed_over_while_the_rest_is_looked_at() -> None:
    lanes = lanes_with(A0, A5, B1)
    for each in lanes.ready():
        lanes.done(each)
    assert list(lanes.ready()) == [A5]
    assert lanes.to_commit() == {LANE_A: 1, LANE_B: 2}


def test_what_is_in_work_is_not_committed_and_offsets_are_told_once() -> None:
    lanes = lanes_with(A0, A5, A9)
    lanes.begin(A0)
    assert lanes.to_commit() == {}
    lanes.done(A0)
    lanes.begin(A5)
    assert lanes.to_commit() == {LANE_A: 1}
    assert lanes.to_commit() == {}
    lanes.done(A5)
    lanes.done(A9)
    assert lanes.to_commit() == {LANE_A: 10}


def test_partitions_that_are_taken_away_are_forgotten_with_all_that_waits() -> None:
    lanes = lanes_with(A0, A5, B1)
    lanes.done(A0)
    lanes.keep_only(frozenset({LANE_B, TopicPartition("file", 7)}))
    assert list(lanes.ready()) == [B1]
    assert len(lanes) == 1
    assert lanes.to_commit() == {}


def test_what_ends_after_its_partition_was_taken_away_is_not_committed() -> None:
    lanes = lanes_with(A0, A5)
    lanes.begin(A0)
    lanes.keep_only(frozenset())
    lanes.done(A0)
    assert lanes.to_commit() == {}


def test_a_partition_that_comes_back_goes_on_with_what_is_delivered_anew() -> None:
    lanes = lanes_with(A0, A5)
    lanes.begin(A0)
    lanes.keep_only(frozenset())
    lanes.add([A0, A5])
    assert list(lanes.ready()) == [A0]
    lanes.done(A0)  # by the worker that had it before
    assert list(lanes.ready()) == [A5]
    lanes.begin(A5)
    lanes.done(A0)
    assert list(lanes.ready()) == []
    assert lanes.to_commit() == {LANE_A: 1}


@given(st.lists(st.integers(0, 2), max_size=12), st.data())
def test_however_work_ends_each_lane_is_done_in_order_and_to_its_end(parts: list[int], data: st.DataObject) -> None:
    records = [record("file", part, number) for number, part in enumerate(parts)]
    lanes, working, order = lanes_with(*records), set[Record](), list[Record]()
    committed: dict[TopicPartition, int] = {}
    while len(order) < len(records):
        ready = list(lanes.ready())
        assert not {each.topic_partition for each in ready} & {each.topic_partition for each in working}
        assert len({each.topic_partition for each in ready}) == len(ready)
        if ready and (not working or data.draw(st.integers(0, 1))):
            lanes.begin(ready[0])
            working.add(ready[0])
        else:
            ended = sorted(working)[data.draw(st.integers(0, len(working) - 1))]
            working.remove(ended)
            lanes.done(ended)
            order.append(ended)
        committed.update(lanes.to_commit())
        for lane, offset in committed.items():
            assert all(each in order for each in records if each.topic_partition == lane and each.offset < offset)
    for part in range(3):
        mine = [each for each in records if each.partition == part]
        assert [each for each in order if each.partition == part] == mine
        assert committed.get(TopicPartition("file", part), 0) == (mine[-1].offset + 1 if mine else 0)
