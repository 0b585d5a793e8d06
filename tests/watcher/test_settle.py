"""What happens to a path becomes one piece of work, once the path has been left alone."""

from __future__ import annotations

from collections.abc import Iterable
from itertools import permutations

from tests.watcher.model import is_temporary
from watcher.events import (
    Directory,
    Event,
    Gone,
    MakeDirectory,
    Missed,
    Move,
    Moved,
    Rescan,
    RootLost,
    Sync,
    Vanish,
    Written,
)
from watcher.markers import Markers
from watcher.settle import LONGEST_SCAN, Settler

QUIET = 2.0


def settler(*events: Event, markers: Markers | None = None, most: int = 1000) -> Settler:
    """One that has taken these events at time 0."""
    new = Settler(QUIET, is_temporary, markers, most)
    for event in events:
        new.add(event, 0.0)
    return new


def texts(work: Iterable[object]) -> list[str]:
    """Named tuples of different types may be equal; their texts are not."""
    return [repr(each) for each in work]


def published(*events: Event, markers: Markers | None = None) -> list[str]:
    """All that comes of events that follow closely on each other."""
    return texts(settler(*events, markers=markers).due(QUIET))


def at_once(*events: Event) -> list[str]:
    return texts(settler(*events).due(0.0))


def test_a_file_is_due_when_it_has_been_left_alone_for_the_quiet_time() -> None:
    one = settler(Written(b"a", new=True))
    one.add(Written(b"a"), 1.5)
    assert one.next_due() == 3.5
    assert one.due(3.4) == []
    assert texts(one.due(3.5)) == texts([Sync(b"a", new=True)])
    assert (one.next_due(), len(one)) == (None, 0)


def test_many_changes_publish_once_and_files_come_in_the_order_of_their_last_changes() -> None:
    written = [Written(path) for path in (b"a", b"b", b"a", b"c", b"b")]
    assert published(*written) == texts([Sync(b"a", new=False), Sync(b"c", new=False), Sync(b"b", new=False)])


def test_a_file_that_is_still_open_is_published_in_each_pause() -> None:
    one = settler(Written(b"log", new=True))
    assert texts(one.due(2.0)) == texts([Sync(b"log", new=True)])
    one.add(Written(b"log"), 2.5)
    assert texts(one.due(4.5)) == texts([Sync(b"log", new=False)])


def test_a_file_that_is_written_to_without_a_pause_is_not_published() -> None:
    one = settler()
    for second in range(10_000):
        one.add(Written(b"log"), second)
        assert one.due(second) == []
    assert texts(one.due(9_999 + QUIET)) == texts([Sync(b"log", new=False)])


def test_a_scan_that_is_asked_for_without_a_pause_is_not_put_off() -> None:
    one = settler(Gone(b"d/e", directory=True))
    for second in (0.5, 1.0, 1.5):
        one.add(Missed(b"d", "a test"), second)
    assert texts(one.due(QUIET)) == texts([Rescan(b"d", deep=True)])


def test_a_file_that_is_gone_vanishes_after_the_quiet_time() -> None:
    one = settler(Gone(b"a", directory=False))
    assert one.due(1.9) == []
    assert texts(one.due(2.0)) == texts([Vanish(b"a")])


def test_a_file_that_is_deleted_and_created_again_is_synced_once_and_is_not_new() -> None:
    assert published(Gone(b"a", directory=False), Written(b"a", new=True)) == texts([Sync(b"a", new=False)])


def test_what_appears_and_vanishes_before_it_is_published_needs_nothing() -> None:
    assert published(Written(b"a", new=True), Gone(b"a", directory=False)) == []
    assert published(Written(b"a", new=False), Gone(b"a", directory=False)) == texts([Vanish(b"a")])


def test_what_appears_and_vanishes_while_a_scan_may_have_seen_it_vanishes() -> None:
    events: list[Event] = [Missed(b"", "a test"), Written(b"a", new=True), Gone(b"a", directory=False)]
    assert published(*events) == texts([Rescan(b"", deep=True), Vanish(b"a")])
    one = settler()
    one.scanned(0.0)
    one.add(Written(b"a", new=True), LONGEST_SCAN + 1)
    one.add(Gone(b"a", directory=False), LONGEST_SCAN + 1)
    assert one.next_due() is None


