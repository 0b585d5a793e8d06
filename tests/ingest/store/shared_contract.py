"""The contract for several processes at once: outbox, leases, consumers, cache, crashes."""

from __future__ import annotations

import threading
from collections.abc import Callable

import pytest

from ingest.fingerprint import cache_space
from ingest.job import Counts, JobState, Watching
from ingest.store import Cached, ConsumerStatus, Store
from tests.ingest.store.child import Process
from tests.ingest.store.contract import StoreFixtures
from tests.ingest.store.support import (
    again,
    begin,
    child,
    counts_of,
    create,
    make_job,
    message,
    problem,
    running,
    seen,
    status_of,
    step,
    take,
)

LEAST, MOST = -(2**63), 2**63 - 1


class MessageContract(StoreFixtures):
    def test_messages_wait_in_their_order_until_they_are_published(self, store: Store) -> None:
        running(store)
        store.tasks.settle(step("open", children=[child(str(number)) for number in range(5)]))
        first = store.outbox.oldest(2)
        assert [each for _, each in first] == [message("0"), message("1")]
        assert store.outbox.oldest(2) == first
        store.outbox.remove([first[1][0]])
        store.outbox.remove([])
        assert take(store) == ["0", "2", "3", "4"]

    def test_what_is_published_twice_is_done_once(self, open_store: Callable[[], Store]) -> None:
        one, other = open_store(), open_store()
        running(one, "task")
        one.tasks.settle(step("task"))
        numbers = [number for number, _ in one.outbox.oldest(9)]
        other.outbox.remove(numbers)
        one.tasks.settle(step("close", children=[child("more")]))
        one.outbox.remove(numbers)
        assert take(other) == ["more"]

    def test_the_schedule_is_fired_in_the_order_of_the_due_times(
        self, store: Store, lapse: Callable[[float], None]
    ) -> None:
        running(store, "a", "b", "c")
        for task, wait in (("a", 300.0), ("b", 100.0), ("c", 200.0)):
            store.tasks.settle(step(task, again=again(task, 1, wait)))
        assert 0 < (store.outbox.fire_due() or 0) <= 100
        assert take(store) == []
        lapse(200)
        assert 0 < (store.outbox.fire_due() or 0) <= 100
        assert take(store) == ["b round 1", "c round 1"]

    def test_two_that_fire_at_once_fire_each_message_once(
        self, open_store: Callable[[], Store], process: Callable[[], Process]
    ) -> None:
        store = open_store()
        tasks = [str(number) for number in range(100)]
        running(store, *tasks)
        processes = [process(), process()]
        for task in tasks:
            store.tasks.settle(step(task, again=again(task, 1, 0.2 + int(task) / 500)))
        for each in processes:
            each.send("fire_all", None)
        assert [each.answer() for each in processes] == [True, True]
        assert sorted(take(store)) == sorted(f"{task} round 1" for task in tasks)


class SharingContract(StoreFixtures):
    def test_a_lease_has_one_owner_who_may_renew_it(
        self, open_store: Callable[[], Store], lapse: Callable[[float], None]
    ) -> None:
        one, other = open_store(), open_store()
        assert one.leases.take("a", "me", 1000)
        lapse(900)
        assert not other.leases.take("a", "you", 1000)
        assert other.leases.take("b", "you", 1000)
        assert one.leases.take("a", "me", 1000)
        lapse(200)
        assert not other.leases.take("a", "you", 1000)

    def test_a_lease_ends_by_itself(self, store: Store, lapse: Callable[[float], None]) -> None:
        assert store.leases.take("a", "me", 1000)
        lapse(1000)
        assert store.leases.take("a", "you", 1000)
        assert not store.leases.take("a", "me", 1000)

    def test_only_its_owner_gives_a_lease_back(self, store: Store) -> None:
        store.leases.take("a", "me", 1000)
        store.leases.release("a", "you")
        store.leases.release("never taken", "you")
        assert not store.leases.take("a", "you", 1000)
        store.leases.release("a", "me")
        assert store.leases.take("a", "you", 1000)

    def test_of_processes_that_want_the_same_leases_one_gets_each(self, process: Callable[[], Process]) -> None:
        names = [str(number) for number in range(100)]
        processes = [process() for _ in range(3)]
        for number, each in enumerate(processes):
            each.send("lease", [f"owner {number}", names])
        assert sum(each.answer() for each in processes) == len(names)

    def test_consumers_are_seen_while_they_are_alive(
        self, open_store: Callable[[], Store], lapse: Callable[[float], None]
    ) -> None:
        one, other = ConsumerStatus("a", ("path",), ()), ConsumerStatus("b", ("path", "file"), ("job",), {"job": "no"})
        store = open_store()
        store.consumers.announce(other, 500)
        store.consumers.announce(one, 900)
        assert open_store().consumers.alive() == [one, other]
        lapse(500)
        assert store.consumers.alive() == [one]
        store.consumers.announce(ConsumerStatus("a", ("path",), ("job",)), 900)
        assert store.consumers.alive() == [ConsumerStatus("a", ("path",), ("job",))]
        store.consumers.announce(one, 0.0)
        assert store.consumers.alive() == []

    def test_a_watcher_counts_as_alive_for_its_term(self, store: Store, lapse: Callable[[float], None]) -> None:
        create(store, watch=True)
        store.jobs.note_watching("job", Watching(host="h", at=1.0), 500)
        assert status_of(store).watching == Watching(host="h", at=1.0, alive=True)
        lapse(500)
        assert status_of(store).watching == Watching(host="h", at=1.0)

    def test_a_handler_is_kept_byte_for_byte(self, open_store: Callable[[], Store]) -> None:
        source = bytes(range(256)) * 100
        open_store().handlers.save("ab", source)
        open_store().handlers.save("ab", source)
        assert open_store().handlers.get("ab") == source
        assert open_store().handlers.get("cd") is None


