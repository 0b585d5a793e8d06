"""The contract for deletion candidates and mounts."""

from __future__ import annotations

from collections.abc import Callable

from ingest.fingerprint import cache_space
from ingest.messages import Candidate
from ingest.store import Cached, Store
from tests.ingest.store.contract import StoreFixtures
from tests.ingest.store.support import again, begin, create, running, seen, step

LEAST, MOST = -(2**63), 2**63 - 1


def candidate(target: str, *, collection: bool = False, attempt: int = 0) -> Candidate:
    return Candidate(target, collection, parent="", name=target.rpartition("/")[2], attempt=attempt)


def targets(store: Store, *, collections: bool = False, limit: int = 99, pass_id: str = "pass") -> list[str]:
    return [each.target for each in store.deletion.candidates(pass_id, collections=collections, limit=limit)]


class DeletionContract(StoreFixtures):
    def test_candidates_are_held_as_they_were_given(self, open_store: Callable[[], Store]) -> None:
        store = open_store()
        running(store)
        given = Candidate("/z/job/it's\n", False, "\0/w==", "it's\n", "directory", "d", 2)
        assert store.tasks.settle(step("open", cursor=b"m", candidates=[given]))
        assert open_store().deletion.candidates("pass", collections=False, limit=9) == [given]
        assert store.deletion.candidates("another pass", collections=False, limit=9) == []

    def test_collections_come_deepest_first_and_apart_from_objects(self, store: Store) -> None:
        running(store)
        collections = [candidate(f"/z/job/{path}", collection=True) for path in ("a", "a/b/c", "b", "a/b")]
        objects = [candidate("/z/job/x"), candidate("/z/job/a/b/y")]
        store.tasks.settle(step("open", candidates=[*collections, *objects]))
        assert targets(store, collections=True) == ["/z/job/a/b/c", "/z/job/a/b", "/z/job/a", "/z/job/b"]
        assert targets(store, collections=True, limit=1) == ["/z/job/a/b/c"]
        assert set(targets(store)) == {"/z/job/x", "/z/job/a/b/y"}
        assert store.deletion.candidate_counts("pass") == (2, 4)
        assert store.deletion.candidate_counts("another pass") == (0, 0)

    def test_a_candidate_that_is_found_twice_counts_once(self, store: Store) -> None:
        running(store)
        store.tasks.settle(step("open", cursor=b"m", candidates=[candidate("/z/job/x")]))
        store.tasks.settle(step("open", candidates=[candidate("/z/job/x"), candidate("/z/job/x", collection=True)]))
        assert store.deletion.candidate_counts("pass") == (1, 1)

    def test_what_was_judged_is_no_candidate_any_more(self, store: Store) -> None:
        running(store, "one")
        store.tasks.settle(step("one", cursor=b"m", candidates=[candidate("/z/job/x"), candidate("/z/job/y")]))
        judged = [candidate("/z/job/x", attempt=1), candidate("/z/job/never found")]
        store.tasks.settle(step("one", again=again("one", 1), judged=judged))
        assert targets(store) == ["/z/job/y"]

    def test_a_step_that_does_not_count_leaves_candidates_as_they_are(self, store: Store) -> None:
        running(store, "one")
        store.tasks.settle(step("one", cursor=b"m", candidates=[candidate("/z/job/x")]))
        assert not store.tasks.settle(
            step("one", round=1, candidates=[candidate("/z/job/y")], judged=[candidate("/z/job/x")])
        )
        assert targets(store) == ["/z/job/x"]

    def test_candidates_go_with_their_pass_and_leave_those_of_other_jobs(self, store: Store) -> None:
        create(store, "other")
        begin(store, "other pass", "other")
        store.tasks.settle(
            step("open", job="other", pass_id="other pass", cursor=b"m", candidates=[candidate("/z/other/x")])
        )
        running(store, interval=9)
        store.tasks.settle(step("open", candidates=[candidate("/z/job/x")], error="too many"))
        assert begin(store, "second")
        assert store.deletion.candidate_counts("pass") == (0, 0)
        store.tasks.settle(step("open", pass_id="second", candidates=[candidate("/z/job/x")], closing=None))
        store.jobs.stop("job")
        store.jobs.forget("job")
        assert store.deletion.candidate_counts("second") == (0, 0)
        assert store.deletion.candidate_counts("other pass") == (1, 0)

    def test_what_was_deleted_leaves_the_path_cache(self, store: Store) -> None:
        job = running(store, "one")
        store.tasks.settle(
            step("one", cached=[Cached(b"d", b"n", seen(1)), Cached(b"d", b"m", seen(2)), Cached(b"e", b"n", seen(3))])
        )
        store.tasks.settle(step("close", uncached=[(b"d", b"n"), (b"d", b"never there")]))
        space = cache_space(job)
        assert store.cache.get(space, b"d", [b"n", b"m"]) == [None, seen(2)]
        assert store.cache.get(space, b"e", [b"n"]) == [seen(3)]

    def test_what_was_deleted_and_came_again_in_the_same_step_is_remembered(self, store: Store) -> None:
        job = running(store, "one")
        store.tasks.settle(step("one", uncached=[(b"", b"d/")], cached=[Cached(b"", b"d/", seen(1))]))
        assert store.cache.get(cache_space(job), b"", [b"d/"]) == [seen(1)]

    def test_what_was_mounted_is_remembered_per_source_and_host(self, open_store: Callable[[], Store]) -> None:
        store = open_store()
        assert store.deletion.mount(LEAST, "host") is None
        store.deletion.remember_mount(LEAST, "host", "server:/share")
        store.deletion.remember_mount(MOST, "host", "other")
        store.deletion.remember_mount(LEAST, "host", "server:/new")
        assert open_store().deletion.mount(LEAST, "host") == "server:/new"
        assert store.deletion.mount(MOST, "host") == "other"
        assert store.deletion.mount(LEAST, "other host") is None
