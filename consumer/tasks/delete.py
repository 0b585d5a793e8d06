"""Deleting: the judgement when everything is listed, and the task that deletes, one by one, after another look."""

from __future__ import annotations

import os
import time
from collections.abc import Iterator

import msgspec
from irods.session import iRODSSession

from consumer.irods.errors import code_of
from consumer.irods.removal import remove_collection, remove_object
from consumer.protocol import Finished, Outcome, Part, PathDone, Result
from consumer.sync import guards
from consumer.sync.candidates import SourceView
from consumer.sync.context import Context
from consumer.sync.decide import Impossible
from consumer.sync.failures import failure, out_of_reach
from consumer.sync.meta import Meta, of_deletion
from ingest import tasks
from ingest.handlers.core import DeleteMode
from ingest.job import Counts, Problem
from ingest.messages import Candidate, ClosePass, Delete, path_from_wire
from ingest.paths import join

BATCHES = 100
"""Batches of candidates that are handed out at a time."""
COLLECTIONS = 500
"""Collections that one task removes, the deepest first."""

TAKEN = "what has this name in the zone is of another kind and was not deleted"


def next_deletions(ctx: Context, task: ClosePass) -> Finished | None:
    """What is to be deleted next: objects first, then collections from the deepest up. None: nothing is left.

    The whole of the candidates is judged before each round; an objection drops them all and is reported.
    """
    objects, collections = ctx.store.candidate_counts(task.pass_id)
    if not objects and not collections:
        return None
    status = ctx.store.job(ctx.job.name)
    listed = status.counts.listed if status else 0
    number = objects + collections
    objection = guards.objection(ctx, number, listed, _all(ctx, task, number))
    if objection:
        return _refused(ctx, task, objection, number)
    if objects:
        limit = ctx.job.files_per_task * BATCHES
        found = ctx.store.candidates(task.pass_id, collections=False, limit=limit)
        return Finished(Part(children=list(tasks.deletions(ctx.job, task.pass_id, found))))
    found = ctx.store.candidates(task.pass_id, collections=True, limit=COLLECTIONS)
    return Finished(Part(children=[tasks.deletion(ctx.job, task.pass_id, found)]))


def _all(ctx: Context, task: ClosePass, number: int) -> Iterator[Candidate]:
    for collections in (False, True):
        yield from ctx.store.candidates(task.pass_id, collections=collections, limit=number)


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
    if "/" in candidate.name or not f"{candidate.target}/".startswith(f"{top}/"):
        raise Impossible("the candidate does not lie under the name that is missing")


def mode_of(ctx: Context, candidate: Candidate) -> tuple[DeleteMode, Meta]:
    """In which way the handler wants a candidate deleted, and what it is told of it.

    Whether that goes with the operation was asked of the directory that misses the candidate.
    """
    parent = path_from_wire(candidate.parent)
    below = candidate.target.removeprefix(ctx.target(parent, directory=True))
    path = os.fsdecode(join(ctx.job.source, parent)) + below
    meta = of_deletion(ctx.job, path, candidate.target, collection=candidate.collection)
    return ctx.handler.delete_mode(meta), meta


def delete_one(ctx: Context, candidate: Candidate) -> Outcome:
    """Delete what has no source, in the handler's way and with its hooks."""
    mode, meta = mode_of(ctx, candidate)
    if mode is DeleteMode.DO_NOT_DELETE:
        return Outcome(Result.UNCHANGED)
    removal = _Removal(mode, collection=candidate.collection)
    try:
        if candidate.collection and ctx.job.s3 is not None:  # the incumbent knows no directories in S3, nor their hooks
            removal(None, ctx.session(meta), meta)
        else:
            event = "coll_delete" if candidate.collection else "data_obj_delete"
            ctx.handler.event(event, removal, ctx.session(meta), meta)
    except Exception as error:
        if out_of_reach(ctx, error):
            raise
        return msgspec.structs.replace(failure(ctx, candidate.target, error), kept=removal.kept)
    if removal.kept and removal.begun:
        return Outcome(Result.SKIPPED, reason="the collection is not empty and was left alone", kept=True)
    return Outcome(Result.DONE)


class _Removal:
    """The action of a deletion, and what it came to. `kept`: it is certain that nothing was removed."""

    def __init__(self, mode: DeleteMode, *, collection: bool) -> None:
        self._mode = mode
        self._collection = collection
        self.begun = False
        self.kept = True

    def __call__(self, _module: object, session: iRODSSession, meta: Meta, *_: object, **__: object) -> None:
        self.begun, self.kept = True, False
        try:
            if self._collection:
                self.kept = not remove_collection(session, meta["target"], self._mode)
            else:
                remove_object(session, meta["target"], self._mode)
        except Exception as error:
            self.kept = code_of(error) is not None
            raise
