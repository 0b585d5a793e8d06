"""What a worker reported becomes one step of the store, and no path is lost or counted twice on the way."""

from __future__ import annotations

from collections.abc import Sequence

import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st

from consumer.dispatch.accounting import (
    BEFORE_BEGAN,
    HELD_SECONDS,
    MAX_DEATHS,
    Aborted,
    RunningTask,
    aborted_step,
    finished_step,
    handed_back_step,
    page_step,
    unavailable_step,
)
from consumer.protocol import Began, Finished, Outcome, Page, Part, PathDone, Result
from ingest.broker import Outgoing, Record
from ingest.job import Counts, Job, Problem, Topics
from ingest.messages import (
    UNKNOWN,
    Change,
    ClosePass,
    Fingerprint,
    ListPath,
    OpenPass,
    Replica,
    SyncFiles,
    Task,
    decode,
    path_from_wire,
    path_to_wire,
)
from ingest.store import Cached, Child, Step

NOW = 1000.0
JOB = Job(name="j", source=b"/s", target="/z/t", topics=Topics(partitions={"restart": 4, "path": 4, "file": 4}))
KNOWN = [Replica(0, "r", "/p", 1, 2, "1")]
DONE = Outcome(Result.DONE, bytes=10, cached=[Cached(b"", b"n", Fingerprint(5, 0))])
UNCHANGED = Outcome(Result.UNCHANGED, cached=[Cached(b"", b"n", Fingerprint(6, 0))])
SKIPPED = Outcome(Result.SKIPPED, reason="unreadable")
VANISHED = Outcome(Result.SKIPPED)
FAILED = Outcome(Result.FAILED, reason="no", error="SYS_X", code=-1000)
LATER = Outcome(Result.LATER, reason="LOCKED", error="LOCKED", code=-406000)
DIED = Aborted("the worker process has died (signal 9)", died=True)


def batch(*names: bytes, attempt: int = 0, round_: int = 0, failed: bool = False) -> SyncFiles:
    changes = [Change(path_to_wire(name), list(KNOWN), attempt=attempt) for name in names]
    return SyncFiles(job="j", pass_id="p", task="t", round=round_, changes=changes, failed=failed)


def given_(task: Task, *outcomes: Outcome, retries: int = 0, delay: float = 7.0) -> RunningTask:
    done = [PathDone(f"/z/t/{number}", outcome) for number, outcome in enumerate(outcomes)]
    return RunningTask(task, Record("file", 3, 17, b""), JOB, Began(60.0, retries, delay), done)


def handed_out(step: Step) -> SyncFiles:
    """The batch that the step hands out again."""
    assert step.again is not None
    task = decode(step.again.message.value)
    assert isinstance(task, SyncFiles)
    assert task.round == step.again.round
    return task


def paths_of(changes: Sequence[Change]) -> list[bytes]:
    return [path_from_wire(change.path) for change in changes]


LIST = ListPath(job="j", pass_id="p", task="t", path=path_to_wire(b"d\xff"))
CLOSE = ClosePass(job="j", pass_id="p", task="t")


