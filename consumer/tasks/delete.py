"""Judges the candidates when all directories are listed, and deletes them one by one after another look."""

from __future__ import annotations

import time
from collections.abc import Iterator

from consumer.irods.catalog import look_up
from consumer.protocol import Finished, Outcome, Part, PathDone, Result
from consumer.sync import guards
from consumer.sync.context import Context
from consumer.sync.decide import Impossible
from consumer.sync.deletion import TAKEN, delete_one
from consumer.sync.deletion_candidates import SourceView
from consumer.sync.failures import failure, out_of_reach
from ingest import tasks
from ingest.job import Counts, Problem
from ingest.messages import COLLECTION, Candidate, ClosePass, Delete, path_from_wire
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
    files = 0  # directories are not counted
    for each in _all(ctx, task, number):
        if each.resync is not None:
            files += each.taken_by == "regular"
            path = path_from_wire(each.resync)
            problems.append(Problem(path=path, target=each.target, skipped=False, reason=TAKEN, at=time.time()))
    counts = Counts(tasks_failed=1, failed=files)
    return Finished(Part(counts=counts, problems=problems))


def delete(ctx: Context, task: Delete) -> Iterator[PathDone]:
    """Delete the candidates in order; one result each. Raises an exception if source or zone are out of reach."""
    view = SourceView(ctx)
    for candidate in task.candidates:
        try:
            _confine(ctx, candidate)
            missing = view.still_missing(candidate) and (not ctx.job.watch or _exists(ctx, candidate))
            outcome = delete_one(ctx, candidate) if missing else Outcome(Result.UNCHANGED)
        except Exception as error:
            if out_of_reach(ctx, error):
                raise
            outcome = failure(ctx, candidate.target, error)
        yield PathDone(candidate.target, outcome)


def _exists(ctx: Context, candidate: Candidate) -> bool:
    """Whether a candidate still has its name in the zone: in a watch job a move may have taken it away."""
    found = look_up(ctx.lister, candidate.target)
    return found == COLLECTION if candidate.collection else isinstance(found, list) and bool(found)


def _confine(ctx: Context, candidate: Candidate) -> None:
    """Check that the candidate is under the missing name: a message may come from outside."""
    top = f"{ctx.place(candidate.parent, directory=True).target}/{candidate.name}"
    if "/" in candidate.name or not is_within(candidate.target, top):
        raise Impossible("the candidate is not under the name that is missing")
