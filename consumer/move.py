"""A move in the source becomes a rename in the catalog: no bytes travel, AVUs and permissions stay.

Every step may be done twice: a rename whose answer was lost is recognised by what is under the new name.
"""

from __future__ import annotations

import stat
from collections.abc import Iterator

from consumer import collections
from consumer.context import Context
from consumer.failures import failure, out_of_reach
from consumer.file import physical_of
from consumer.irods import registration, requests
from consumer.irods.catalog import collection_exists, look_up, objects, subcollections
from consumer.irods.errors import NO_COLLECTION, NO_OBJECT, TAKEN, code_of
from consumer.meta import Meta, of_directory, of_file
from consumer.protocol import Finished, Page, Part
from ingest import tasks
from ingest.core import Operation
from ingest.fingerprint import cache_key, fingerprint, same_data
from ingest.job import Counts
from ingest.messages import UNKNOWN, Change, MovePath, Replica, Stat, path_from_wire
from ingest.paths import physical_path, split
from ingest.store import Cached
from scanner.entries import Entry

_PAGE = 5_000
"""Objects of a moved collection between two steps of the store."""
_REGISTERS = frozenset({Operation.REGISTER_SYNC, Operation.REGISTER_AS_REPLICA_SYNC})


def move_path(ctx: Context, task: MovePath, marker: bytes | None) -> Iterator[Page | Finished]:
    """Rename what was moved, and bring the physical paths of registered replicas and the path cache up to date.

    Also when the source has nothing under the new name by now: whatever came after the move is told, too, in its order.
    What cannot be renamed is synced under its new name. Raises what says that source or zone are out of reach.
    """
    old, new = path_from_wire(task.old), path_from_wire(task.new)
    try:
        seen = ctx.source.look(new)
        entry = seen if isinstance(seen, Entry) and (seen.kind == "directory") == task.directory else None
        if task.directory:
            yield from _move_directory(ctx, task, entry, old, new, marker)
        else:
            yield _move_file(ctx, task, entry, old, new)
    except Exception as error:
        if out_of_reach(ctx, error):
            raise
        target = ctx.target(new, directory=task.directory)
        yield Finished(failure=failure(ctx, target, error), target=target)


def _move_file(ctx: Context, task: MovePath, seen: Entry | None, old: bytes, new: bytes) -> Finished:
    source, target = ctx.target(old), ctx.target(new)
    key = cache_key(ctx.job, source, directory=False)
    cached = ctx.store.cached(ctx.cache_space, key[0], key[1:])[0]
    here = look_up(ctx.lister, source)
    replicas = here or look_up(ctx.lister, target)  # an earlier try may have got that far
    if not here:  # or the object was removed, and it is another that the file has replaced
        cached = None
    if not replicas or not isinstance(replicas, list):
        return _synced(ctx, task, Change(task.new), key)
    entry = seen or _as_known(new, replicas[0])
    meta = of_file(ctx.job, entry, target)
    session = ctx.session(meta)
    operation = ctx.handler.operation(session, meta)
    if operation is Operation.NO_OP or source == target or not _rename(ctx, meta, new, source, collection=False):
        return _synced(ctx, task, Change(task.new), key)
    moved = {physical_path(ctx.job.source, old): physical_of(ctx, entry, session, meta)}
    for replica in replicas:
        if replica.path in moved:
            registration.change_path(session, target, replica, moved[replica.path])
    if ctx.job.preserve_mtime and replicas:
        requests.touch(session, target, replicas[0].mtime)
    now = cache_key(ctx.job, target, directory=False)
    if seen is None:
        known = [] if cached is None else [Cached(*now, cached)]
        return Finished(Part(counts=Counts(moved=1), cached=known, uncached=[key]))
    if not _as_before(entry, operation, cached, replicas):
        return _synced(ctx, task, Change(task.new, UNKNOWN, cached), key)
    return Finished(
        Part(counts=Counts(moved=1), cached=[Cached(*now, fingerprint(entry.stat, operation))], uncached=[key])
    )


def _as_known(path: bytes, replica: Replica) -> Entry:
    """The file as the catalog has it, when it has gone on to yet another name, which a later move tells, or is gone."""
    mtime = replica.mtime * 1_000_000_000
    return Entry(path, "regular", Stat(stat.S_IFREG, replica.size, mtime, mtime))


