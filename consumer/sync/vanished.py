"""Single changes, as a watcher tells them: what the path cache knows of them, and what is gone."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Literal

import msgspec

from consumer.irods.catalog import look_up
from consumer.protocol import CacheKey, Outcome, Result
from consumer.sync import guards
from consumer.sync.candidates import SourceView
from consumer.sync.context import Context
from consumer.sync.deletion import delete_one
from consumer.sync.meta import of_directory
from consumer.sync.path_cache import _above, ingested
from ingest.fingerprint import cache_key
from ingest.handlers.core import DeleteMode
from ingest.messages import Candidate, Change, path_from_wire, path_to_wire
from ingest.paths import ancestors, split


def delete_vanished(
    view: SourceView, change: Change, target: str, taken_by: Literal["directory"] | None = None
) -> Outcome:
    """Delete the data object of a file that somebody saw vanish, if it has no source and the job deletes at all.

    The source was seen without the file just now; `taken_by`: with a directory in its place. Raises what says that
    source or zone are out of reach.
    """
    ctx, nothing = view.ctx, Outcome(Result.SKIPPED)
    if not _deletes(ctx, change):
        return nothing
    path = path_from_wire(change.path)
    candidate = _candidate(path, target, collection=False, taken_by=taken_by)
    key = cache_key(ctx.job, target, directory=False)
    if not ingested(ctx, target, collection=False) and (ctx.job.delete_only_ingested or not _is_object(ctx, target)):
        return msgspec.structs.replace(nothing, uncached=_remove_emptied(ctx, path))  # another try may have got so far
    if reason := guards.objection(ctx, 1, 1, [candidate]):
        return Outcome(Result.SKIPPED, reason=f"not deleted: {reason}")
    if not view.still_missing(candidate):
        return nothing
    outcome = delete_one(ctx, candidate)
    if outcome.kept or outcome.result is not Result.DONE:
        return outcome
    return Outcome(Result.DONE, deleted=True, uncached=[key, *_remove_emptied(ctx, path)])


def clear_the_way(ctx: Context, path: bytes) -> Sequence[CacheKey]:
    """Delete the data object that stands where a collection above `path` must be, if there is one still.

    In S3 nobody makes directories: that the name of an object now begins other keys is first known from those. Gives
    what the path cache must forget.
    """
    for above in filter(None, ancestors(path)):
        target = ctx.target(above)
        if _is_object(ctx, target):
            gone = Change(path_to_wire(above), gone=True)
            return delete_vanished(SourceView(ctx), gone, target, taken_by="directory").uncached
    return ()


def remove_replaced(ctx: Context, path: bytes) -> bool:
    """Remove the collection of an empty directory whose name another directory has taken. False: it stays."""
    candidate = _candidate(path, ctx.target(path, directory=True), collection=True)
    if ctx.job.delete_only_ingested and not ingested(ctx, candidate.target, collection=True):
        return False
    return not guards.objection(ctx, 1, 1, [candidate]) and delete_one(ctx, candidate).result is Result.DONE


def _remove_emptied(ctx: Context, path: bytes) -> list[CacheKey]:
    """In S3 a directory ends with its last object: remove the collections above `path` that stand for none any more.

    Gives what the path cache must forget.
    """
    removed = list[CacheKey]()
    for above, target in _above(ctx, path):
        if ctx.job.delete_only_ingested and not ingested(ctx, target, collection=True):
            break
        candidate = _candidate(above, target, collection=True)
        if not SourceView(ctx).still_missing(candidate) or delete_one(ctx, candidate).result is not Result.DONE:
            break
        removed.append(cache_key(ctx.job, target, directory=True))
    return removed


def _candidate(
    path: bytes, target: str, *, collection: bool, taken_by: Literal["directory"] | None = None
) -> Candidate:
    return Candidate(target, collection, path_to_wire(split(path)[0]), target.rpartition("/")[2], taken_by)


def _deletes(ctx: Context, change: Change) -> bool:
    parent = split(path_from_wire(change.path))[0]
    meta = of_directory(ctx.job, parent, ctx.target(parent, directory=True), None)
    operation = ctx.handler.operation(ctx.session(meta), meta)
    return ctx.handler.check_modes(operation, meta) is not DeleteMode.DO_NOT_DELETE


def _is_object(ctx: Context, target: str) -> bool:
    found = look_up(ctx.lister, target)
    return isinstance(found, list) and bool(found)
