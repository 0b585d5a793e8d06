"""With a marker, a file is published once it and its marker have come."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tests.watcher.model import Catalog, Tree
from tests.watcher.test_settle import QUIET, published, settler, texts
from watcher.events import Event, Gone, Move, Moved, Sync, Vanish, Written
from watcher.markers import Markers
from watcher.settle import Settler


def markers(*paths: bytes) -> Markers:
    """What is there when somebody looks."""
    return Markers(b".done", paths.__contains__)


def gone(path: bytes) -> Gone:
    return Gone(path, directory=False)


def moved(old: bytes, new: bytes) -> list[Event]:
    """A file and its marker, in this order."""
    return [Moved(old, new, directory=False), Moved(old + b".done", new + b".done", directory=False)]


def test_a_file_without_its_marker_waits_for_it_without_being_remembered() -> None:
    one = settler(Written(b"a", new=True), Written(b"b"), markers=markers())
    assert len(one) == 0
    one.add(Written(b"a.done", new=True), 100.0)
    assert texts(one.due(100.0 + QUIET)) == texts([Sync(b"a", new=False)])


def test_a_file_whose_marker_is_there_waits_for_the_quiet_time_only() -> None:
    one = settler(markers=markers(b"a.done"))
    one.add(Written(b"a", new=True), 1000.0)
    one.add(Written(b"a"), 1001.0)
    assert one.due(1002.9) == []
    assert texts(one.due(1003.0)) == texts([Sync(b"a", new=True)])


def test_a_file_whose_marker_was_taken_away_waits_for_another() -> None:
    one = settler(Written(b"a.done"), gone(b"a.done"), markers=markers())
    one.due(QUIET)
    one.add(Written(b"a"), 10.0)
    assert len(one) == 0


def test_markers_are_not_published_nor_is_a_marker_of_nothing() -> None:
    assert published(Written(b".done"), Written(b"d/.done"), gone(b"x.done"), markers=markers(b".done")) == []


def test_a_file_that_is_gone_vanishes_even_if_it_has_no_marker() -> None:
    assert published(gone(b"a"), markers=markers()) == texts([Vanish(b"a")])


@pytest.mark.parametrize("there", [b"a.done", b"b.done"], ids=["heard before the marker moves", "heard after that"])
@pytest.mark.parametrize("order", [1, -1], ids=["file first", "marker first"])
def test_a_file_that_is_renamed_with_its_marker_is_moved(there: bytes, order: int) -> None:
    told = moved(b"a", b"b")[::order]
    move = [Move(b"a", b"b", directory=False), Sync(b"b", new=False)]
    assert published(*told, markers=markers(there)) == texts(move)


def test_a_file_that_gets_its_name_and_then_its_marker_is_not_taken_for_one_that_was_published() -> None:
    events = [Written(b"a.tmp", new=True), *moved(b"a.tmp", b"a")[:1], Written(b"a.done", new=True)]
    for there in (markers(), markers(b"a.done")):
        assert published(*events, markers=there) == texts([Vanish(b"a.tmp"), Sync(b"a", new=False)])


@given(
    st.lists(
        st.tuples(st.sampled_from([b"a", b"b", b"c"]), st.booleans(), st.sampled_from([0.0, 0.5, 5.0, None])),
        max_size=8,
    )
)
def test_an_object_that_is_only_renamed_together_with_its_marker_stays_the_same_object(
    steps: list[tuple[bytes, bool, float | None]],
) -> None:
    """Whichever of the two comes first, and if it is heard only later, by a watcher that knows nothing of it yet."""
    tree = Tree()
    for path in (b"a", b"a.part"):  # the catalog of the model has nothing of such a name
        tree.write(path)
    catalog, now, old = Catalog(tree), 0.0, b"a"
    catalog.do(Sync(b"a", new=True))
    one = Settler(QUIET, lambda path, directory: False, Markers(b".part", tree.paths.__contains__))
    unheard: list[Event] = []
    for new, file_first, seconds in steps:
        for suffix in (b"", b".part") if file_first else (b".part", b""):
            if new != old:
                unheard += tree.move(old + suffix, new + suffix)
        old = new
        if seconds is not None:
            for event in unheard:
                one.add(event, now)
            unheard, now = [], now + seconds
            for work in one.due(now):
                catalog.do(work)
    for event in unheard:
        one.add(event, now)
    for work in one.due(now + QUIET):
        catalog.do(work)
    assert catalog.paths == tree.published()
    assert catalog.numbers == {old: 1}
