"""The contract for passes and tasks: each is counted exactly once, even if messages are delivered twice."""

from __future__ import annotations

from collections.abc import Callable

import msgspec
import pytest

from ingest.job import Counts, JobState
from ingest.store import WATCH, Held, Step, Store
from tests.ingest.store.contract import StoreFixtures
from tests.ingest.store.support import (
    again,
    begin,
    child,
    counts_of,
    create,
    is_recent,
    message,
    problem,
    running,
    status_of,
    step,
    take,
)


class PassContract(StoreFixtures):
    def test_a_pass_begins_with_its_opening_task(self, store: Store) -> None:
        create(store)
        assert begin(store)
        status = status_of(store)
        assert (status.state, status.pass_id, is_recent(status.started), status.passes) == (
            JobState.RUNNING,
            "pass",
            True,
            1,
        )
        assert status.counts == Counts(tasks=1)
        assert store.tasks.outstanding("pass", "open", 0)
        assert take(store) == ["start job", "open"]

    def test_a_pass_begins_once_however_often_its_message_arrives(
        self, store: Store, lapse: Callable[[float], None]
    ) -> None:
        create(store, interval=9)
        assert begin(store, following="next", wait=900.0)
        take(store)
        assert not begin(store, following="again", wait=900.0)
        store.tasks.settle(step("open", closing=None))
        assert not begin(store, following="again", wait=900.0)
        status = status_of(store)
        assert (status.passes, status.passes_skipped, status.state) == (1, 0, JobState.WAITING)
        lapse(900)
        store.outbox.fire_due()
        assert take(store) == ["next"]

    def test_an_earlier_pass_does_not_begin_again_after_a_later_one(self, store: Store) -> None:
        running(store, interval=9)
        store.tasks.settle(step("open", closing=None))
        assert begin(store, "second")
        store.tasks.settle(step("open", pass_id="second", closing=None))
        assert not begin(store, "pass")
        assert status_of(store).pass_id == "second"

    def test_a_pass_that_comes_due_while_another_runs_is_skipped_and_counted_and_the_next_is_scheduled(
        self, store: Store, lapse: Callable[[float], None]
    ) -> None:
        running(store, interval=9)
        assert not begin(store, "second", following="third", wait=1800.0)
        status = status_of(store)
        assert (status.pass_id, status.passes, status.passes_skipped) == ("pass", 1, 1)
        assert status.counts.tasks == 1
        assert is_recent((status.next_pass or 0) - 1800)
        lapse(1800)
        assert store.outbox.fire_due() is None
        assert take(store) == ["third"]

    def test_a_pass_is_skipped_once_however_often_its_message_arrives(
        self, store: Store, lapse: Callable[[float], None]
    ) -> None:
        running(store, interval=9)
        for _ in range(2):
            assert not begin(store, "second", following="third", wait=1800.0)
        store.tasks.settle(step("open", closing=None))
        assert not begin(store, "second", following="third", wait=1800.0)
        assert status_of(store).passes_skipped == 1
        lapse(1800)
        store.outbox.fire_due()
        assert take(store) == ["third"]

    def test_of_the_passes_that_follow_one_is_scheduled_at_a_time(
        self, store: Store, lapse: Callable[[float], None]
    ) -> None:
        running(store, interval=9)
        store.tasks.settle(step("open", again=again("open", 1, 500.0)))
        begin(store, "stray", following="one", wait=900.0)
        begin(store, "other", following="two", wait=1000.0)
        lapse(1000)
        store.outbox.fire_due()
        assert take(store) == ["open round 1", "two"]

    @pytest.mark.parametrize("end", ["stop", "finish", "fail"])
    def test_no_pass_begins_for_an_ended_job(self, store: Store, end: str) -> None:
        running(store)
        if end == "stop":
            store.jobs.stop("job")
        else:
            store.tasks.settle(step("open", closing=None, error="because" if end == "fail" else None))
        assert not begin(store, "second", following="third", wait=0.0)
        assert not begin(store, "second", "no such job", following="third", wait=0.0)
        assert store.outbox.fire_due() is None
        assert take(store) == []
        assert status_of(store).passes == 1

    def test_a_new_pass_starts_with_clean_counts_and_no_problems(self, store: Store) -> None:
        running(store, interval=9)
        store.tasks.settle(step("open", counts=Counts(files=3, failed=3), problems=[problem(b"p")], closing=None))
        assert len(store.jobs.problems("job")) == 1
        assert begin(store, "second")
        assert counts_of(store) == Counts(tasks=1)
        assert store.jobs.problems("job") == []
        assert status_of(store).ended is None

    def test_a_periodic_job_waits_between_passes_and_a_single_pass_finishes(self, store: Store) -> None:
        running(store, name="job", interval=9)
        store.tasks.settle(step("open", closing=None))
        assert (status_of(store).state, is_recent(status_of(store).ended)) == (JobState.WAITING, True)
        create(store, "single")
        begin(store, "other", "single")
        store.tasks.settle(step("open", job="single", pass_id="other", closing=None))
        assert status_of(store, "single").state is JobState.FINISHED
        assert is_recent(status_of(store, "single").ended)


