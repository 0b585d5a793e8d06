"""Reads the path cache for a batch, and makes the entries for synced files."""

from __future__ import annotations

from collections.abc import Iterator

import msgspec

from consumer.irods.catalog import collection_id
from consumer.sync.context import Context
from consumer.sync.place import Place
from ingest.fingerprint import CHANGED, FOREIGN, MARKS, UNFINISHED, cache_key, fingerprint
from ingest.handlers.core import Operation
from ingest.messages import UNKNOWN, Change, Fingerprint, SyncFiles
from ingest.paths import split
from ingest.store import Cached
from scanner.entries import Entry


def bind(ctx: Context) -> None:
    """Make sure that the path cache is about the root collection of the job: one query.

    A target that was removed, or that is another server's, is not "unchanged".
    """
    found = collection_id(ctx.lister, ctx.job.target)
    ctx.store.cache.bind(ctx.cache_space, "" if found is None else f"{ctx.lister.zone}#{found}")


def begun(task: SyncFiles) -> bytes:
    """The cursor of a batch that a worker has begun in this round."""
    return b"begun %d" % task.round


def has_hooks(ctx: Context) -> bool:
    """Whether hooks of the handler run around the events of files.

    Then a batch is noted as begun before it begins. If consumer and worker are killed between the change of an object
    and its hook, the object would look synced to the next worker that takes the batch.
    """
    return ctx.handler.hooked("data_obj_create") or ctx.handler.hooked("data_obj_modify")


def recall(ctx: Context, task: SyncFiles, *, again: bool) -> SyncFiles:
    """The batch, with the cached fingerprint of each path that nobody has looked up, or that had a mark then.

    `again`: another worker has begun with this round of the batch, and nobody knows how far it has come. What the path
    cache does not know counts as not complete then.
    """
    changes = list(task.changes)
    if not ctx.job.ignore_cache:
        _look_up(ctx, changes)
    if again:
        changes = [_perhaps_begun(each) for each in changes]
    return msgspec.structs.replace(task, changes=changes)


def _look_up(ctx: Context, changes: list[Change]) -> None:
    asked: dict[bytes, list[tuple[int, bytes]]] = {}
    for number, change in enumerate(changes):
        live = ctx.live and not change.catalog  # a watcher takes a new name for absent
        if change.catalog == UNKNOWN or change.cached in MARKS or live:
            directory, name = ctx.place(change.path).key
            asked.setdefault(directory, []).append((number, name))
    for directory, names in asked.items():
        known = ctx.store.cache.get(ctx.cache_space, directory, [name for _, name in names])
        for (number, _), cached in zip(names, known, strict=True):
            catalog = UNKNOWN if changes[number].cached in MARKS else changes[number].catalog
            changes[number] = msgspec.structs.replace(changes[number], cached=cached, catalog=catalog)


def _perhaps_begun(change: Change) -> Change:
    if change.cached is not None:
        return msgspec.structs.replace(change, catalog=UNKNOWN)
    existed = change.catalog not in (UNKNOWN, [])
    return msgspec.structs.replace(change, catalog=UNKNOWN, cached=FOREIGN if existed else UNFINISHED)


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
    return is_ours(ctx.cached(cache_key(ctx.job, target, directory=collection)))


def is_ours(cached: Fingerprint | None) -> bool:
    """Whether a path with this entry in the path cache was certainly ingested by this program."""
    return cached not in (None, UNFINISHED, FOREIGN)
