"""Reads the path cache for a batch, and makes the entries for synced files."""

from __future__ import annotations

from collections.abc import Iterator

import msgspec

from consumer.sync.context import Context
from consumer.sync.place import Place
from ingest.fingerprint import CHANGED, UNFINISHED, cache_key, fingerprint
from ingest.handlers.core import Operation
from ingest.messages import UNKNOWN, Change, SyncFiles
from ingest.paths import split
from ingest.store import Cached
from scanner.entries import Entry


def recall(ctx: Context, task: SyncFiles) -> SyncFiles:
    """The batch of a live pass, or with failed attempts, with the cached fingerprint of each path to be queried."""
    if ctx.job.ignore_cache:
        return task
    asked: dict[bytes, list[tuple[int, bytes]]] = {}
    for number, change in enumerate(task.changes):
        if change.catalog == UNKNOWN and (ctx.live or change.attempt):
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
