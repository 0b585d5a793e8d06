"""What settles is published once, however often it is told, and in an order that moves can live with."""

from __future__ import annotations

import threading
from collections.abc import Iterator
from itertools import combinations
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from ingest.job import Topics
from ingest.messages import ListPath, MovePath, SyncFiles, Task, decode, path_from_wire
from ingest.store.embedded import EmbeddedStore
from tests.ingest.store.support import create, status_of, step, take
from watcher.events import MakeDirectory, Move, Sync, Vanish, Work
from watcher.in_flight import Single, paths_of
from watcher.publish import Publisher
from watcher.scans import PATIENCE_SECONDS, Scans
from watcher.spool import Spool

Published = list[Single]


class Watch:
    """A job whose watcher has a spool; the test says what settles, and does the consumer's work."""

    def __init__(self, folder: Path) -> None:
        self.store = EmbeddedStore(folder / "state.db")
        self.job = create(self.store, watch=True, topics=Topics(partitions={"restart": 1, "path": 3, "file": 3}))
        self.spool = Spool(folder / "spool.db")
        self.under_way: dict[str, Published] = {}
        take(self.store)
        self.again()

    def again(self, patience: float = PATIENCE_SECONDS) -> None:
        """A publisher takes over from the one before, as after a crash."""
        self.publisher = Publisher(self.store, self.job, self.spool, threading.Lock(), Scans(patience))

    def tell(self, *work: Work) -> Published:
        """What is published now that this has settled, too."""
        self.spool.put(work)
        return self.publish()

    def publish(self) -> Published:
        while self.publisher.turn():
            pass
        published: Published = []
        for number, message in self.store.outbox.oldest(1_000_000):
            task = decode(message.value)
            self.store.outbox.remove([number])
            if isinstance(task, SyncFiles | MovePath | ListPath):
                self.under_way[task.task] = works(task)
                published += works(task)
        return published

    def settle(self, about: bytes) -> Published:
        """The task that is about this path is done; what is published thereupon."""
        task = next(task for task, done in self.under_way.items() if any(about in paths_of(work) for work in done))
        del self.under_way[task]
        assert self.store.tasks.settle(step(task, pass_id=status_of(self.store).live_pass))
        return self.publish()

    def close(self) -> None:
        self.spool.close()
        self.store.close()


def works(task: Task) -> Published:
    if isinstance(task, MovePath):
        return [Move(path_from_wire(task.old), path_from_wire(task.new), task.directory)]
    if isinstance(task, ListPath):
        return [MakeDirectory(path_from_wire(task.path))]
    assert isinstance(task, SyncFiles)
    return [
        Vanish(path_from_wire(each.path)) if each.gone else Sync(path_from_wire(each.path), each.catalog == [])
        for each in task.changes
    ]


@pytest.fixture
def watch(tmp_path: Path) -> Iterator[Watch]:
    watch = Watch(tmp_path)
    yield watch
    watch.close()


def file(path: bytes) -> Sync:
    return Sync(path, new=True)


MOVE = Move(b"big", b"moved", directory=True)


def test_what_has_nothing_to_do_with_a_move_passes_it_and_what_has_waits(watch: Watch) -> None:
    assert watch.tell(MOVE) == [MOVE]
    assert watch.tell(file(b"moved/a"), file(b"other"), MakeDirectory(b"big"), file(b"big/b")) == [file(b"other")]
    assert watch.tell(file(b"moved-not")) == [file(b"moved-not")]
    assert watch.settle(b"other") == []
    assert sorted(watch.settle(b"big"), key=repr) == [MakeDirectory(b"big"), file(b"big/b"), file(b"moved/a")]
    assert len(watch.spool) == 0


def test_a_move_waits_for_what_is_under_way_on_its_names_and_holds_up_what_comes_after(watch: Watch) -> None:
    assert watch.tell(file(b"big/a")) == [file(b"big/a")]
    assert watch.tell(MOVE, file(b"moved/b"), file(b"c")) == [file(b"c")]
    assert watch.settle(b"big/a") == [MOVE]
    assert watch.settle(b"big") == [file(b"moved/b")]


