"""The deletion of one data object or collection, with its hooks."""

from __future__ import annotations

import os

import msgspec

from consumer.irods.errors import code_of
from consumer.irods.removal import remove_collection, remove_object
from consumer.irods.sessions import Session
from consumer.protocol import Outcome, Result
from consumer.sync.context import Context
from consumer.sync.failures import failure, out_of_reach
from consumer.sync.meta import Meta, of_deletion
from ingest.handlers.core import DeleteMode
from ingest.messages import Candidate, path_from_wire
from ingest.paths import join

TAKEN = "what has this name in the zone is of another kind and was not deleted"


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
        if candidate.collection and ctx.job.s3 is not None:  # automated-ingest has no hooks of directories in S3
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

    def __call__(self, _module: object, session: Session, meta: Meta, *_: object, **__: object) -> None:
        self.begun, self.kept = True, False
        try:
            if self._collection:
                self.kept = not remove_collection(session, meta["target"], self._mode)
            else:
                remove_object(session, meta["target"], self._mode)
        except Exception as error:
            self.kept = code_of(error) is not None
            raise