def _delivered_twice(store: Store, first: Step) -> None:
    """Settle a step twice; the second time changes nothing."""
    assert store.tasks.settle(first)
    before, waiting, due = status_of(store), store.outbox.oldest(99), store.outbox.fire_due()
    assert not store.tasks.settle(first)
    assert (status_of(store), store.outbox.oldest(99)) == (before, waiting)
    assert (store.outbox.fire_due() is None) == (due is None)


class TaskContract(StoreFixtures):
    def test_children_join_when_their_parent_leaves(self, store: Store) -> None:
        running(store)
        assert store.tasks.settle(
            step("open", children=[child("one"), child("two")], counts=Counts(files=7, unchanged=2))
        )
        assert counts_of(store) == Counts(tasks=3, tasks_done=1, files=7, unchanged=2)
        assert [store.tasks.outstanding("pass", task, 0) for task in ("open", "one", "two")] == [False, True, True]
        assert take(store) == ["one", "two"]

    def test_counts_add_up_and_a_step_that_is_delivered_twice_counts_once(self, store: Store) -> None:
        running(store, "one", "two")
        every = Counts(**{field.name: 1 for field in msgspec.structs.fields(Counts)})
        before = counts_of(store)
        _delivered_twice(store, step("one", counts=every, children=[child("three")], problems=[problem(b"p")]))
        assert counts_of(store) == before + every + Counts(tasks=1, tasks_done=1)
        _delivered_twice(store, step("two", counts=every, again=again("two", 1, 900.0)))
        assert counts_of(store) == before + every + every + Counts(tasks=1, tasks_done=1)

    def test_a_task_that_never_was_is_not_settled(self, store: Store) -> None:
        running(store, "one")
        take(store)
        for stray in (step("nobody"), step("one", pass_id="another"), step("one", round=1)):
            before = status_of(store)
            assert not store.tasks.settle(msgspec.structs.replace(stray, children=[child("x")], counts=Counts(files=1)))
            assert status_of(store) == before
        assert take(store) == []

    def test_the_closing_task_comes_exactly_once_when_the_last_task_leaves_and_ends_the_pass(
        self, store: Store
    ) -> None:
        running(store, "one", "two")
        store.tasks.settle(step("two"))
        assert take(store) == []
        _delivered_twice(store, step("one", closing=child("close")))
        assert take(store) == ["close"]
        assert status_of(store).state is JobState.RUNNING
        store.tasks.settle(step("close"))
        status = status_of(store)
        assert (status.state, is_recent(status.ended), take(store)) == (JobState.FINISHED, True, [])
        assert (status.counts.tasks, status.counts.tasks_done) == (4, 4)

    def test_what_a_closing_task_hands_out_is_done_before_the_next_closing_task_and_the_end(self, store: Store) -> None:
        running(store)
        store.tasks.settle(step("open"))
        store.tasks.settle(step("close", children=[child("late")]))
        store.tasks.settle(step("late", closing=child("last")))
        assert take(store) == ["close", "late", "last"]
        assert status_of(store).state is JobState.RUNNING
        store.tasks.settle(step("last", closing=None))
        assert status_of(store).state is JobState.FINISHED
        assert counts_of(store) == Counts(tasks=4, tasks_done=4)

    def test_a_step_without_closing_task_ends_the_pass_when_nothing_else_is_outstanding(self, store: Store) -> None:
        running(store, "one", "two")
        store.tasks.settle(step("one", closing=None))
        assert status_of(store).state is JobState.RUNNING
        store.tasks.settle(step("two", closing=None))
        assert status_of(store).state is JobState.FINISHED

    def test_a_task_that_is_handed_out_again_stays_outstanding_in_its_new_round_only(
        self, store: Store, lapse: Callable[[float], None]
    ) -> None:
        running(store, "one")
        assert store.tasks.settle(step("one", again=again("one", 1, 500.0), counts=Counts(done=2)))
        assert [store.tasks.outstanding("pass", "one", round_) for round_ in (0, 1, 2)] == [False, True, False]
        assert not store.tasks.settle(step("one", counts=Counts(done=2)))
        assert counts_of(store).done == 2
        assert take(store) == []
        lapse(400)
        assert 0 < (store.outbox.fire_due() or 0) <= 100
        assert take(store) == []
        lapse(100)
        assert store.outbox.fire_due() is None
        assert take(store) == ["one round 1"]
        assert store.tasks.settle(step("one", round=1))
        assert take(store) == ["close"]

    def test_a_task_that_is_due_again_at_once_needs_no_schedule(self, store: Store) -> None:
        running(store, "one")
        store.tasks.settle(step("one", again=again("one", 1)))
        assert take(store) == ["one round 1"]
        assert store.outbox.fire_due() is None

    def test_a_marker_says_how_far_a_listing_has_got_and_survives_a_new_round(self, store: Store) -> None:
        running(store, "list")
        assert store.tasks.cursor("pass", "list") is None
        assert store.tasks.settle(step("list", cursor=b"\xff m", children=[child("one")], counts=Counts(files=5)))
        assert store.tasks.cursor("pass", "list") == b"\xff m"
        assert store.tasks.outstanding("pass", "list", 0)
        store.tasks.settle(step("list", again=again("list", 1)))
        assert store.tasks.cursor("pass", "list") == b"\xff m"
        assert store.tasks.settle(step("list", round=1, counts=Counts(files=2)))
        assert store.tasks.cursor("pass", "list") is None
        assert counts_of(store) == Counts(tasks=3, tasks_done=2, files=7)

    def test_a_part_of_a_listing_that_goes_on_elsewhere_than_at_the_marker_is_not_taken(self, store: Store) -> None:
        running(store, "list")
        first = step("list", after=None, cursor=b"m", children=[child("one")], counts=Counts(files=5))
        assert store.tasks.settle(first)
        assert not store.tasks.settle(first)
        assert not store.tasks.settle(step("list", after=None, counts=Counts(files=9)))
        assert status_of(store).counts.files == 5
        assert store.tasks.settle(step("list", after=b"m", counts=Counts(files=2)))
        assert status_of(store).counts.files == 7

    @pytest.mark.parametrize("interval", [None, 9])
    def test_an_error_ends_the_pass_at_once_and_is_told(self, store: Store, interval: int | None) -> None:
        running(store, "one", "two", interval=interval)
        counts = Counts(tasks_failed=1)
        _delivered_twice(store, step("one", error="the handler is broken", counts=counts))
        status = status_of(store)
        assert (status.error, is_recent(status.ended)) == ("the handler is broken", True)
        assert status.state is (JobState.FAILED if interval is None else JobState.WAITING)
        assert status.counts == Counts(tasks=3, tasks_done=2, tasks_failed=1)
        assert not store.tasks.outstanding("pass", "two", 0)
        assert not store.tasks.settle(step("two", counts=Counts(done=1)))
        assert take(store) == []

    def test_the_error_of_a_pass_is_gone_with_the_next(self, store: Store) -> None:
        running(store, interval=9)
        store.tasks.settle(step("open", error="because"))
        assert begin(store, "second")
        assert status_of(store).error is None


