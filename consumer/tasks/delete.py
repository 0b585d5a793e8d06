"""Deleting: the judgement when everything is listed, and the task that deletes, one by one, after another look."""

from __future__ import annotations

import time
from collections.abc import Iterator

from consumer.protocol import Finished, Outcome, Part, PathDone, Result
from consumer.sync import guards
from consumer.sync.candidates import SourceView
from consumer.sync.context import Context
from consumer.sync.decide import Impossible
from consumer.sync.deletion import TAKEN, delete_one
from consumer.sync.failures import failure, out_of_reach
from ingest import tasks
from ingest.job import Counts, Problem
from ingest.messages import Candidate, ClosePass, Delete, path_from_wire
from ingest.paths import is_within

BATCHES = 100
"""Batches of candidates that are handed out at a time."""
COLLECTIONS = 500
"""Collections that one task removes, the deepest first."""


def next_deletions(ctx: Context, task: ClosePass) -> Finished | None:
    """What is to be deleted next: objects first, then collections from the deepest up. None: nothing is left.

    The whole of the candidates is judged before each round; an objection drops them all and is reported.
    """
    objects, collections = ctx.store.deletion.candidate_counts(task.pass_id)
    if not objects and not collections:
        return None
    status = ctx.store.jobs.get(ctx.job.name)
    listed = status.counts.listed if status else 0
    number = objects + collections
    objection = guards.objection(ctx, number, listed, _all(ctx, task, number))
    if objection:
        return _refused(ctx, task, objection, number)
    if objects:
        limit = ctx.job.files_per_task * BATCHES
        found = ctx.store.deletion.candidates(task.pass_id, collections=False, limit=limit)
        return Finished(Part(children=list(tasks.deletions(ctx.job, task.pass_id, found))))
    found = ctx.store.deletion.candidates(task.pass_id, collections=True, limit=COLLECTIONS)
    return Finished(Part(children=[tasks.deletion(ctx.job, task.pass_id, found)]))


def _all(ctx: Context, task: ClosePass, number: int) -> Iterator[Candidate]:
    for collections in (False, True):
        yield from ctx.store.deletion.candidates(task.pass_id, collections=collections, limit=number)


def _refused(ctx: Context, task: ClosePass, objection: str, number: int) -> Finished:
    reason = f"nothing of {number} candidates is deleted: {objection}"
    problems = [Problem(path=b"", target=ctx.job.target, skipped=False, reason=reason, at=time.time())]
    files = 0  # a directory is counted by nobody
    for each in _all(ctx, task, number):
        if each.resync is not None:
            files += each.taken_by == "regular"
            path = path_from_wire(each.resync)
            problems.append(Problem(path=path, target=each.target, skipped=False, reason=TAKEN, at=time.time()))
    counts = Counts(tasks_failed=1, failed=files)
    return Finished(Part(counts=counts, problems=problems))


def delete(ctx: Context, task: Delete) -> Iterator[PathDone]:
    """Delete the candidates in their order; one result each. Raises what says that source or zone are out of reach."""
    view = SourceView(ctx)
    for candidate in task.candidates:
        try:
            _confine(ctx, candidate)
            gone = view.still_missing(candidate)
            outcome = delete_one(ctx, candidate) if gone else Outcome(Result.UNCHANGED)
        except Exception as error:
            if out_of_reach(ctx, error):
                raise
            outcome = failure(ctx, candidate.target, error)
        yield PathDone(candidate.target, outcome)


def _confine(ctx: Context, candidate: Candidate) -> None:
    """Messages come from outside: whatever they say, nothing but what lies under the missing name is deleted."""
    parent = path_from_wire(candidate.parent)
    top = f"{ctx.target(parent, directory=True)}/{candidate.name}"
    if "/" in candidate.name or not is_within(candidate.target, top):
        raise Impossible("the candidate does not lie under the name that is missing")
