"""The contract for paused jobs and watched jobs."""

from __future__ import annotations

from ingest.job import Counts, JobState, Watching
from ingest.store import WATCH, Store
from tests.ingest.store.contract import StoreFixtures
from tests.ingest.store.support import T0, begin, child, create, message, running, status_of, step, take


class PausingContract(StoreFixtures):
    def test_an_active_job_is_paused_once_and_goes_on_once(self, store: Store) -> None:
        create(store)
        assert [store.jobs.pause("job"), store.jobs.pause("job")] == [True, False]
        assert (status_of(store).paused, status_of(store).state) == (True, JobState.QUEUED)
        assert store.jobs.paused() == {"job"}
        assert [store.jobs.resume("job"), store.jobs.resume("job")] == [True, False]
        assert (status_of(store).paused, store.jobs.paused()) == (False, frozenset())

    def test_a_job_that_is_unknown_or_has_ended_cannot_be_paused(self, store: Store) -> None:
        create(store)
        store.jobs.stop("job")
        assert not store.jobs.pause("job")
        assert not store.jobs.pause("other")
        assert not store.jobs.resume("other")

    def test_messages_of_a_paused_job_are_kept_and_published_in_their_order_when_it_goes_on(self, store: Store) -> None:
        create(store)
        create(store, "other")
        take(store)
        store.jobs.pause("job")
        for number in range(12):
            assert store.outbox.park("job", message(f"parked {number}"))
        assert take(store) == []
        store.jobs.resume("job")
        assert take(store) == [f"parked {number}" for number in range(12)]
        assert take(store) == []

    def test_nothing_is_parked_for_a_job_that_is_not_paused(self, store: Store) -> None:
        create(store)
        take(store)
        assert not store.outbox.park("job", message("x"))
        assert not store.outbox.park("unknown", message("x"))
        store.jobs.pause("job")
        store.jobs.resume("job")
        assert not store.outbox.park("job", message("x"))
        assert take(store) == []

    def test_a_paused_job_that_is_stopped_is_paused_no_more_and_drops_what_was_parked(self, store: Store) -> None:
        create(store)
        take(store)
        store.jobs.pause("job")
        store.outbox.park("job", message("x"))
        store.jobs.stop("job")
        assert (status_of(store).paused, store.jobs.paused()) == (False, frozenset())
        create(store)
        store.jobs.pause("job")
        store.jobs.resume("job")
        assert take(store) == ["start job"]

    def test_what_is_in_work_when_its_job_is_paused_is_settled_as_ever(self, store: Store) -> None:
        running(store, "a")
        store.jobs.pause("job")
        assert store.tasks.settle(step("a", counts=Counts(done=1)))
        assert status_of(store).counts.done == 1


class WatchingContract(StoreFixtures):
    def test_a_job_has_one_live_pass_beside_the_others(self, store: Store) -> None:
        create(store, watch=True)
        take(store)
        assert store.jobs.watch("job", "live") == "live"
        assert store.jobs.watch("job", "another") == "live"
        assert begin(store)
        assert store.tasks.outstanding("live", WATCH, 0)
        status = status_of(store)
        assert (status.live_pass, status.pass_id, status.passes) == ("live", "pass", 1)
        assert (status.live, status.counts) == (Counts(tasks=1), Counts(tasks=1))
        assert take(store) == ["open"]

    def test_only_an_active_job_has_a_live_pass(self, store: Store) -> None:
        assert store.jobs.watch("job", "live") is None
        create(store, watch=True)
        store.jobs.stop("job")
        assert store.jobs.watch("job", "live") is None

    def test_a_batch_of_changes_is_taken_once_however_often_it_is_told(self, store: Store) -> None:
        create(store, watch=True)
        take(store)
        store.jobs.watch("job", "live")
        batch = step(WATCH, pass_id="live", children=[child("a")], counts=Counts(files=2), after=None, cursor=b"1")
        assert [store.tasks.settle(batch), store.tasks.settle(batch)] == [True, False]
        assert store.tasks.cursor("live", WATCH) == b"1"
        assert take(store) == ["a"]
        assert status_of(store).live == Counts(tasks=2, files=2)
        assert store.tasks.settle(step("a", pass_id="live", counts=Counts(done=2)))
        assert status_of(store).live == Counts(tasks=2, tasks_done=1, files=2, done=2)
        assert status_of(store).state is JobState.QUEUED

    def test_the_tasks_that_are_not_settled_are_told_in_whatever_round(self, store: Store) -> None:
        create(store, watch=True)
        store.jobs.watch("job", "live")
        children = [child(task) for task in "abc"]
        store.tasks.settle(step(WATCH, pass_id="live", children=children, after=None, cursor=b"1"))
        store.tasks.settle(step("a", pass_id="live"))
        assert store.tasks.unsettled("live", ["a", "b", "c", "unknown"]) == {"b", "c"}
        assert store.tasks.unsettled("live", []) == frozenset()
        store.jobs.stop("job")
        assert store.tasks.unsettled("live", ["b"]) == frozenset()

    def test_a_live_pass_outlives_a_hundred_scans(self, store: Store) -> None:
        create(store, watch=True)
        store.jobs.watch("job", "live")
        for number in range(103):
            assert begin(store, f"pass {number}")
            store.tasks.settle(step("open", pass_id=f"pass {number}", closing=None))
        assert store.tasks.outstanding("live", WATCH, 0)
        assert status_of(store).state is JobState.WAITING

    def test_stopping_a_job_ends_its_live_pass_and_counts_what_was_in_work(self, store: Store) -> None:
        create(store, watch=True)
        store.jobs.watch("job", "live")
        store.tasks.settle(
            step(WATCH, pass_id="live", children=[child("a")], counts=Counts(files=1), after=None, cursor=b"1")
        )
        store.jobs.stop("job")
        assert not store.tasks.outstanding("live", "a", 0)
        assert not store.tasks.settle(step("a", pass_id="live", counts=Counts(done=1)))
        assert not store.tasks.settle(step("a", pass_id="live", counts=Counts(done=1)))
        assert status_of(store).live.done == 1

    def test_a_new_job_of_the_same_name_has_a_live_pass_of_its_own(self, store: Store) -> None:
        create(store, watch=True)
        store.jobs.watch("job", "live")
        store.jobs.stop("job")
        create(store, watch=True)
        assert status_of(store).live_pass is None
        assert store.jobs.watch("job", "live") == "live"
        assert status_of(store).live == Counts(tasks=1)

    def test_a_message_is_sent_for_active_jobs_only(self, store: Store) -> None:
        create(store, watch=True)
        take(store)
        assert store.outbox.send("job", message("scan"))
        assert take(store) == ["scan"]
        store.jobs.stop("job")
        assert not store.outbox.send("job", message("scan"))
        assert not store.outbox.send("unknown", message("scan"))
        assert take(store) == []

    def test_what_a_watcher_says_of_itself_is_kept_with_its_job(self, store: Store) -> None:
        create(store, watch=True)
        assert status_of(store).watching is None
        watching = Watching(host="h", at=T0, alive=True, spooled=3, missed=1, notes=((T0, "the queue overflowed"),))
        store.jobs.note_watching("job", watching, 60)
        store.jobs.note_watching("unknown", watching, 60)
        assert status_of(store).watching == watching
        assert store.jobs.get("unknown") is None
