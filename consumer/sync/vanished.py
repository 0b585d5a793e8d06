"""Single changes, as a watcher tells them: what the path cache knows of them, and what is gone."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import Literal

import msgspec

from consumer.irods.catalog import look_up
from consumer.protocol import CacheKey, Outcome, Result
from consumer.sync import guards
from consumer.sync.candidates import SourceView, ingested
from consumer.sync.context import Context
from consumer.sync.meta import of_directory
from consumer.tasks.delete import delete_one
from ingest.fingerprint import cache_key, fingerprint
from ingest.handlers.core import DeleteMode, Operation
from ingest.messages import UNKNOWN, Candidate, Change, SyncFiles, path_from_wire, path_to_wire
from ingest.paths import split
from ingest.store import Cached
from scanner.entries import Entry


def recall(ctx: Context, task: SyncFiles) -> SyncFiles:
    """The batch with what the path cache has of the paths that the catalog was not asked about."""
    if ctx.job.ignore_cache:
        return task
    asked: dict[bytes, list[tuple[int, bytes]]] = {}
    for number, change in enumerate(task.changes):
        if change.catalog == UNKNOWN and not change.attempt:
            directory, name = cache_key(ctx.job, ctx.target(path_from_wire(change.path)), directory=False)
            asked.setdefault(directory, []).append((number, name))
    changes = list(task.changes)
    for directory, names in asked.items():
        known = ctx.store.cached(ctx.cache_space, directory, [name for _, name in names])
        for (number, _), cached in zip(names, known, strict=True):
            changes[number] = msgspec.structs.replace(changes[number], cached=cached)
    return msgspec.structs.replace(task, changes=changes)


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
    while path := split(path)[0]:
        target = ctx.target(path)
        if _is_object(ctx, target):
            gone = Change(path_to_wire(path), gone=True)
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


def remember(ctx: Context, change: Change, entry: Entry, operation: Operation) -> list[Cached]:
    """What the path cache is to keep of a file that was synced.

    No listing remembers the directories above an object in S3 that a watcher tells of: they come with the first word
    of it. Their fingerprint fits nothing, so the next scan takes them for changed.
    """
    key = cache_key(ctx.job, ctx.target(entry.path), directory=False)
    new = ctx.live and change.cached is None
    above = [cache_key(ctx.job, target, directory=True) for _, target in _above(ctx, entry.path)] if new else []
    return [Cached(*key, fingerprint(entry.stat, operation)), *(Cached(*each, 0) for each in above)]


def _above(ctx: Context, path: bytes) -> Iterator[tuple[bytes, str]]:
    """The directories above an object in S3, the nearest first: path and logical path."""
    while ctx.job.s3 is not None and (path := split(path)[0]):
        yield path, ctx.target(path, directory=True)


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