def test_moves_in_a_row_follow_one_another(watch: Watch) -> None:
    moves = [Move(b"a", b"x", directory=False), Move(b"b", b"a", directory=False), Move(b"x", b"b", directory=False)]
    other = Move(b"c", b"d", directory=False)
    assert watch.tell(*moves, other) == [moves[0], other]
    assert watch.settle(b"x") == [moves[1]]
    assert watch.settle(b"a") == [moves[2]]


def test_a_directory_waits_for_what_becomes_of_the_file_of_its_name_and_what_is_below_it_waits_with_it(
    watch: Watch,
) -> None:
    gone, made = Vanish(b"a"), MakeDirectory(b"a")
    assert watch.tell(gone, made, MakeDirectory(b"a/b"), file(b"c/a")) == [gone, file(b"c/a")]
    assert watch.settle(b"c/a") == []
    assert watch.settle(b"a") == [made, MakeDirectory(b"a/b")]
    assert watch.tell(file(b"a/x"), gone) == [file(b"a/x")]
    assert watch.settle(b"a") == [gone]


def test_what_was_told_and_not_published_when_the_watcher_died_is_published_once(watch: Watch) -> None:
    watch.spool.put([file(b"a"), file(b"b")])
    watch.spool.choose([1], 1)
    watch.again()
    assert watch.publish() == [file(b"a"), file(b"b")]
    assert status_of(watch.store).live.files == 2


def test_what_was_published_before_the_watcher_died_is_not_published_again(watch: Watch) -> None:
    assert watch.tell(file(b"a")) == [file(b"a")]
    watch.spool.put([file(b"a")])  # as if it had died before it could remove the batch
    watch.spool.choose([number for number, _ in watch.spool.after(0, 9)], 1)
    watch.again()
    assert watch.tell(file(b"b")) == []  # it waits until all that the dead one has published is settled
    assert watch.settle(b"a") == [file(b"b")]
    assert status_of(watch.store).live.files == 2


def test_what_an_earlier_watcher_has_published_and_is_retried_for_hours_holds_up_nothing_in_the_end(
    watch: Watch,
) -> None:
    assert watch.tell(file(b"a")) == [file(b"a")]
    watch.again(patience=0.0)
    assert watch.tell(file(b"b")) == [file(b"b")]


def related(one: bytes, other: bytes) -> bool:
    return one == other or one.startswith(other + b"/") or other.startswith(one + b"/")


paths = st.lists(st.sampled_from([b"a", b"b", b"c"]), min_size=1, max_size=3).map(b"/".join)
single = st.one_of(
    st.builds(Sync, paths, st.booleans()),
    st.builds(Vanish, paths),
    st.builds(MakeDirectory, paths),
    st.builds(Move, paths, paths, st.booleans()).filter(lambda move: not related(move.old, move.new)),
)


@settings(max_examples=100, deadline=None)
@given(st.lists(single, max_size=20, unique_by=repr), st.data())
def test_work_on_the_names_of_a_move_is_published_in_order_and_never_beside_it(
    tmp_path_factory: pytest.TempPathFactory, all_work: Published, data: st.DataObject
) -> None:
    watch = Watch(tmp_path_factory.mktemp("watch"))
    seen: Published = []
    told = 0
    while told < len(all_work) or watch.under_way:
        choice = data.draw(st.integers(0, len(watch.under_way)))
        if choice < len(watch.under_way):
            seen += watch.settle(paths_of(list(watch.under_way.values())[choice][0])[0])
        elif told < len(all_work):
            seen += watch.tell(all_work[told])
            told += 1
        busy = [work for done in watch.under_way.values() for work in done]
        assert not [pair for pair in combinations(busy, 2) if in_order(*pair)]
    place = {repr(work): number for number, work in enumerate(seen)}
    assert sorted(map(repr, seen)) == sorted(map(repr, all_work))
    for one, other in combinations(all_work, 2):
        assert not in_order(one, other) or place[repr(one)] < place[repr(other)]
    watch.close()


def in_order(one: Single, other: Single) -> bool:
    """Whether these two must not change places, nor be under way together."""
    touch = any(related(a, b) for a in paths_of(one) for b in paths_of(other))
    same = paths_of(one) == paths_of(other)
    makes = isinstance(one, MakeDirectory) | isinstance(other, MakeDirectory)
    return (touch and isinstance(one, Move) | isinstance(other, Move)) or (same and makes)