class TestBatch:
    def test_a_batch_that_went_through_leaves_with_its_counts_and_fingerprints(self) -> None:
        step = finished_step(given_(batch(b"a", b"b", b"c", b"d"), DONE, UNCHANGED, VANISHED, DONE), Finished(), NOW)
        assert step.counts == Counts(done=2, unchanged=1, skipped=1, bytes=20)
        assert step.cached == [*DONE.cached, *UNCHANGED.cached, *DONE.cached]
        assert (step.again, step.cursor, step.error, list(step.problems), list(step.children)) == (
            None,
            None,
            None,
            [],
            [],
        )
        assert (step.job, step.pass_id, step.task, step.round) == ("j", "p", "t", 0)

    def test_a_skipped_path_is_told_with_its_reason_and_fails_nothing(self) -> None:
        step = finished_step(given_(batch(b"a\xff"), SKIPPED), Finished(), NOW)
        assert step.counts == Counts(skipped=1)
        assert step.problems == [Problem(path=b"a\xff", target="/z/t/0", skipped=True, reason="unreadable", at=NOW)]

    def test_what_was_done_or_has_gone_has_no_problem_any_more(self) -> None:
        task = batch(b"done", b"failed", b"\xff", b"skipped", b"retried")
        before = given_(task, DONE, FAILED, VANISHED, SKIPPED)
        assert list(finished_step(before, Finished(failure=FAILED), NOW).solved) == [b"done", b"\xff"]

    def test_a_path_that_failed_for_good_is_told_and_fails_the_task_once(self) -> None:
        step = finished_step(given_(batch(b"a", b"b", b"c"), FAILED, DONE, FAILED), Finished(), NOW)
        assert step.counts == Counts(done=1, failed=2, tasks_failed=1, bytes=10)
        assert step.problems[1] == Problem(
            path=b"c", target="/z/t/2", skipped=False, reason="no", error="SYS_X", code=-1000, attempts=1, at=NOW
        )
        assert step.again is None

    def test_failed_paths_with_retries_left_form_one_retry_after_the_delay_and_are_not_counted_yet(self) -> None:
        step = finished_step(given_(batch(b"a", b"b", b"c"), FAILED, DONE, FAILED, retries=2), Finished(), NOW)
        assert step.counts == Counts(done=1, bytes=10, retries=1)
        assert list(step.problems) == []
        assert step.again is not None
        assert step.again.wait == 7
        assert (step.again.message.topic, step.again.message.partition) == ("file", 3)
        task = handed_out(step)
        assert (task.task, task.round, task.failed) == ("t", 1, False)
        assert task.changes == [Change("a", UNKNOWN, attempt=1), Change("c", UNKNOWN, attempt=1)]

    def test_the_last_retry_that_fails_counts_its_attempts(self) -> None:
        step = finished_step(given_(batch(b"a", attempt=2), FAILED, retries=2), Finished(), NOW)
        assert step.counts == Counts(failed=1, tasks_failed=1)
        assert [each.attempts for each in step.problems] == [3]
        assert step.again is None

    def test_a_task_of_several_rounds_counts_as_failed_once_when_its_last_round_ends(self) -> None:
        task = msgspec.structs.replace(batch(b"a", b"b"), changes=[Change("a", attempt=1), Change("b")])
        first = finished_step(given_(task, FAILED, FAILED, retries=1), Finished(), NOW)
        assert first.counts == Counts(failed=1, retries=1)
        second = finished_step(given_(handed_out(first), DONE, retries=1), Finished(), NOW)
        assert second.counts == Counts(done=1, bytes=10, tasks_failed=1)

    def test_a_failure_of_the_whole_batch_fails_the_paths_that_were_not_done(self) -> None:
        failure = Outcome(Result.FAILED, reason="the handler does not load")
        step = finished_step(given_(batch(b"a", b"b", b"c"), DONE), Finished(failure=failure), NOW)
        assert step.counts == Counts(done=1, failed=2, bytes=10, tasks_failed=1)
        assert [(each.path, each.reason) for each in step.problems] == [(name, failure.reason) for name in (b"b", b"c")]

    def test_no_message_of_a_batch_names_a_fingerprint_of_a_failed_path(self) -> None:
        step = finished_step(given_(batch(b"a"), msgspec.structs.replace(FAILED, cached=())), Finished(), NOW)
        assert list(step.cached) == []


