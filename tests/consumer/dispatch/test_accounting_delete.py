"""Candidates for deletion are judged once each or still handed out, and what waited for their place follows."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from consumer.dispatch.accounting import Aborted, RunningTask, aborted_step, finished_step, unavailable_step
from consumer.protocol import Began, Finished, Outcome, PathDone, Result
from ingest.broker import Record
from ingest.job import Counts, Job, Topics
from ingest.messages import Candidate, Change, Delete, ListPath, SyncFiles, decode
from ingest.store import Step

NOW = 1000.0
JOB = Job(name="j", source=b"/s", target="/z/t", topics=Topics(partitions={"restart": 4, "path": 4, "file": 4}))
GONE = Outcome(Result.DONE)
STAYS = Outcome(Result.UNCHANGED)
FAILED = Outcome(Result.FAILED, reason="no", error="SYS_X", code=-1000, kept=True)


def candidate(name: str, taken_by: str | None = None) -> Candidate:
    if taken_by == "directory":
        return Candidate(f"/z/t/{name}", collection=False, parent="", name=name, taken_by="directory", resync=name)
    if taken_by == "regular":
        return Candidate(f"/z/t/{name}", collection=True, parent="", name=name, taken_by="regular", resync=name)
    return Candidate(f"/z/t/{name}", collection=False, parent="", name=name)


def task(*candidates: Candidate) -> Delete:
    return Delete(job="j", pass_id="p", task="t", candidates=list(candidates))


def given_(delete: Delete, *outcomes: Outcome, retries: int = 0) -> RunningTask:
    done = [PathDone(each.target, outcome) for each, outcome in zip(delete.candidates, outcomes, strict=False)]
    return RunningTask(delete, Record("file", 3, 17, b""), JOB, Began(60.0, retries, 7.0), done)


def handed_out(step: Step) -> Delete:
    assert step.again is not None
    again = decode(step.again.message.value)
    assert isinstance(again, Delete)
    assert again.round == step.again.round
    return again


def test_what_was_deleted_is_counted_judged_and_forgotten_by_the_path_cache_as_is_what_may_have_been() -> None:
    delete = task(candidate("a"), candidate("b"))
    step = finished_step(given_(delete, GONE, STAYS), Finished(), NOW)
    assert step.counts == Counts(deleted=1)
    assert list(step.judged) == delete.candidates
    assert len(step.uncached) == 2
    assert (list(step.problems), step.again, list(step.children)) == ([], None, [])


def test_what_could_not_be_deleted_is_told_with_its_path_and_fails_the_task() -> None:
    step = finished_step(given_(task(candidate("d/ü")), FAILED), Finished(), NOW)
    assert step.counts == Counts(tasks_failed=1)
    (problem,) = step.problems
    assert (problem.path, problem.target, problem.code) == ("d/ü".encode(), "/z/t/d/ü", -1000)
    assert len(step.judged) == 1
    assert list(step.uncached) == []


@pytest.mark.parametrize("outcome", [GONE, STAYS])
def test_what_takes_the_place_of_a_candidate_is_synced_once_it_is_out_of_the_way(outcome: Outcome) -> None:
    delete = task(candidate("f", "regular"), candidate("d", "directory"))
    step = finished_step(given_(delete, outcome, outcome), Finished(), NOW)
    file, directory = (decode(child.message.value) for child in step.children)
    assert isinstance(file, SyncFiles)
    assert file.changes == [Change("f")]
    assert isinstance(directory, ListPath)
    assert directory.path == "d"
    assert [child.task for child in step.children] == [file.task, directory.task]
    assert [child.message.topic for child in step.children] == ["file", "path"]
    assert step.counts.failed == 0


def test_a_file_that_waits_for_what_cannot_be_deleted_has_failed_and_a_directory_is_counted_by_nobody() -> None:
    delete = task(candidate("f", "regular"), candidate("d", "directory"))
    step = finished_step(given_(delete, FAILED, FAILED), Finished(), NOW)
    assert step.counts == Counts(failed=1, tasks_failed=1)
    assert list(step.children) == []


outcomes = st.sampled_from([GONE, STAYS, FAILED])
kinds = st.sampled_from([None, "regular", "directory"])


@given(st.lists(kinds, min_size=1, max_size=8), st.integers(0, 3), st.data())
def test_through_any_rounds_every_candidate_is_judged_once_or_still_handed_out(
    taken: list[str | None], retries: int, data: st.DataObject
) -> None:
    delete = task(*(candidate(str(number), kind) for number, kind in enumerate(taken)))
    everything = {each.target for each in delete.candidates}
    files, judged, total, following = taken.count("regular"), list[str](), Counts(), 0
    for _ in range(6):
        ending = data.draw(st.sampled_from(["finished", "failure", "broken", "away"]))
        size = len(delete.candidates)
        done = size if ending == "finished" else data.draw(st.integers(0, size))
        given = given_(delete, *data.draw(st.lists(outcomes, min_size=done, max_size=done)), retries=retries)
        if ending == "broken":
            step = aborted_step(given, Aborted("it died"), NOW)
        elif ending == "away":
            step = unavailable_step(given, NOW, 1.0)
        else:
            step = finished_step(given, Finished(failure=FAILED if ending == "failure" else None), NOW)
        judged += [each.target for each in step.judged]
        total += step.counts
        following += sum(isinstance(decode(child.message.value), SyncFiles) for child in step.children)
        left = handed_out(step).candidates if step.again else []
        assert sorted([*judged, *(each.target for each in left)]) == sorted(everything)
        assert total.failed + following + sum(each.taken_by == "regular" for each in left) == files
        assert total.tasks_failed <= (0 if left else 1)
        if not left:
            return
        delete = handed_out(step)
