"""A move in the source becomes a rename in the catalog: no bytes travel, AVUs and permissions stay.

Every step may be done twice: a rename whose answer was lost is recognised by what is under the new name.
"""

from __future__ import annotations

import stat
from collections.abc import Iterator, Sequence
from contextlib import closing

import msgspec

from consumer.irods import registration, requests
from consumer.irods.catalog import collection_exists, look_up
from consumer.irods.errors import NO_COLLECTION, NO_OBJECT, TAKEN, TAKEN_BY_COLLECTION, code_of
from consumer.irods.sessions import Session
from consumer.protocol import Finished, Page, Part
from consumer.sync import collections
from consumer.sync.contents import Contents
from consumer.sync.context import Context
from consumer.sync.decide import REGISTERS
from consumer.sync.failures import failure, out_of_reach
from consumer.sync.meta import Meta, of_directory, of_file
from consumer.sync.situation import physical_of
from consumer.sync.vanished import remove_replaced
from ingest import tasks
from ingest.fingerprint import cache_key, fingerprint, same_data
from ingest.handlers.core import Operation
from ingest.job import Counts
from ingest.messages import UNKNOWN, Catalog, Change, MovePath, Replica, Stat, path_from_wire
from ingest.paths import physical_path, split
from ingest.store import Cached
from scanner.entries import Entry

_PAGE = 250
"""Objects and collections of a moved tree between two steps of the store: so many calls, for registered data."""
_RENAMING = b"0"
"""The cursor of a move whose collection is being renamed: nothing below it is brought along yet."""


def move_path(ctx: Context, task: MovePath, cursor: bytes | None) -> Iterator[Page | Finished]:
    """Rename what was moved, and bring the physical paths of registered replicas and the path cache up to date.

    Also when the source has nothing under the new name by now: whatever came after the move is told, too, in its order.
    What cannot be renamed is synced under its new name. Raises what says that source or zone are out of reach.
    """
    old, new = path_from_wire(task.old), path_from_wire(task.new)
    try:
        seen = ctx.source.look(new)
        entry = seen if isinstance(seen, Entry) and (seen.kind == "directory") == task.directory else None
        if task.directory:
            yield from _move_directory(ctx, task, entry, old, new, cursor)
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
    cached = ctx.store.cache.get(ctx.cache_space, key[0], key[1:])[0]
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
    renames = operation is not Operation.NO_OP and source != target
    if not renames or (here and not _rename(ctx, meta, new, source, collection=False)):
        return _synced(ctx, task, Change(task.new), key)
    was = msgspec.structs.replace(entry, path=old)
    before = physical_of(ctx, was, session, of_file(ctx.job, was, source))
    for replica in replicas:
        if replica.path == before:
            registration.change_path(session, target, replica, physical_of(ctx, entry, session, meta))
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
    return operation in REGISTERS and any((each.size, each.mtime) == now for each in replicas)


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
            if not _makes_way(ctx, new, code_of(error), collection=collection):
                raise
            requests.rename(session, source, target, collection=collection)
    except Exception as error:
        code = code_of(error)
        if code in NO_OBJECT:  # an earlier try may have got that far
            return collection and collection_exists(ctx.lister, target)
        if code in TAKEN or code == NO_COLLECTION:
            return False
        raise
    return True


def _makes_way(ctx: Context, new: bytes, code: int | None, *, collection: bool) -> bool:
    """Whether what was in the way of a rename is no more: a missing collection, or an empty one."""
    if code == NO_COLLECTION:
        collections.create(ctx, split(new)[0], None)
        return True
    return collection and code == TAKEN_BY_COLLECTION and remove_replaced(ctx, new)