class TestBroken:
    def test_on_a_timeout_only_the_path_in_progress_failed_and_those_after_it_are_handed_out_again_at_once(
        self,
    ) -> None:
        step = aborted_step(given_(batch(b"a", b"b", b"c", b"d"), DONE), Aborted("timeout after 60 s"), NOW)
        assert step.counts == Counts(done=1, failed=1, bytes=10)
        assert [(each.path, each.reason) for each in step.problems] == [(b"b", "timeout after 60 s")]
        task = handed_out(step)
        assert (paths_of(task.changes), task.failed, task.round) == ([b"c", b"d"], True, 1)
        assert task.changes[0] == Change("c", list(KNOWN))
        assert step.again is not None
        assert step.again.wait == 0

    def test_the_path_in_progress_is_retried_with_the_rest_when_it_may_be(self) -> None:
        step = aborted_step(given_(batch(b"a", b"b"), retries=1), Aborted("it died"), NOW)
        assert step.counts == Counts(retries=1)
        assert handed_out(step).changes == [Change("a", UNKNOWN, attempt=1), Change("b", list(KNOWN))]
        assert step.again is not None
        assert step.again.wait == 7

    def test_a_worker_that_died_after_its_last_path_ends_the_task(self) -> None:
        step = aborted_step(given_(batch(b"a"), DONE), Aborted("it died"), NOW)
        assert (step.counts, step.again) == (Counts(done=1, bytes=10), None)

    def test_a_worker_that_hung_before_it_said_anything_has_no_retries(self) -> None:
        given = given_(batch(b"a", b"b"))._replace(began=BEFORE_BEGAN)
        step = aborted_step(given, Aborted("timeout after 60 s"), NOW)
        assert step.counts == Counts(failed=1)
        assert paths_of(handed_out(step).changes) == [b"b"]

    @pytest.mark.parametrize(
        "task",
        [batch(b"a", b"b"), LIST, OpenPass(job="j", pass_id="p", task="t"), CLOSE],
        ids=["batch", "list", "open", "close"],
    )
    def test_a_worker_that_died_before_it_began_fails_nothing_unless_five_do_in_a_row(self, task: Task) -> None:
        wait = 0.0
        for _ in range(MAX_DEATHS - 1):
            step = aborted_step(given_(task)._replace(began=BEFORE_BEGAN), DIED, NOW)
            assert step.again is not None
            assert (step.counts, list(step.problems), step.error) == (Counts(), [], None)
            assert step.again.wait > wait
            wait, again = step.again.wait, decode(step.again.message.value)
            assert isinstance(again, Task)
            task = again
        step = aborted_step(given_(task)._replace(began=BEFORE_BEGAN), DIED, NOW)
        assert (step.again, step.counts.tasks_failed) == (None, 1)
        said = [each.reason for each in step.problems] or [str(step.error)]
        assert len(said) == max(1, step.counts.failed)
        assert all("signal 9" in each and "5 worker processes" in each for each in said)

    def test_deaths_count_only_in_a_row(self) -> None:
        first = aborted_step(given_(batch(b"a", b"b"))._replace(began=BEFORE_BEGAN), DIED, NOW)
        assert handed_out(first).deaths == 1
        second = unavailable_step(given_(handed_out(first), DONE), NOW, 1.0)
        assert handed_out(second).deaths == 0

    @pytest.mark.parametrize("retries", [0, 3])
    def test_the_path_that_a_stop_interrupts_is_recorded_and_nothing_is_handed_out(self, retries: int) -> None:
        given = given_(batch(b"a", b"b", b"c"), DONE, retries=retries)
        step = aborted_step(given, Aborted("interrupted", retry=False), NOW)
        assert step.counts == Counts(done=1, failed=1, tasks_failed=1, bytes=10)
        assert [(each.path, each.reason) for each in step.problems] == [(b"b", "interrupted")]
        assert step.again is None

    @pytest.mark.parametrize("retries", [0, 3])
    def test_a_listing_that_a_stop_interrupts_is_recorded(self, retries: int) -> None:
        step = aborted_step(given_(LIST, retries=retries), Aborted("interrupted", retry=False), NOW)
        assert (step.counts, step.again) == (Counts(tasks_failed=1), None)
        assert [(each.path, each.reason) for each in step.problems] == [(b"d\xff", "interrupted")]


