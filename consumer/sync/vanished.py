"""Deletes the data objects of files that a watcher saw disappear."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Literal

import msgspec

from consumer.irods.catalog import look_up
from consumer.protocol import CacheKey, Outcome, Result
from consumer.sync import guards
from consumer.sync.context import Context
from consumer.sync.deletion import delete_one
from consumer.sync.deletion_candidates import SourceView
from consumer.sync.meta import of_directory
from consumer.sync.path_cache import is_ours, prefixes
from consumer.sync.place import Place
from ingest.fingerprint import MARKS
from ingest.handlers.core import DeleteMode
from ingest.messages import Candidate, path_to_wire
from ingest.paths import ancestors, split


def delete_vanished(view: SourceView, place: Place, taken_by: Literal["directory"] | None = None) -> Outcome:
    """Delete the data object of a file that a watcher saw disappear, if the file is absent and the job deletes.

    The caller has just looked: the file is absent, or, with `taken_by`, a directory has replaced it. Raises an
    exception if the source or the zone is out of reach.
    """
    ctx, nothing = view.ctx, Outcome(Result.SKIPPED)
    if not _deletes(ctx, place):
        return nothing
    candidate = _candidate(place, collection=False, taken_by=taken_by)
    cached = ctx.cached(place.key)
    foreign = ctx.job.delete_only_ingested and not is_ours(cached)
    if foreign or ((cached is None or cached in MARKS) and not _is_object(ctx, place)):
        removed = _remove_emptied(ctx, place)  # an earlier attempt may have deleted the object
        return msgspec.structs.replace(nothing, uncached=removed)
    if reason := guards.objection(ctx, 1, 1, [candidate]):
        return Outcome(Result.SKIPPED, reason=f"not deleted: {reason}")
    if not view.still_missing(candidate):
        return nothing
    outcome = delete_one(ctx, candidate)
    if outcome.kept or outcome.result is not Result.DONE:
        return outcome
    return Outcome(Result.DONE, deleted=True, uncached=[place.key, *_remove_emptied(ctx, place)])


def clear_the_way(ctx: Context, path: bytes) -> Sequence[CacheKey]:
    """Delete the data object whose logical path a collection above `path` needs, if one exists.

    In S3 there is no event for a new directory: the first key below it shows that it exists. Returns the keys that the
    path cache must forget.
    """
    for above in filter(None, ancestors(path)):
        place = ctx.place(above)
        if _is_object(ctx, place):
            return delete_vanished(SourceView(ctx), place, taken_by="directory").uncached
    return ()


def remove_replaced(ctx: Context, place: Place) -> bool:
    """Remove the collection of an empty directory that another directory has replaced. False: it remains."""
    candidate = _candidate(place, collection=True)
    if ctx.job.delete_only_ingested and not is_ours(ctx.cached(place.key)):
        return False
    return not guards.objection(ctx, 1, 1, [candidate]) and delete_one(ctx, candidate).result is Result.DONE


def _remove_emptied(ctx: Context, place: Place) -> list[CacheKey]:
    """Remove the collections above a deleted object that are empty: in S3 a directory ends with its last object.

    Returns the keys that the path cache must forget.
    """
    removed = list[CacheKey]()
    for above in prefixes(ctx, place.path):
        if ctx.job.delete_only_ingested and not is_ours(ctx.cached(above.key)):
            break
        candidate = _candidate(above, collection=True)
        if not SourceView(ctx).still_missing(candidate) or delete_one(ctx, candidate).result is not Result.DONE:
            break
        removed.append(above.key)
    return removed


def _candidate(place: Place, *, collection: bool, taken_by: Literal["directory"] | None = None) -> Candidate:
    parent, name = split(place.path)[0], place.target.rpartition("/")[2]
    return Candidate(place.target, collection, path_to_wire(parent), name, taken_by)


def _deletes(ctx: Context, place: Place) -> bool:
    parent = ctx.place(split(place.path)[0], directory=True)
    meta = of_directory(ctx.job, parent.path, parent.target, None)
    operation = ctx.handler.operation(ctx.session(meta), meta)
    return ctx.handler.check_modes(operation, meta) is not DeleteMode.DO_NOT_DELETE


def _is_object(ctx: Context, place: Place) -> bool:
    found = look_up(ctx.lister, place.target)
    return isinstance(found, list) and bool(found)
