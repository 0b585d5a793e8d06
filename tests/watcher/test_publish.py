"""What settles is published once, however often it is told, and moves in their order."""

from __future__ import annotations

import threading
from collections.abc import Iterator
from pathlib import Path

import pytest

from ingest.job import Topics
from ingest.messages import ListPath, MovePath, SyncFiles, Task, decode, path_from_wire
from ingest.store import Names, Subject
from ingest.store.embedded import EmbeddedStore
from tests.ingest.store.support import create, status_of, step, take
from watcher import publish
from watcher.events import MakeDirectory, Move, Single, Sync, Vanish, Work
from watcher.publish import Publisher
from watcher.scans import Scans
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

    def again(self) -> None:
        """A publisher takes over from the one before, as after a crash."""
        self.publisher = Publisher(self.store, self.job, self.spool, threading.Lock(), Scans())

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


def paths_of(work: Single) -> tuple[bytes, ...]:
    return (work.old, work.new) if isinstance(work, Move) else (work.path,)


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


def test_all_work_is_published_at_once_and_a_move_owns_its_names_from_then_on(watch: Watch) -> None:
    work: list[Single] = [file(b"moved/a"), MOVE, MakeDirectory(b"big"), file(b"other")]
    assert sorted(watch.tell(*work), key=repr) == sorted(work, key=repr)
    assert len(watch.spool) == 0
    live, moves = status_of(watch.store).live_pass or "", watch.store.moves
    assert moves.pending("job")
    assert not moves.begin("job", live, "any", 0, [Subject(b"moved/a")], "us", ())
    assert moves.begin("job", live, "any", 0, [Subject(b"other")], "us", ())
    watch.settle(b"big")
    assert not moves.pending("job")
    assert moves.begin("job", live, "any", 0, [Subject(b"moved/a")], "us", ())


def test_moves_in_a_row_are_published_in_their_order(watch: Watch) -> None:
    moves = [Move(b"a", b"x", directory=False), Move(b"b", b"a", directory=False), Move(b"x", b"b", directory=False)]
    assert watch.tell(*moves) == moves
    first = next(task for task, works in watch.under_way.items() if works == [moves[0]])
    assert watch.store.moves.later("job", first) == [Names(*each) for each in moves[1:]]


def test_beyond_its_limit_of_outstanding_tasks_work_waits_on_disk(
    watch: Watch, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(publish, "OUTSTANDING", 2)
    for name in (b"a", b"b"):
        assert watch.tell(file(name)) == [file(name)]
    assert watch.tell(file(b"c")) == []
    assert len(watch.spool) == 1
    assert watch.settle(b"a") == [file(b"c")]


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
    assert watch.tell(file(b"b")) == [file(b"b")]
    assert status_of(watch.store).live.files == 2