class TestHeld:
    def test_a_held_path_is_tried_later_and_uses_no_attempt(self) -> None:
        step = finished_step(given_(batch(b"a", b"b"), LATER, DONE), Finished(), NOW)
        assert (step.counts, list(step.problems)) == (Counts(done=1, bytes=10), [])
        assert handed_out(step).changes == [Change("a", UNKNOWN, held_since=NOW)]
        assert step.again is not None
        assert step.again.wait > 0

    def test_it_waits_longer_each_time_and_the_first_time_counts(self) -> None:
        task, now, waits = batch(b"a"), NOW, list[float]()
        while now < NOW + HELD_SECONDS:
            step = finished_step(given_(task, LATER), Finished(), now)
            assert step.again is not None
            waits.append(step.again.wait)
            task, now = handed_out(step), now + step.again.wait
            assert task.changes[0].held_since == NOW
        assert waits == sorted(waits)
        assert len(waits) < 100

    @pytest.mark.parametrize("task", [batch(b"a"), LIST])
    def test_after_an_hour_it_has_failed_for_good_and_says_what_the_server_said(self, task: Task) -> None:
        if isinstance(task, SyncFiles):
            task = msgspec.structs.replace(task, changes=[Change("a", held_since=NOW)])
        task = msgspec.structs.replace(task, held_since=NOW)
        given = given_(task, *([LATER] if isinstance(task, SyncFiles) else []), retries=9)
        step = finished_step(given, Finished(failure=LATER), NOW + HELD_SECONDS + 1)
        assert (step.again, step.counts.tasks_failed) == (None, 1)
        assert [(each.reason, each.code) for each in step.problems] == [("held for 60 minutes: LOCKED", -406000)]

    def test_a_held_directory_is_listed_later(self) -> None:
        step = finished_step(given_(LIST), Finished(failure=LATER), NOW)
        assert step.again is not None
        assert (step.counts, list(step.problems)) == (Counts(), [])
        assert decode(step.again.message.value) == msgspec.structs.replace(LIST, round=1, held_since=NOW)


class TestHandedBack:
    def test_what_was_not_done_is_handed_out_at_once_in_its_order(self) -> None:
        step = handed_back_step(given_(batch(b"a", b"b", b"c"), DONE), NOW)
        assert (step.counts, list(step.problems)) == (Counts(done=1, bytes=10), [])
        assert handed_out(step).changes == batch(b"b", b"c").changes
        assert step.again is not None
        assert step.again.wait == 0

    def test_a_batch_whose_last_path_is_done_has_ended(self) -> None:
        step = handed_back_step(given_(batch(b"a"), DONE), NOW)
        assert (step.again, step.counts) == (None, Counts(done=1, bytes=10))


class TestAway:
    def test_while_the_zone_is_out_of_reach_nothing_fails_and_what_was_not_done_waits(self) -> None:
        step = unavailable_step(given_(batch(b"a", b"b", b"c"), DONE), NOW, 30.0)
        assert step.counts == Counts(done=1, bytes=10)
        task = handed_out(step)
        assert task.changes == batch(b"c", b"b").changes  # the one in progress last
        assert step.again is not None
        assert (step.again.wait, list(step.problems)) == (30, [])

    @pytest.mark.parametrize(
        "task", [LIST, OpenPass(job="j", pass_id="p", task="t"), ClosePass(job="j", pass_id="p", task="t")]
    )
    def test_any_other_task_waits_as_it_is(self, task: Task) -> None:
        step = unavailable_step(given_(task), NOW, 30.0)
        assert step.again is not None
        assert (step.counts, step.again.wait, step.again.round) == (Counts(), 30, 1)
        assert decode(step.again.message.value) == msgspec.structs.replace(task, round=1)


