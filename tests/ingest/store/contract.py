"""The contract for jobs; `task_contract.py` and `shared_contract.py` state the rest.

A subclass says how a store is made, here and in another process (see `StoreFixtures`), and inherits the tests.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator

import pytest

from ingest.fingerprint import cache_space
from ingest.job import JobState, Topics
from ingest.store import Cached, JobExists, Store
from tests.ingest.store.child import Process
from tests.ingest.store.support import (
    again,
    begin,
    child,
    counts_of,
    create,
    is_recent,
    make_job,
    message,
    problem,
    running,
    seen,
    status_of,
    step,
    take,
)


class StoreFixtures:
    """Fixtures of the contracts. A subclass implements the first three."""

    @pytest.fixture
    def open_store(self) -> Callable[[], Store]:
        """Opens another Store on the same storage, which is empty at first. The fixture closes them."""
        raise NotImplementedError

    @pytest.fixture
    def child_source(self) -> str:
        """Python code that assigns such a Store to `store`."""
        raise NotImplementedError

    @pytest.fixture
    def lapse(self) -> Callable[[float], None]:
        """Lets so many seconds pass for the store: all terms in it come nearer to their end."""
        raise NotImplementedError

    @pytest.fixture
    def store(self, open_store: Callable[[], Store]) -> Store:
        return open_store()

    @pytest.fixture
    def process(self, child_source: str) -> Iterator[Callable[[], Process]]:
        processes: list[Process] = []

        def start() -> Process:
            processes.append(Process(child_source))
            return processes[-1]

        yield start
        for each in processes:
            each.kill()


class JobContract(StoreFixtures):
    def test_a_new_job_is_queued_and_its_first_message_is_to_be_published(
        self, open_store: Callable[[], Store]
    ) -> None:
        job = make_job(topics=Topics(partitions={"path": 3}), patterns=("*.tmp", "!keep"), interval=60)
        open_store().jobs.create(job, message("first", "restart", 2))
        status = status_of(open_store())
        assert (status.job, status.state, is_recent(status.created)) == (job, JobState.QUEUED, True)
        assert (status.pass_id, status.started, status.ended, status.next_pass) == (None,) * 4
        assert [each for _, each in open_store().outbox.oldest(9)] == [message("first", "restart", 2)]

    def test_there_is_no_job_of_a_name_that_was_never_used(self, store: Store) -> None:
        create(store)
        assert store.jobs.get("other") is None
        assert not store.jobs.stop("other")
        assert store.jobs.problems("other") == []

    def test_jobs_are_listed_in_the_order_of_their_creation(self, store: Store) -> None:
        for name in ["b", "c", "a"]:
            store.jobs.create(make_job(name), message(name))
        assert [status.job.name for status in store.jobs.all()] == ["b", "c", "a"]

    @pytest.mark.parametrize("allow_overlap", [False, True])
    def test_an_active_job_of_the_same_name_is_in_the_way(self, store: Store, *, allow_overlap: bool) -> None:
        job = create(store)
        with pytest.raises(JobExists) as refusal:
            store.jobs.create(make_job(target="/zone/else"), message("other"), allow_overlap=allow_overlap)
        assert refusal.value.status.job == job
        assert [status.job for status in store.jobs.all()] == [job]
        assert take(store) == ["start job"]

    @pytest.mark.parametrize(
        ("one", "other"), [("/z/a", "/z/a"), ("/z/a", "/z/a/b/c"), ("/z/a/b", "/z/a"), ("/z/ü", "/z/ü/b")]
    )
    def test_an_active_job_with_an_overlapping_target_is_in_the_way_unless_allowed(
        self, store: Store, one: str, other: str
    ) -> None:
        create(store, "one", one)
        with pytest.raises(JobExists) as refusal:
            create(store, "other", other)
        assert refusal.value.status.job.name == "one"
        store.jobs.create(make_job("other", other), message("other"), allow_overlap=True)
        assert {status.job.name for status in store.jobs.all()} == {"one", "other"}

    @pytest.mark.parametrize(("one", "other"), [("/z/a", "/z/ab"), ("/z/ab", "/z/a"), ("/z/a/b", "/z/a/c")])
    def test_targets_side_by_side_do_not_overlap(self, store: Store, one: str, other: str) -> None:
        create(store, "one", one)
        create(store, "other", other)
        assert len(store.jobs.all()) == 2

    @pytest.mark.parametrize("state", [JobState.QUEUED, JobState.RUNNING, JobState.WAITING])
    def test_a_job_is_in_the_way_in_every_active_state(self, store: Store, state: JobState) -> None:
        create(store, interval=9)
        if state is not JobState.QUEUED:
            begin(store)
        if state is JobState.WAITING:
            store.tasks.settle(step("open", closing=None))
        assert status_of(store).state is state
        with pytest.raises(JobExists):
            create(store, "other", "/zone/job/below")

    def test_an_ended_job_makes_room_and_is_replaced_with_all_that_belongs_to_it(self, store: Store) -> None:
        running(store, "task")
        store.tasks.settle(step("task", problems=[problem(b"bad")], again=again("task", 1, 900.0)))
        store.jobs.stop("job")
        create(store, "job", "/zone/new")
        status = status_of(store)
        assert (status.state, status.job.target, status.passes) == (JobState.QUEUED, "/zone/new", 0)
        assert (status.counts.tasks, status.ended, store.jobs.problems("job")) == (0, None, [])
        assert store.outbox.fire_due() is None
        assert take(store) == ["start job"]
        assert not store.tasks.settle(step("task", round=1))
        assert counts_of(store).tasks == 0

    def test_a_stopped_job_has_nothing_outstanding_scheduled_or_to_be_published(
        self, store: Store, lapse: Callable[[float], None]
    ) -> None:
        create(store, "bystander")
        take(store)
        begin(store, "other pass", "bystander", "bystander next", 500.0)
        create(store)
        begin(store, following="next", wait=500.0)
        store.tasks.settle(step("open", children=[child("one"), child("two")]))
        store.tasks.settle(step("one", again=again("one", 1, 500.0)))
        assert store.jobs.stop("job")
        status = status_of(store)
        assert (status.state, is_recent(status.ended), status.next_pass) == (JobState.STOPPED, True, None)
        assert (status.counts.tasks, status.counts.tasks_done) == (3, 1)
        assert not store.tasks.outstanding("pass", "two", 0)
        assert not store.tasks.outstanding("pass", "one", 1)
        lapse(500)
        assert store.outbox.fire_due() is None
        assert take(store) == ["open", "bystander next"]

    def test_only_an_active_job_can_be_stopped_and_the_first_stop_counts(self, store: Store) -> None:
        running(store)
        assert store.jobs.stop("job")
        ended = status_of(store).ended
        assert not store.jobs.stop("job")
        assert status_of(store).ended == ended

    def test_an_ended_job_is_forgotten_and_an_active_one_is_not(self, store: Store) -> None:
        running(store, "task")
        store.tasks.settle(step("task", problems=[problem(b"bad")]))
        store.jobs.forget("job")
        store.jobs.forget("no such job")
        assert status_of(store).state is JobState.RUNNING
        store.tasks.settle(step("close"))
        store.jobs.forget("job")
        assert store.jobs.get("job") is None
        assert store.jobs.problems("job") == []

    def test_forgetting_a_job_leaves_the_path_cache_alone(self, store: Store) -> None:
        job = running(store)
        store.tasks.settle(step("open", cached=[Cached(b"d", b"n", seen(5))], closing=None))
        store.jobs.forget("job")
        assert store.cache.get(cache_space(job), b"d", [b"n"]) == [seen(5)]

    def test_problems_come_failures_first_and_only_as_many_as_asked_for(self, store: Store) -> None:
        running(store)
        given = [problem(b"c"), problem(b"a", skipped=True), problem(b"\xff"), problem(b"b", skipped=True)]
        store.tasks.settle(step("open", problems=given))
        assert [each.path for each in store.jobs.problems("job")] == [b"c", b"\xff", b"a", b"b"]
        assert store.jobs.problems("job", 1) == [given[0]]

    def test_a_step_drops_the_problems_of_the_paths_that_it_solves_and_adds_its_own(self, store: Store) -> None:
        running(store, "one", "two", "three")
        store.tasks.settle(step("one", solved=[b"a"]))
        store.tasks.settle(step("two", problems=[problem(b"a"), problem(b"b", skipped=True), problem(b"\xff")]))
        store.tasks.settle(step("three", solved=[b"a", b"\xff", b"none"], problems=[problem(b"\xff", skipped=True)]))
        assert store.jobs.problems("job") == [problem(b"b", skipped=True), problem(b"\xff", skipped=True)]

    def test_a_path_has_one_problem_the_latest(self, store: Store) -> None:
        running(store, "one", "two")
        store.tasks.settle(step("one", problems=[problem(b"p")]))
        store.tasks.settle(step("two", problems=[problem(b"p", skipped=True)]))
        assert store.jobs.problems("job") == [problem(b"p", skipped=True)]
