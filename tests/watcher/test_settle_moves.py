"""A move is published at once and as a move; what waits goes along."""

from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st

from tests.watcher.model import Catalog, Tree, is_temporary
from tests.watcher.test_settle import QUIET, at_once, published, settler, texts
from watcher.events import Directory, Event, Gone, MakeDirectory, Missed, Move, Moved, Rescan, Sync, Vanish, Written
from watcher.settle import Settler


def moved(old: bytes, new: bytes) -> Moved:
    return Moved(old, new, directory=False)


def move(old: bytes, new: bytes) -> Move:
    return Move(old, new, directory=False)


def moved_directory(old: bytes, new: bytes) -> Moved:
    return Moved(old, new, directory=True)


def test_a_moved_file_is_moved_at_once_and_looked_at_once_it_has_settled() -> None:
    one = settler(Written(b"other"), Written(b"a"), moved(b"a", b"b"))
    assert texts(one.due(0.0)) == texts([move(b"a", b"b")])
    assert texts(one.due(2.0)) == texts([Sync(b"other", new=False), Sync(b"b", new=False)])


def test_chains_and_swaps_are_moves_in_their_order() -> None:
    chain = [(b"a", b"b"), (b"b", b"c")]
    swap = [(b"a", b"t"), (b"b", b"a"), (b"t", b"b")]
    for names in (chain, swap):
        assert at_once(*(moved(*each) for each in names)) == texts([move(*each) for each in names])


def test_a_new_file_that_gets_another_name_is_only_synced_under_that() -> None:
    events: list[Event] = [Written(b"a", new=True), moved(b"a", b"b")]
    assert published(*events) == texts([Sync(b"b", new=False)])
    assert published(Gone(b"b", directory=False), *events) == texts([Sync(b"b", new=False)]), "save by rename"
    once_scanned = [Vanish(b"a"), Sync(b"b", new=False)]
    assert published(Missed(b"", "a test"), *events)[1:] == texts(once_scanned), "a scan may have seen the old name"


def test_a_move_between_a_temporary_name_and_another_is_an_arrival_or_a_departure() -> None:
    assert published(Written(b"a.part", new=True), moved(b"a.part", b"a")) == texts([Sync(b"a", new=False)])
    assert published(moved(b"a", b"a.part")) == texts([Vanish(b"a")])
    assert published(moved(b"a.part", b"b.part")) == []


def test_a_move_of_a_directory_is_followed_by_scans_of_it_and_of_where_it_was_that_replace_what_waits_for_less() -> (
    None
):
    one = settler(Gone(b"d/e/g", directory=True), Missed(b"d/e", "a test"), moved_directory(b"d", b"x"))
    assert texts(one.due(0.0)) == texts([Move(b"d", b"x", directory=True)])
    assert texts(one.due(2.0)) == texts([Rescan(b"", deep=False), Rescan(b"x", deep=True)])


def test_what_waits_below_a_moved_directory_waits_under_its_new_name_as_long_as_before() -> None:
    one = settler(Written(b"d/f"), Gone(b"d/g", directory=False), Written(b"de"))
    one.add(moved_directory(b"d", b"p/x"), 1.0)
    assert texts(one.due(1.0)) == texts([Move(b"d", b"p/x", directory=True)])
    assert texts(one.due(2.0)) == texts([Sync(b"p/x/f", new=False), Vanish(b"p/x/g"), Sync(b"de", new=False)])
    assert texts(one.due(3.0)) == texts([Rescan(b"", deep=False), Rescan(b"p/x", deep=True)])


def test_a_directory_that_is_not_made_yet_is_made_under_its_new_name_with_all_below() -> None:
    one = settler(Directory(b"d"), Directory(b"d/e"), Written(b"d/e/f", new=True), moved_directory(b"d", b"x"))
    assert texts(one.due(0.0)) == texts([MakeDirectory(b"x"), MakeDirectory(b"x/e")])
    assert texts(one.due(2.0)) == texts([Sync(b"x/e/f", new=True), Rescan(b"x", deep=True)])


def test_a_directory_that_something_was_moved_into_is_made_before_it_is_moved() -> None:
    events: list[Event] = [Directory(b"d"), moved(b"a", b"d/a"), moved_directory(b"d", b"x")]
    moves = [MakeDirectory(b"d"), move(b"a", b"d/a"), Move(b"d", b"x", directory=True)]
    assert at_once(*events) == texts(moves)


def test_a_directory_that_leaves_a_temporary_name_is_new_and_one_that_takes_it_is_gone() -> None:
    arrival = [MakeDirectory(b"d"), Rescan(b"d", deep=True)]
    assert published(Directory(b"d.part"), moved_directory(b"d.part", b"d")) == texts(arrival)
    assert published(Written(b"d/f"), moved_directory(b"d", b"d.part")) == texts([Rescan(b"", deep=False)])


def test_a_directory_that_takes_a_name_which_is_temporary_for_directories_only_is_gone() -> None:
    one = Settler(QUIET, lambda path, directory: directory and path == b"incoming")
    for event in (Directory(b"incoming"), moved_directory(b"d", b"incoming"), moved(b"f", b"incoming")):
        one.add(event, 0.0)
    assert texts(one.due(0.0)) == texts([move(b"f", b"incoming")])
    assert texts(one.due(2.0)) == texts([Rescan(b"", deep=False), Sync(b"incoming", new=False)])


@given(
    st.lists(
        st.tuples(st.sampled_from([b"a", b"b", b"c", b"d/a", b"d/b", b"d", b"e"]), st.sampled_from([0.0, 0.5, 5.0])),
        max_size=12,
    )
)
def test_an_object_that_is_only_renamed_stays_the_same_object(steps: list[tuple[bytes, float]]) -> None:
    """So that its AVUs stay, however often it or its directory is renamed, with pauses or without."""
    tree = Tree()
    catalog, one, now = Catalog(tree), Settler(QUIET, is_temporary), 0.0

    def publish() -> None:
        for work in one.due(now):
            catalog.do(work)

    for event in [*tree.make(b"d"), *tree.write(b"d/a")]:
        one.add(event, now)
    now += QUIET
    publish()
    (number,) = (catalog.numbers[path] for path in catalog.paths if path == b"d/a")
    for new, seconds in steps:
        (file,) = (path for path, version in tree.paths.items() if version > 0)
        (directory,) = (path for path, version in tree.paths.items() if version < 0)
        old = directory if new in (b"d", b"e") else file
        if tree.can_move(old, new):
            for event in tree.move(old, new):
                one.add(event, now)
        now += seconds
        publish()
    now += QUIET
    publish()
    (file,) = (path for path, version in tree.paths.items() if version > 0)
    assert catalog.paths == tree.paths
    assert catalog.numbers[file] == number


def test_a_new_directory_that_replaced_an_older_one_and_went_on_leaves_a_scan_for_the_older_one() -> None:
    """The collection of the older `b` would stay: no event says that it is deleted."""
    new = Directory(b"p/a")
    one = settler(new, moved_directory(b"p/a", b"p/b"), moved_directory(b"p/b", b"p/c"))
    assert texts(one.due(0.0)) == texts([MakeDirectory(b"p/c")])
    assert texts([Rescan(b"p", deep=False)])[0] in texts(one.due(5.0))