def _as_before(entry: Entry, operation: Operation, cached: int | None, replicas: list[Replica]) -> bool:
    """Whether the file is the one that was synced under its old name. Its ctime tells nothing: a rename sets it.

    What is not in the path cache may have been put from another file, which had the old name a moment later; what is
    registered has no content that could be wrong.
    """
    if cached is not None:
        return same_data(cached, fingerprint(entry.stat, operation))
    now = (entry.stat.size, entry.stat.mtime_ns // 1_000_000_000)
    return operation in _REGISTERS and any((each.size, each.mtime) == now for each in replicas)


def _synced(ctx: Context, task: MovePath, change: Change, uncached: tuple[bytes, bytes]) -> Finished:
    """Look at both names as if they had changed."""
    changes = [change, Change(task.old, gone=True)]
    children = list(tasks.files(ctx.job, task.pass_id, changes))
    return Finished(Part(children, Counts(files=len(changes)), uncached=[uncached]))


def _rename(ctx: Context, meta: Meta, new: bytes, source: str, *, collection: bool) -> bool:
    """Whether what was `source` in the catalog has its new name; False when there is nothing that could be renamed."""
    target, session = meta["target"], ctx.session(meta)
    try:
        try:
            requests.rename(session, source, target, collection=collection)
        except Exception as error:
            if code_of(error) != NO_COLLECTION:
                raise
            collections.create(ctx, split(new)[0], None)
            requests.rename(session, source, target, collection=collection)
    except Exception as error:
        code = code_of(error)
        if code in NO_OBJECT:  # an earlier try may have got that far
            there = collection_exists(ctx.lister, target) if collection else look_up(ctx.lister, target)
            return bool(there)
        if code in TAKEN or code == NO_COLLECTION:
            return False
        raise
    return True


def _move_directory(
    ctx: Context, task: MovePath, seen: Entry | None, old: bytes, new: bytes, marker: bytes | None
) -> Iterator[Page | Finished]:
    source, target = ctx.target(old, directory=True), ctx.target(new, directory=True)
    meta = of_directory(ctx.job, new, target, None if seen is None else seen.stat)
    operation = ctx.handler.operation(ctx.session(meta), meta)
    if operation is Operation.NO_OP or source == target or not _rename(ctx, meta, new, source, collection=True):
        yield Finished(Part(children=[tasks.listing(ctx.job, task.pass_id, new)]))
        return
    yield from _Tree(ctx, old, new, source, target).bring_along(meta, int(marker or 0))


class _Tree:
    """A collection that was renamed, with all below it: physical paths and path cache follow."""

    def __init__(self, ctx: Context, old: bytes, new: bytes, source: str, target: str) -> None:
        self._ctx = ctx
        self._physical = [physical_path(ctx.job.source, each) + "/" for each in (old, new)]
        self._source = source
        self._target = target
        self._cached: list[Cached] = []
        self._uncached: list[tuple[bytes, bytes]] = []

    def bring_along(self, meta: Meta, pages: int) -> Iterator[Page | Finished]:
        """Do so collection by collection, a page of the store at a time; `pages` are in the store already."""
        ctx, session, waiting = self._ctx, self._ctx.session(meta), [self._target]
        while waiting:
            collection = waiting.pop()
            self._recall(collection, [], directories=[collection])
            names: dict[str, None] = {}
            for name, replica in list(objects(ctx.lister, collection)):
                names[name] = None
                if replica.path.startswith(self._physical[0]):
                    physical = self._physical[1] + replica.path[len(self._physical[0]) :]
                    registration.change_path(session, f"{collection}/{name}", replica, physical)
            self._recall(collection, list(names), directories=[])
            waiting += [f"{collection}/{name}" for name in subcollections(ctx.lister, collection)]
            if len(self._uncached) >= _PAGE:
                pages += 1
                yield Page(str(pages).encode(), self._part())
        yield Finished(self._part(Counts(moved=1)))

    def _recall(self, collection: str, names: list[str], *, directories: list[str]) -> None:
        """What the cache knew under the old names holds under the new ones: what is in a directory does not change."""
        ctx = self._ctx
        new = [cache_key(ctx.job, f"{collection}/{name}", directory=False) for name in names]
        new += [cache_key(ctx.job, each, directory=True) for each in directories]
        old_collection = self._source + collection[len(self._target) :]
        old = [cache_key(ctx.job, f"{old_collection}/{name}", directory=False) for name in names]
        old += [cache_key(ctx.job, old_collection, directory=True) for _ in directories]
        if not old:
            return
        known = ctx.store.cached(ctx.cache_space, old[0][0], [name for _, name in old])
        self._uncached += old
        self._cached += [Cached(*key, each) for key, each in zip(new, known, strict=True) if each is not None]

    def _part(self, counts: Counts = Counts()) -> Part:  # noqa: B008 - it is frozen
        part = Part(counts=counts, cached=self._cached, uncached=self._uncached)
        self._cached, self._uncached = [], []
        return part
