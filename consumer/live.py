"""Single changes, as a watcher tells them: what the path cache knows of them, and what is gone."""

from __future__ import annotations

import msgspec

from consumer import guards
from consumer.candidates import SourceView
from consumer.context import Context
from consumer.delete import delete_one
from consumer.irods.catalog import look_up
from consumer.meta import of_directory
from consumer.protocol import Outcome, Result
from ingest.core import DeleteMode
from ingest.fingerprint import cache_key
from ingest.messages import UNKNOWN, Candidate, Change, SyncFiles, path_from_wire, path_to_wire
from ingest.paths import split


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


def delete_vanished(ctx: Context, change: Change, target: str) -> Outcome:
    """Delete the data object of a file that somebody saw vanish, if it has no source and the job deletes at all.

    The source was seen without the file just now. Raises what says that source or zone are out of reach.
    """
    nothing = Outcome(Result.SKIPPED)
    parent, name = path_to_wire(split(path_from_wire(change.path))[0]), target.rpartition("/")[2]
    candidate = Candidate(target, collection=False, parent=parent, name=name)
    if guards.objection(ctx, 1, 1, [candidate]) or not _deletes(ctx, change):
        return nothing
    key = cache_key(ctx.job, target, directory=False)
    ingested = ctx.store.cached(ctx.cache_space, key[0], key[1:])[0] is not None
    if not ingested and (ctx.job.delete_only_ingested or not _is_object(ctx, target)):
        return nothing
    if not SourceView(ctx).still_missing(candidate):
        return nothing
    outcome = delete_one(ctx, candidate)
    if outcome.kept or outcome.result is not Result.DONE:
        return outcome
    return Outcome(Result.DONE, deleted=True, uncached=key)


def _deletes(ctx: Context, change: Change) -> bool:
    parent = split(path_from_wire(change.path))[0]
    meta = of_directory(ctx.job, parent, ctx.target(parent, directory=True), None)
    operation = ctx.handler.operation(ctx.session(meta), meta)
    return ctx.handler.check_modes(operation, meta) is not DeleteMode.DO_NOT_DELETE


def _is_object(ctx: Context, target: str) -> bool:
    found = look_up(ctx.lister, target)
    return isinstance(found, list) and bool(found)