def _move_directory(
    ctx: Context, task: MovePath, seen: Entry | None, old: bytes, new: bytes, cursor: bytes | None
) -> Iterator[Page | Finished]:
    source, target = ctx.target(old, directory=True), ctx.target(new, directory=True)
    meta = of_directory(ctx.job, new, target, None if seen is None else seen.stat)
    operation = ctx.handler.operation(ctx.session(meta), meta)
    renames = operation is not Operation.NO_OP and source != target
    if renames and cursor is None and (renames := collection_exists(ctx.lister, source)):
        yield Page(_RENAMING, Part())  # when it is gone at the next try, it was this one that renamed it
    stored = int(cursor or _RENAMING)
    if renames and (stored or _rename(ctx, meta, new, source, collection=True)):
        yield from _Tree(ctx, old, new).bring_along(ctx.session(meta), stored)
    else:
        yield Finished(Part(children=[tasks.listing(ctx.job, task.pass_id, new)]))


class _Tree:
    """A collection that was renamed, with all below it: physical paths and path cache follow.

    What lies in it goes by its logical path below it, which begins with a slash.
    """

    def __init__(self, ctx: Context, old: bytes, new: bytes) -> None:
        self._ctx = ctx
        self._paths = old, new
        self._targets = ctx.target(old, directory=True), ctx.target(new, directory=True)
        self._cached: list[Cached] = []
        self._uncached: list[tuple[bytes, bytes]] = []

    def bring_along(self, session: Session, stored: int) -> Iterator[Page | Finished]:
        """Do so, a page of the store at a time; so much of it is `stored` already.

        An interrupted walk begins anew, which costs listings only. Its pages give it time, but another cursor only when
        it has come farther than before.
        """
        number, waiting = 0, [""]
        self._recall([("", True)])
        while waiting:
            above, met = waiting.pop(), list[tuple[str, bool]]()
            with closing(Contents.of(self._ctx.lister, self._targets[1] + above)) as contents:
                for name, is_collection in contents.names():
                    below = f"{above}/{name}"
                    met.append((below, is_collection))
                    if is_collection:
                        waiting.append(below)
                    else:
                        self._change_paths(session, below, contents[name])
                    number += 1
                    if number % _PAGE == 0:
                        self._recall(met)
                        met = []
                        part = self._part() if number > stored else Part()
                        yield Page(str(max(number, stored)).encode(), part)
            self._recall(met)
        yield Finished(self._part(Counts(moved=1)))

    def _change_paths(self, session: Session, below: str, replicas: Catalog) -> None:
        for replica in replicas:
            if isinstance(replica, Replica) and (physical := self._lies(session, below, replica)) is not None:
                registration.change_path(session, self._targets[1] + below, replica, physical)

    def _lies(self, session: Session, below: str, replica: Replica) -> str | None:
        """Where the file of a replica lies now; None: it did not lie in what was moved, or its new path is known."""
        ctx = self._ctx
        if not ctx.handler.has("target_path"):  # names may be mapped: there is no way back from the logical path
            before, now = (physical_path(ctx.job.source, path) + "/" for path in self._paths)
            return now + replica.path.removeprefix(before) if replica.path.startswith(before) else None
        name = below.encode("utf-8", "surrogateescape")
        entries = [_as_known(path + name, replica) for path in self._paths]
        before, now = (
            physical_of(ctx, entry, session, of_file(ctx.job, entry, target + below))
            for entry, target in zip(entries, self._targets, strict=True)
        )
        return now if replica.path == before != now else None

    def _recall(self, met: Sequence[tuple[str, bool]]) -> None:
        """What the cache knew under the old names holds under the new ones: what is in a directory does not change.

        Names of one collection, and whether each is a collection itself.
        """
        ctx = self._ctx
        old, new = (
            [cache_key(ctx.job, target + below, directory=is_collection) for below, is_collection in met]
            for target in self._targets
        )
        known = ctx.store.cache.get(ctx.cache_space, old[0][0], [name for _, name in old]) if met else ()
        for before, now, each in zip(old, new, known, strict=True):
            if each is not None:
                self._uncached.append(before)
                self._cached.append(Cached(*now, each))

    def _part(self, counts: Counts = Counts()) -> Part:  # noqa: B008 - it is frozen
        part = Part(counts=counts, cached=self._cached, uncached=self._uncached)
        self._cached, self._uncached = [], []
        return part
