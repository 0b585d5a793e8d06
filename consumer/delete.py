"""Deleting: the judgement when everything is listed, and the task that deletes, one by one, after another look."""

from __future__ import annotations

import secrets
import time
from collections.abc import Iterator, Sequence

from consumer import guards
from consumer.candidates import SourceView
from consumer.context import Context
from consumer.file import failure, out_of_reach
from consumer.irods.removal import remove_collection, remove_object
from consumer.meta import Meta, of_deletion
from consumer.protocol import Finished, Outcome, Part, PathDone, Result
from ingest.broker import Outgoing
from ingest.core import DeleteMode
from ingest.job import Counts, Problem
from ingest.messages import Candidate, ClosePass, Delete, encode, path_from_wire
from ingest.store import Child

BATCHES = 100
"""Batches of candidates that are handed out at a time."""
COLLECTIONS = 500
"""Collections that one task removes, the deepest first."""


def next_deletions(ctx: Context, task: ClosePass) -> Finished | None:
    """What is to be deleted next: objects first, then collections from the deepest up. None: nothing is left.

    The whole of the candidates is judged before each round; an objection drops them all and is reported.
    """
    objects, collections = ctx.store.candidate_counts(task.pass_id)
    if not objects and not collections:
        return None
    status = ctx.store.job(ctx.job.name)
    listed = status.counts.listed if status else 0
    objection = guards.objection(ctx, objects + collections, listed)
    if objection:
        return _refused(ctx, task, objection, objects + collections)
    size = ctx.job.files_per_task
    if objects:
        found = ctx.store.candidates(task.pass_id, collections=False, limit=size * BATCHES)
        batches: dict[int, list[Candidate]] = {}
        for each in found:
            batches.setdefault(_partition(ctx, each), []).append(each)
        children = [
            _child(ctx, task, partition, batch[start : start + size])
            for partition, batch in batches.items()
            for start in range(0, len(batch), size)
        ]
    else:
        found = ctx.store.candidates(task.pass_id, collections=True, limit=COLLECTIONS)
        children = [_child(ctx, task, _partition(ctx, found[0]), found)]
    return Finished(Part(children=children))


def _refused(ctx: Context, task: ClosePass, objection: str, number: int) -> Finished:
    reason = f"nothing of {number} candidates is deleted: {objection}"
    problems = [Problem(path=b"", target=ctx.job.target, skipped=False, reason=reason, at=time.time())]
    for collections in (False, True):
        for each in ctx.store.candidates(task.pass_id, collections=collections, limit=number):
            if each.resync is not None:
                reason = "what has this name in the zone is of another kind and was not deleted"
                path = path_from_wire(each.resync)
                problems.append(Problem(path=path, target=each.target, skipped=False, reason=reason, at=time.time()))
    counts = Counts(tasks_failed=1, failed=len(problems) - 1)
    return Finished(Part(counts=counts, problems=problems))


def _partition(ctx: Context, candidate: Candidate) -> int:
    relative = candidate.target.removeprefix(ctx.job.target + "/")
    return ctx.job.topics.partition(ctx.job.topics.file, ctx.job.key(relative.encode("utf-8", "surrogateescape")))


def _child(ctx: Context, closing: ClosePass, partition: int, candidates: Sequence[Candidate]) -> Child:
    task = secrets.token_hex(8)
    message = Delete(job=ctx.job.name, pass_id=closing.pass_id, task=task, candidates=list(candidates))
    return Child(task, Outgoing(ctx.job.topics.file, partition, encode(message)))


def delete(ctx: Context, task: Delete) -> Iterator[PathDone]:
    """Delete the candidates in their order; one result each. Raises what says that source or zone are out of reach."""
    view = SourceView(ctx)
    for candidate in task.candidates:
        try:
            gone = view.still_missing(candidate)
            outcome = _delete_one(ctx, candidate) if gone else Outcome(Result.UNCHANGED)
        except Exception as error:
            if out_of_reach(error):
                raise
            outcome = failure(ctx, candidate.target, error)
        yield PathDone(candidate.target, outcome)


def _delete_one(ctx: Context, candidate: Candidate) -> Outcome:
    meta = of_deletion(ctx.job, path_from_wire(candidate.parent), candidate.target, collection=candidate.collection)
    mode = ctx.handler.delete_mode(meta)
    if mode is DeleteMode.DO_NOT_DELETE:
        return Outcome(Result.UNCHANGED)
    session = ctx.session(meta)
    ctx.handler.check_modes(ctx.handler.operation(session, meta), meta)
    removed = True

    def remove(_module: object, session: object, meta: Meta, *_: object, **__: object) -> None:
        nonlocal removed
        if candidate.collection:
            removed = remove_collection(session, meta["target"], mode)
        else:
            remove_object(session, meta["target"], mode)

    ctx.handler.event("coll_delete" if candidate.collection else "data_obj_delete", remove, session, meta)
    if not removed:
        return Outcome(Result.SKIPPED, reason="the collection is not empty and was left alone")
    return Outcome(Result.DONE)