class StoppedContract(StoreFixtures):
    def test_files_that_were_done_after_the_stop_are_counted_once(self, store: Store) -> None:
        running(store, "one")
        store.jobs.stop("job")
        late = step("one", counts=Counts(tasks=9, tasks_done=9, done=2, bytes=7), problems=[problem(b"p")])
        for _ in range(2):
            assert not store.tasks.settle(late)
        assert counts_of(store) == Counts(tasks=2, tasks_done=1, done=2, bytes=7)
        assert store.jobs.problems("job") == [problem(b"p")]
        assert status_of(store).state is JobState.STOPPED

    def test_what_was_settled_before_the_stop_is_not_counted_again_after_it(self, store: Store) -> None:
        running(store, "one", "two")
        store.tasks.settle(step("one", counts=Counts(done=1)))
        store.tasks.settle(step("two", counts=Counts(done=1), again=again("two", 1)))
        store.jobs.stop("job")
        store.tasks.settle(step("one", counts=Counts(done=1)))
        store.tasks.settle(step("two", counts=Counts(done=1)))
        assert counts_of(store).done == 2
        store.tasks.settle(step("two", round=1, counts=Counts(done=1)))
        assert counts_of(store).done == 3

    def test_nothing_is_handed_out_for_a_stopped_job(self, store: Store) -> None:
        running(store, "one", "two")
        store.jobs.stop("job")
        store.tasks.settle(step("one", children=[child("x")]))
        store.tasks.settle(step("two", again=again("two", 1, 500.0)))
        assert store.outbox.fire_due() is None
        assert take(store) == []
        assert not store.tasks.outstanding("pass", "x", 0)