class CacheContract(StoreFixtures):
    def test_the_cache_gives_what_was_remembered_in_the_order_asked_for(self, store: Store) -> None:
        job = running(store)
        values = {b"least": LEAST, b"most": MOST, b"zero": 0, b"minus": -1, b"\xff\x00'": 7}
        store.tasks.settle(
            step("open", cached=[Cached(b"d/\xfe", name, seen(value)) for name, value in values.items()])
        )
        names = [b"unknown", *reversed(values), b"least"]
        assert store.cache.get(cache_space(job), b"d/\xfe", names) == [
            None,
            *(seen(values[name]) for name in names[1:]),
        ]
        assert store.cache.get(cache_space(job), b"d/\xfe", []) == []

    def test_other_directories_and_other_spaces_are_apart(self, store: Store) -> None:
        job = running(store)
        store.tasks.settle(
            step("open", cached=[Cached(b"a", b"n", seen(1)), Cached(b"b", b"n", seen(2)), Cached(b"", b"n", seen(3))])
        )
        space, elsewhere = cache_space(job), cache_space(make_job(target="/zone/else"))
        assert [store.cache.get(space, directory, [b"n"])[0] for directory in (b"a", b"b", b"", b"c")] == [
            seen(1),
            seen(2),
            seen(3),
            None,
        ]
        assert store.cache.get(elsewhere, b"a", [b"n"]) == [None]

    def test_jobs_with_the_same_source_and_target_share_the_cache_and_the_latest_value_counts(
        self, store: Store
    ) -> None:
        job = running(store, "again")
        store.tasks.settle(step("again", cached=[Cached(b"d", b"n", seen(1))]))
        store.tasks.settle(step("close", cached=[Cached(b"d", b"n", seen(2))]))
        create(store, "heir", job.target)
        begin(store, "other", "heir")
        assert store.cache.get(cache_space(status_of(store, "heir").job), b"d", [b"n"]) == [seen(2)]

    def test_clearing_a_space_leaves_the_others(self, store: Store) -> None:
        job = running(store)
        store.tasks.settle(step("open", cached=[Cached(b"d", b"n", seen(1))]))
        other = create(store, "other")
        begin(store, "second", "other")
        store.tasks.settle(step("open", job="other", pass_id="second", cached=[Cached(b"d", b"n", seen(2))]))
        store.cache.clear(cache_space(job))
        assert store.cache.get(cache_space(job), b"d", [b"n"]) == [None]
        assert store.cache.get(cache_space(other), b"d", [b"n"]) == [seen(2)]

    def test_a_space_is_about_one_root_collection_and_is_cleared_for_another(self, store: Store) -> None:
        job, other = running(store), cache_space(make_job(target="/zone/else"))
        space = cache_space(job)
        entries = [Cached(b"d", b"n", seen(1))]
        store.tasks.settle(step("open", cursor=b"1", cached=entries))
        for collection, kept in (
            ("", True), ("zone#1", True), ("zone#1", True), ("zone#2", False), ("zone#2", True), ("", False),
            ("zone#3", True),
        ):  # fmt: skip
            store.cache.bind(space, collection)
            store.cache.bind(other, "zone#9")
            assert store.cache.get(space, b"d", [b"n"]) == [seen(1) if kept else None]
            store.tasks.settle(step("open", cursor=b"2", cached=entries))

    def test_thousands_of_names_are_looked_up_at_once(self, store: Store) -> None:
        job = running(store)
        names = [b"file %d" % number for number in range(7000)]
        store.tasks.settle(step("open", cached=[Cached(b"", name, seen(number)) for number, name in enumerate(names)]))
        assert store.cache.get(cache_space(job), b"", [*names, b"x"]) == [*map(seen, range(7000)), None]

    @pytest.mark.parametrize("late", [False, True])
    def test_what_a_step_that_does_not_count_wants_remembered_is_not_unless_the_job_was_stopped(
        self, store: Store, *, late: bool
    ) -> None:
        job = running(store, "one")
        if late:
            store.jobs.stop("job")
        round_ = 0 if late else 1
        assert not store.tasks.settle(step("one", round=round_, cached=[Cached(b"", b"n", seen(1))]))
        assert store.cache.get(cache_space(job), b"", [b"n"]) == [seen(1) if late else None]