class TestListing:
    PART = Part(
        children=[Child("c", Outgoing("file", 0, b""))], counts=Counts(files=3, unchanged=1),
        problems=[Problem(path=b"x", target="/z/t/x", skipped=True, reason="r")],
        cached=[Cached(b"", b"d/", Fingerprint(1, 0))],
    )  # fmt: skip

    def test_a_page_brings_its_part_and_keeps_the_task_outstanding(self) -> None:
        step = page_step(given_(LIST), Page(b"\xff", self.PART))
        assert (step.cursor, step.again) == (b"\xff", None)
        assert (step.children, step.counts) == (self.PART.children, self.PART.counts)
        assert (step.problems, step.cached) == (self.PART.problems, self.PART.cached)

    def test_a_finished_listing_brings_its_last_part_and_leaves(self) -> None:
        step = finished_step(given_(LIST), Finished(self.PART), NOW)
        assert (step.cursor, step.again, step.counts, step.cached) == (
            None,
            None,
            Counts(files=3, unchanged=1),
            self.PART.cached,
        )

    def test_a_failed_listing_is_retried_after_the_delay(self) -> None:
        step = finished_step(given_(LIST, retries=1), Finished(failure=FAILED), NOW)
        assert step.again is not None
        assert (step.counts, step.again.wait) == (Counts(retries=1), 7)
        assert decode(step.again.message.value) == msgspec.structs.replace(LIST, round=1, attempt=1)

    def test_a_listing_that_failed_for_good_is_told_and_keeps_what_it_found(self) -> None:
        last = msgspec.structs.replace(LIST, attempt=1)
        step = finished_step(given_(last, retries=1), Finished(self.PART, FAILED, "/z/t/d"), NOW)
        assert step.again is None
        assert step.counts == Counts(files=3, unchanged=1, tasks_failed=1)
        assert step.children == self.PART.children
        assert [(each.path, each.target, each.attempts) for each in step.problems[1:]] == [(b"d\xff", "/z/t/d", 2)]


class TestFirstAndLast:
    def test_when_the_first_task_fails_the_pass_ends_with_the_reason_whatever_the_retries(self) -> None:
        step = finished_step(given_(OpenPass(job="j", pass_id="p", task="t"), retries=3), Finished(failure=FAILED), NOW)
        assert (step.error, step.counts, step.again) == ("no", Counts(tasks_failed=1), None)

    def test_when_the_last_task_fails_that_is_told_and_the_pass_ends(self) -> None:
        close = ClosePass(job="j", pass_id="p", task="t")
        step = finished_step(given_(close, retries=3), Finished(failure=FAILED, target="/z/t"), NOW)
        assert (step.error, step.counts, step.again) == (None, Counts(tasks_failed=1), None)
        assert [(each.path, each.target) for each in step.problems] == [(b"", "/z/t")]

    def test_every_step_knows_the_closing_task_of_its_pass_on_the_restart_topic(self) -> None:
        step = finished_step(given_(LIST), Finished(), NOW)
        assert step.closing is not None
        assert decode(step.closing.message.value) == ClosePass(job="j", pass_id="p", task=step.closing.task)
        assert step.closing.message.topic == "restart"
        assert step.closing.message.partition == JOB.topics.partition("restart", JOB.key(b""))


outcomes = st.sampled_from([DONE, UNCHANGED, SKIPPED, VANISHED, FAILED])
endings = st.sampled_from(["finished", "failure", "broken", "away"])


@given(st.integers(1, 8), st.integers(0, 3), st.data())
def test_through_any_rounds_every_file_is_counted_once_or_still_handed_out(
    size: int, retries: int, data: st.DataObject
) -> None:
    task = batch(*(b"%d" % number for number in range(size)))
    total, told = Counts(), 0
    for _ in range(6):
        ending = data.draw(endings)
        done = len(task.changes) if ending == "finished" else data.draw(st.integers(0, len(task.changes)))
        reported = data.draw(st.lists(outcomes, min_size=done, max_size=done))
        given = given_(task, *reported, retries=retries)
        step = {
            "finished": lambda given=given: finished_step(given, Finished(), NOW),
            "failure": lambda given=given: finished_step(given, Finished(failure=FAILED), NOW),
            "broken": lambda given=given: aborted_step(given, Aborted("it died"), NOW),
            "away": lambda given=given: unavailable_step(given, NOW, 1.0),
        }[ending]()
        total += step.counts
        told += sum(not each.skipped for each in step.problems)
        left = handed_out(step).changes if step.again else []
        assert total.done + total.unchanged + total.skipped + total.failed + len(left) == size
        assert len({change.path for change in left}) == len(left)
        assert all(change.attempt <= retries for change in left)
        assert (told, total.tasks, total.files) == (total.failed, 0, 0)
        assert total.tasks_failed == (0 if left else int(total.failed > 0))
        if not left:
            return
        task = handed_out(step)
