"""With a marker, a file is published once it and its marker have come."""

from __future__ import annotations

from tests.watcher.test_settle import QUIET, published, settler, texts
from watcher.events import Gone, Move, Moved, Sync, Vanish, Written

DONE = ".done"


def gone(path: bytes) -> Gone:
    return Gone(path, directory=False)


def test_a_file_without_its_marker_waits_for_it_without_being_remembered() -> None:
    one = settler(Written(b"a", new=True), Written(b"b", complete=True), marker=DONE)
    assert len(one) == 0
    one.add(Written(b"a.done", new=True), 100.0)
    assert texts(one.due(100.0 + QUIET)) == texts([Sync(b"a", new=False)])


def test_a_file_whose_marker_came_long_before_waits_for_the_quiet_time_only() -> None:
    one = settler(Written(b"a.done", new=True), marker=DONE)
    one.due(QUIET)
    one.add(Written(b"a", new=True), 1000.0)
    one.add(Written(b"a", complete=True), 1001.0)
    assert one.due(1002.9) == []
    assert texts(one.due(1003.0)) == texts([Sync(b"a", new=True)])


def test_a_file_whose_marker_was_taken_away_waits_for_another() -> None:
    one = settler(Written(b"a.done"), gone(b"a.done"), marker=DONE)
    one.due(QUIET)
    one.add(Written(b"a"), 10.0)
    assert len(one) == 0


def test_markers_are_not_published_nor_is_a_marker_of_nothing() -> None:
    assert published(Written(b".done"), Written(b"d/.done"), gone(b"x.done"), marker=DONE) == []


def test_a_file_that_is_gone_vanishes_even_if_its_marker_is_not_known() -> None:
    assert published(gone(b"a"), marker=DONE) == texts([Vanish(b"a")])


def test_a_published_file_that_is_renamed_before_its_marker_is_moved() -> None:
    moves = [Moved(b"a", b"b", directory=False), Moved(b"a.done", b"b.done", directory=False)]
    one, other = settler(Written(b"a.done"), marker=DONE), settler(Written(b"a.done"), marker=DONE)
    for each, order in ((one, moves), (other, moves[::-1])):
        each.due(QUIET)
        for event in order:
            each.add(event, 10.0)
    assert texts(one.due(10.0 + QUIET)) == texts([Move(b"a", b"b", directory=False), Sync(b"b", new=False)])
    assert texts(other.due(10.0 + QUIET)) == texts([Vanish(b"a"), Sync(b"b", new=False)]), "it had no marker any more"


def test_markers_move_with_their_directory() -> None:
    one = settler(Written(b"d/a.done"), Moved(b"d", b"e", directory=True), marker=DONE)
    one.due(QUIET)
    one.add(Written(b"e/a"), 10.0)
    assert texts(one.due(10.0 + QUIET)) == texts([Sync(b"e/a", new=False)])


def test_so_many_markers_are_remembered_as_paths_may_wait() -> None:
    one = settler(*(Written(b"%d.done" % number) for number in range(5)), marker=DONE, most=3)
    one.due(QUIET)
    for number in range(5):
        one.add(Written(b"%d" % number), 10.0)
    assert texts(one.due(10.0 + QUIET)) == texts([Sync(b"%d" % number, new=False) for number in (2, 3, 4)])