class MessagesContract(StoreFixtures):
    def test_each_outstanding_task_has_its_current_message(self, store: Store) -> None:
        running(store, "one", "two", "three")
        store.tasks.settle(step("one"))
        store.tasks.settle(step("two", again=again("two", 1, 100)))
        store.tasks.settle(step("three", cursor=b"c", children=[child("four")]))
        found = {each.task: (each.pass_id, each.round, each.message) for each in store.tasks.messages("job", 9)}
        assert found == {
            "two": ("pass", 1, message("two round 1")),
            "three": ("pass", 0, message("three")),
            "four": ("pass", 0, message("four")),
        }
        assert len(store.tasks.messages("job", 2)) == 2
        assert store.tasks.messages("unknown", 9) == []

    @pytest.mark.parametrize("end", ["stop", "error", "finish"])
    def test_an_ended_job_has_no_messages(self, store: Store, end: str) -> None:
        running(store, "one")
        if end == "stop":
            store.jobs.stop("job")
        else:
            store.tasks.settle(step("one", closing=None, error="because" if end == "error" else None))
        assert store.tasks.messages("job", 9) == []

    def test_the_task_of_a_watcher_has_no_message_and_its_batches_have(self, store: Store) -> None:
        create(store, watch=True)
        store.jobs.watch("job", "live")
        assert store.tasks.messages("job", 9) == []
        store.tasks.settle(step(WATCH, pass_id="live", children=[child("a")], after=None, cursor=b"1"))
        assert [(each.pass_id, each.task) for each in store.tasks.messages("job", 9)] == [("live", "a")]

    def test_the_store_says_whether_it_holds_a_message_of_a_job(
        self, store: Store, lapse: Callable[[float], None]
    ) -> None:
        assert store.outbox.held("job") == Held(messages=False, next_pass=False)
        create(store, "other", "/zone/other")
        running(store, "one", interval=9)
        begin(store, "second", following="next", wait=900)
        assert store.outbox.held("job") == Held(messages=False, next_pass=True)
        store.tasks.settle(step("one", again=again("one", 1, 100)))
        assert store.outbox.held("job") == Held(messages=True, next_pass=True)
        lapse(100)
        store.outbox.fire_due()
        assert store.outbox.held("job") == Held(messages=True, next_pass=True)
        take(store)
        assert store.outbox.held("job") == Held(messages=False, next_pass=True)
        store.jobs.pause("job")
        store.outbox.park("job", message("one round 1"))
        assert store.outbox.held("job") == Held(messages=True, next_pass=True)
        lapse(900)
        store.jobs.resume("job")
        store.outbox.fire_due()
        take(store)
        assert store.outbox.held("job") == Held(messages=False, next_pass=False)
