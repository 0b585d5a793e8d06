"""The path cache as a worker uses it: what it knows of a batch, and what it is to remember."""

from __future__ import annotations

from collections.abc import Iterator

import msgspec

from consumer.sync.context import Context
from ingest.fingerprint import cache_key, fingerprint
from ingest.handlers.core import Operation
from ingest.messages import UNKNOWN, Change, SyncFiles, path_from_wire
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
        known = ctx.store.cache.get(ctx.cache_space, directory, [name for _, name in names])
        for (number, _), cached in zip(names, known, strict=True):
            changes[number] = msgspec.structs.replace(changes[number], cached=cached)
    return msgspec.structs.replace(task, changes=changes)


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
    while not ctx.source.has_directories and (path := split(path)[0]):
        yield path, ctx.target(path, directory=True)


def ingested(ctx: Context, target: str, *, collection: bool) -> bool:
    """Whether the path cache knows it: this tool brought it here."""
    directory, name = cache_key(ctx.job, target, directory=collection)
    return ctx.store.cache.get(ctx.cache_space, directory, [name])[0] is not None
