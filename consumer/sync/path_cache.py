"""Reads the path cache for a batch, and makes the entries for synced files."""

from __future__ import annotations

from collections.abc import Iterator

import msgspec

from consumer.irods.catalog import collection_id
from consumer.protocol import Outcome, Result
from consumer.sync.context import Context
from consumer.sync.place import Place
from ingest.fingerprint import CHANGED, UNFINISHED, cache_key, fingerprint
from ingest.handlers.core import Operation
from ingest.messages import UNKNOWN, Change, SyncFiles
from ingest.paths import split
from ingest.store import Cached
from scanner.entries import Entry


def bind(ctx: Context) -> None:
    """Make sure that the path cache is about the root collection of the job: one query.

    A target that was removed, or that is another server's, is not "unchanged".
    """
    found = collection_id(ctx.lister, ctx.job.target)
    ctx.store.cache.bind(ctx.cache_space, "" if found is None else f"{ctx.lister.zone}#{found}")


BEGUN = b"begun"
"""The cursor of a batch whose marks are stored."""


def marks(ctx: Context, task: SyncFiles) -> list[Cached]:
    """What the path cache is to have of the paths of a batch while their events are not complete.

    They are for handlers whose hooks must run, even if the consumer and the worker are killed between the change of an
    object and its hook: without them the object would look synced. Other handlers need none.
    """
    if not _has_hooks(ctx):
        return []
    found = list[Cached]()
    for change in task.changes:
        exists = change.catalog not in (UNKNOWN, [])
        new = change.cached == UNFINISHED or (change.cached is None and not exists)
        if not change.gone:
            found.append(Cached(*ctx.place(change.path).key, UNFINISHED if new else CHANGED))
    return found


def without_mark(ctx: Context, change: Change, place: Place, outcome: Outcome) -> Outcome:
    """The outcome of a path whose object was not changed: the path cache has again what it had before the batch."""
    if outcome.result not in (Result.UNCHANGED, Result.SKIPPED) or outcome.cached or change.gone or not _has_hooks(ctx):
        return outcome
    if change.cached is None:
        return msgspec.structs.replace(outcome, uncached=[*outcome.uncached, place.key])
    return msgspec.structs.replace(outcome, cached=[Cached(*place.key, change.cached)])


def _has_hooks(ctx: Context) -> bool:
    return ctx.handler.hooked("data_obj_create") or ctx.handler.hooked("data_obj_modify")


def recall(ctx: Context, task: SyncFiles, *, begun: bool) -> SyncFiles:
    """The batch, with the cached fingerprint of each path whose catalog entry nobody has looked up.

    `begun`: an earlier worker has begun with the batch, so that all catalog entries are unknown.
    """
    if begun:
        task = msgspec.structs.replace(
            task, changes=[msgspec.structs.replace(each, catalog=UNKNOWN) for each in task.changes]
        )
    if ctx.job.ignore_cache:
        return task
    asked: dict[bytes, list[tuple[int, bytes]]] = {}
    for number, change in enumerate(task.changes):
        if change.catalog == UNKNOWN or (ctx.live and not change.catalog):  # a watcher takes a new name for absent
            directory, name = ctx.place(change.path).key
            asked.setdefault(directory, []).append((number, name))
    changes = list(task.changes)
    for directory, names in asked.items():
        known = ctx.store.cache.get(ctx.cache_space, directory, [name for _, name in names])
        for (number, _), cached in zip(names, known, strict=True):
            changes[number] = msgspec.structs.replace(changes[number], cached=cached)
    return msgspec.structs.replace(task, changes=changes)


def remember(ctx: Context, change: Change, place: Place, entry: Entry, operation: Operation) -> list[Cached]:
    """The entries of the path cache for a synced file.

    If a watcher reports a new object in S3, no listing has stored the directories above it. They are stored with the
    object. Their fingerprint matches nothing, so the next scan treats them as changed.
    """
    new = ctx.live and change.cached is None
    above = prefixes(ctx, place.path) if new else ()
    return [Cached(*place.key, fingerprint(entry.stat, operation)), *(Cached(*each.key, CHANGED) for each in above)]


def prefixes(ctx: Context, path: bytes) -> Iterator[Place]:
    """The directories above an object in a source that has only prefixes, the nearest first; without the root."""
    while not ctx.source.has_directories and (path := split(path)[0]):
        yield ctx.place(path, directory=True)


def ingested(ctx: Context, target: str, *, collection: bool) -> bool:
    """Whether the path cache knows a logical path: then this program ingested it."""
    return ctx.cached(cache_key(ctx.job, target, directory=collection)) not in (None, UNFINISHED)
