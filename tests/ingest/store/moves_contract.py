"""A move owns its names until it is settled, and waits for what is in work on them."""

from __future__ import annotations

import pytest

from ingest.store import WATCH, Child, Names, Store, Subject
from ingest.store.moves import follow
from tests.ingest.store.contract import StoreFixtures
from tests.ingest.store.support import again, create, message, step

FILE, DIRECTORY = Names(b"a", b"b", directory=False), Names(b"d/one", b"e", directory=True)


def watched(store: Store, **moves: Names) -> None:
    """A live pass with these moves, published in this order, and with the tasks `one` and `two`."""
    create(store, watch=True)
    assert store.jobs.watch("job", "live") == "live"
    children = [Child(task, message(task), names) for task, names in moves.items()]
    children += [Child(task, message(task)) for task in ("one", "two")]
    assert store.tasks.settle(step(WATCH, pass_id="live", cursor=b"1", children=children))


def begins(store: Store, task: str, *subjects: Subject, owner: str = "us", alive: tuple[str, ...] = ()) -> bool:
    return store.moves.begin("job", "live", task, 0, subjects, owner, alive)


def file(path: bytes) -> Subject:
    return Subject(path)


def tree(path: bytes) -> Subject:
    return Subject(path, deep=True)


class MovesContract(StoreFixtures):
    @pytest.mark.parametrize(
        ("subject", "waits"),
        [
            (file(b"a"), True), (file(b"b"), True), (file(b"c"), False), (file(b"a/x"), False), (file(b""), False),
            (tree(b""), False), (file(b"ab"), False), (file(b"d/one"), True), (file(b"d/one/deep/er"), True),
            (file(b"d/one.txt"), False), (file(b"d"), False), (tree(b"d"), True), (tree(b"d/o"), False),
            (file(b"e/f"), True), (file(b"e\0"), False), (file(b"\xff"), False),
        ],
    )  # fmt: skip
    def test_a_move_owns_its_names_and_a_moved_directory_all_below(
        self, store: Store, subject: Subject, *, waits: bool
    ) -> None:
        watched(store, m1=FILE, m2=DIRECTORY)
        assert store.moves.pending("job")
        assert begins(store, "one", file(b"z"), subject) is not waits
        for task in ("m1", "m2"):
            assert store.tasks.settle(step(task, pass_id="live"))
        assert not store.moves.pending("job")
        assert begins(store, "one", subject)

    def test_a_move_waits_for_what_is_in_work_on_its_names_and_for_nothing_else(self, store: Store) -> None:
        watched(store)
        assert begins(store, "one", file(b"x"), file(b"d/one/f"))
        assert begins(store, "two", file(b"unrelated"))
        publish(store, "2", m1=FILE, m2=DIRECTORY)
        assert begins(store, "m1", file(b"a"), file(b"b"))
        assert not begins(store, "m2", tree(b"d/one"), tree(b"e"))
        assert store.tasks.settle(step("one", pass_id="live"))
        assert begins(store, "m2", tree(b"d/one"), tree(b"e"))

    def test_what_is_handed_out_again_is_not_in_work_and_may_have_to_wait_then(self, store: Store) -> None:
        watched(store)
        assert begins(store, "one", file(b"a"))
        publish(store, "2", m1=FILE)
        assert not begins(store, "m1", file(b"a"), file(b"b"))
        assert store.tasks.settle(step("one", pass_id="live", again=again("one", 1)))
        assert begins(store, "m1", file(b"a"), file(b"b"))
        assert not store.moves.begin("job", "live", "one", 1, [file(b"a")], "us", ())

    def test_a_move_does_not_wait_for_what_a_dead_consumer_had_in_work(self, store: Store) -> None:
        watched(store)
        assert begins(store, "one", file(b"a"), owner="other")
        publish(store, "2", m1=FILE)
        assert not begins(store, "m1", file(b"a"), file(b"b"), alive=("other", "third"))
        assert begins(store, "m1", file(b"a"), file(b"b"), alive=("third",))

    def test_moves_of_one_name_begin_in_their_order_and_only_the_later_ones_follow(self, store: Store) -> None:
        second, third = Names(b"b", b"c", directory=False), Names(b"x", b"y", directory=False)
        watched(store, m1=FILE, m2=second, m3=third)
        assert not begins(store, "m2", file(b"b"), file(b"c"))
        assert begins(store, "m3", file(b"x"), file(b"y"))
        assert store.moves.later("job", "m1") == [second, third]
        assert follow(b"b", store.moves.later("job", "m1")) == b"c"
        assert store.moves.later("job", "m3") == []
        assert begins(store, "m1", file(b"a"), file(b"b"))
        assert store.tasks.settle(step("m1", pass_id="live"))
        assert begins(store, "m2", file(b"b"), file(b"c"))

    def test_a_stopped_job_has_no_moves(self, store: Store) -> None:
        watched(store, m1=FILE)
        assert store.jobs.stop("job")
        assert not store.moves.pending("job")
        assert store.moves.later("job", "m1") == []

    def test_other_jobs_do_not_wait(self, store: Store) -> None:
        watched(store, m1=FILE)
        create(store, "other", watch=True)
        assert store.moves.begin("other", "x", "task", 0, [file(b"a")], "us", ())


def publish(store: Store, cursor: str, **moves: Names) -> None:
    children = [Child(task, message(task), names) for task, names in moves.items()]
    after = str(int(cursor) - 1).encode()
    assert store.tasks.settle(step(WATCH, pass_id="live", after=after, cursor=cursor.encode(), children=children))


def test_a_path_below_a_moved_directory_follows_it() -> None:
    moves = [
        Names(b"a", b"b", directory=True),
        Names(b"b/f", b"b/g", directory=False),
        Names(b"b", b"c/d", directory=True),
    ]
    assert follow(b"a/f", moves) == b"c/d/g"
    assert follow(b"a", moves) == b"c/d"
    assert follow(b"x/a", moves) == b"x/a"