def test_a_directory_is_made_at_once_and_before_its_files() -> None:
    one = settler(Directory(b"d"), Directory(b"d/e"), Directory(b"d"), Written(b"d/e/f", new=True))
    assert one.next_due() == 0.0
    assert texts(one.due(0.0)) == texts([MakeDirectory(b"d"), MakeDirectory(b"d/e")])
    assert texts(one.due(2.0)) == texts([Sync(b"d/e/f", new=True)])


def test_the_parent_of_a_directory_that_is_gone_is_rescanned_and_nothing_below_is_published() -> None:
    one = settler(Written(b"p/d/f"), Written(b"p/de"), Gone(b"p/d", directory=True), Directory(b"p/d"))
    assert texts(one.due(0.0)) == texts([MakeDirectory(b"p/d")])
    rest = [Sync(b"p/de", new=False), Rescan(b"p", deep=False), Rescan(b"p/d", deep=True)]
    assert texts(one.due(2.0)) == texts(rest), "the new directory's collection may still hold what the old one had"


def test_a_directory_that_comes_and_goes_before_it_is_made_is_not_made() -> None:
    events: list[Event] = [Directory(b"d"), Written(b"d/f", new=True), Gone(b"d", directory=True)]
    assert published(*events) == texts([Rescan(b"", deep=False)])


def test_the_rescan_of_a_parent_comes_before_the_sync_of_a_file_with_the_name_of_the_directory() -> None:
    one = settler(Gone(b"d", directory=True), Written(b"d", new=True))
    one.add(Gone(b"e", directory=True), 1.0)
    assert texts(one.due(2.0)) == texts([Rescan(b"", deep=False), Sync(b"d", new=False)])


def test_the_object_of_a_file_vanishes_before_a_directory_of_its_name_is_made() -> None:
    assert at_once(Gone(b"a", directory=False), Directory(b"a")) == texts([Vanish(b"a"), MakeDirectory(b"a")])
    swapped: list[Event] = [Gone(b"a", directory=False), Moved(b"d", b"a", directory=True)]
    assert at_once(*swapped) == texts([Vanish(b"a"), Move(b"d", b"a", directory=True)])
    assert at_once(Written(b"a", new=True), Directory(b"a")) == texts([MakeDirectory(b"a")])


def test_what_was_missed_is_one_deep_rescan_of_the_highest_directory() -> None:
    one = settler(Missed(b"a/b", "1"), Missed(b"a", "2"), Written(b"a/f"), Missed(b"a/c", "3"), Missed(b"ab", "4"))
    rest = [Rescan(b"a", deep=True), Sync(b"a/f", new=False), Rescan(b"ab", deep=True)]
    assert one.due(1.9) == []
    assert texts(one.due(2.0)) == texts(rest)
    everything: list[Event] = [Missed(b"a", "1"), Gone(b"d/e", directory=True), Missed(b"", "2"), Missed(b"b", "3")]
    assert published(*everything) == texts([Rescan(b"", deep=True)])


def test_the_loss_of_the_root_publishes_and_drops_nothing() -> None:
    assert published(Written(b"a"), RootLost("unmounted")) == texts([Sync(b"a", new=False)])


def test_when_too_many_paths_wait_the_earliest_are_published_early() -> None:
    one = settler(*(Written(b"%d" % number) for number in range(5)), most=3)
    assert one.next_due() == 0.0
    assert texts(one.due(0.0)) == texts([Sync(b"0", new=False), Sync(b"1", new=False)])
    assert (len(one), one.next_due()) == (3, 2.0)


def test_a_file_of_a_temporary_name_is_neither_published_nor_remembered() -> None:
    one = settler(Written(b"a.part", new=True), Gone(b"b.part", directory=False), Directory(b"c.part"))
    assert len(one) == 0


def test_a_file_that_is_said_to_be_gone_stays_doubtful_when_events_come_in_any_order() -> None:
    told: list[Event] = [Written(b"a"), Gone(b"a", directory=False), Written(b"a")]
    for events in permutations(told):
        new = Settler(0.0, is_temporary, ordered=False)
        for event in events:
            new.add(event, 0.0)
        assert texts(new.due(0.0)) == texts([Vanish(b"a")])
        new.add(Written(b"a"), 1.0)
        assert texts(new.due(1.0)) == texts([Sync(b"a", new=False)])