class CrashContract(StoreFixtures):
    def test_what_settle_has_returned_for_survives_kill_9(self, store: Store, process: Callable[[], Process]) -> None:
        job = running(store, "one")
        for number in range(3):
            victim = process()
            victim.send("settle", [
                step("one", round=number, counts=Counts(done=1), children=[child(f"child {number}")],
                     again=again("one", number + 1), problems=[problem(b"%d" % number)],
                     cached=[Cached(b"", b"%d" % number, seen(number))])
            ])  # fmt: skip
            assert victim.answer() == [True]
            victim.kill()
            assert counts_of(store).done == number + 1
            assert take(store) == [f"child {number}", f"one round {number + 1}"]
            assert store.tasks.outstanding("pass", "one", number + 1)
        assert len(store.jobs.problems("job")) == 3
        assert store.cache.get(cache_space(job), b"", [b"0", b"1", b"2"]) == [seen(0), seen(1), seen(2)]

    def test_a_process_that_is_killed_amid_its_steps_leaves_each_whole_or_undone(
        self, store: Store, process: Callable[[], Process]
    ) -> None:
        tasks = [f"{number:04}" for number in range(2000)]
        running(store, *tasks)
        victim = process()
        victim.send(
            "settle_then_stall", [step(task, counts=Counts(done=1), children=[child("c" + task)]) for task in tasks]
        )
        for _ in range(20):
            victim.answer()
        victim.kill()
        left = [task for task in tasks if store.tasks.outstanding("pass", task, 0)]
        ended = len(tasks) - len(left)
        assert ended >= 20
        assert counts_of(store) == Counts(tasks=1 + len(tasks) + ended, tasks_done=1 + ended, done=ended)
        assert take(store) == ["c" + task for task in tasks[:ended]]

    def test_processes_that_settle_the_same_tasks_at_once_count_each_once(
        self, store: Store, process: Callable[[], Process]
    ) -> None:
        tasks = [str(number) for number in range(120)]
        running(store, *tasks)
        processes = [process() for _ in range(3)]
        for shift, each in enumerate(processes):
            order = tasks[40 * shift :] + tasks[: 40 * shift]
            each.send("settle", [step(task, counts=Counts(done=1, bytes=10)) for task in order])
        taken = [each.answer() for each in processes]
        assert sum(map(sum, taken)) == len(tasks)
        assert counts_of(store) == Counts(tasks=122, tasks_done=121, done=120, bytes=1200)
        assert take(store) == ["close"]
        assert store.tasks.settle(step("close"))
        assert status_of(store).state is JobState.FINISHED

    def test_threads_with_stores_of_their_own_do_not_disturb_each_other(self, open_store: Callable[[], Store]) -> None:
        stores = [open_store() for _ in range(3)]
        tasks = [str(number) for number in range(60)]
        running(stores[0], *tasks)

        def settle(store: Store) -> None:
            for task in tasks:
                store.tasks.settle(step(task, counts=Counts(done=1)))

        threads = [threading.Thread(target=settle, args=[store]) for store in stores]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()
        assert counts_of(stores[0]).done == 60
