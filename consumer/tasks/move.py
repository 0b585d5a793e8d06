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
from consumer.sync.place import Place
from consumer.sync.situation import physical_of
from consumer.sync.vanished import remove_replaced
from ingest import tasks
from ingest.fingerprint import cache_key, fingerprint, same_data
from ingest.handlers.core import Operation
from ingest.job import Counts
from ingest.messages import UNKNOWN, Catalog, Change, MovePath, Replica, Stat
from ingest.paths import physical_path, split
from ingest.store import Cached
from scanner.entries import Entry

_PAGE = 250
"""Objects and collections of a moved tree between two steps of the store: so many calls, for registered data."""
_RENAMING = b"0"
"""The cursor of a move whose collection is being renamed: nothing below it is brought along yet."""


def move_path(ctx: Context, task: MovePath, cursor: bytes | None) -> Iterator[Page | Finished]:
    """Rename what was moved, and bring the physical paths of registered replicas and the path cache up to date.

    The rename happens even if the source has nothing under the new name any more: the watcher reports later changes in
    their order. If the rename is impossible, the new name is synced. Raises an exception if the source or the zone is
    out of reach.
    """
    old, new = (ctx.place(path, directory=task.directory) for path in (task.old, task.new))
    try:
        seen = ctx.source.look(new.path)
        entry = seen if isinstance(seen, Entry) and (seen.kind == "directory") == task.directory else None
        if task.directory:
            yield from _move_directory(ctx, task, entry, old, new, cursor)
        else:
            yield _move_file(ctx, task, entry, old, new)
    except Exception as error:
        if out_of_reach(ctx, error):
            raise
        yield Finished(failure=failure(ctx, new.target, error), target=new.target)


def _move_file(ctx: Context, task: MovePath, seen: Entry | None, old: Place, new: Place) -> Finished:
    source, target = old.target, new.target
    cached = ctx.cached(old.key)
    here = look_up(ctx.lister, source)
    replicas = here or look_up(ctx.lister, target)  # an earlier try may have got that far
    if not here:  # or the object was removed, and it is another that the file has replaced
        cached = None
    if not replicas or not isinstance(replicas, list):
        return _synced(ctx, task, Change(task.new), old.key)
    entry = seen or _as_known(new.path, replicas[0])
    meta = of_file(ctx.job, entry, new)
    session = ctx.session(meta)
    operation = ctx.handler.operation(session, meta)
    renames = operation is not Operation.NO_OP and source != target
    if not renames or (here and not _rename(ctx, meta, new, source, collection=False)):
        return _synced(ctx, task, Change(task.new), old.key)
    was = msgspec.structs.replace(entry, path=old.path)
    before = physical_of(ctx, was, session, of_file(ctx.job, was, old))
    for replica in replicas:
        if replica.path == before:
            registration.change_path(session, target, replica, physical_of(ctx, entry, session, meta))
    if ctx.job.preserve_mtime and replicas:
        requests.touch(session, target, replicas[0].mtime)
    if seen is None:
        known = [] if cached is None else [Cached(*new.key, cached)]
        return Finished(Part(counts=Counts(moved=1), cached=known, uncached=[old.key]))
    if not _as_before(entry, operation, cached, replicas):
        return _synced(ctx, task, Change(task.new, UNKNOWN, cached), old.key)
    return Finished(
        Part(counts=Counts(moved=1), cached=[Cached(*new.key, fingerprint(entry.stat, operation))], uncached=[old.key])
    )


def _as_known(path: bytes, replica: Replica) -> Entry:
    """The file as the catalog records it, if it has moved again (a later move handles that) or is absent."""
    mtime = replica.mtime * 1_000_000_000
    return Entry(path, "regular", Stat(stat.S_IFREG, replica.size, mtime, mtime))


def _as_before(entry: Entry, operation: Operation, cached: int | None, replicas: list[Replica]) -> bool:
    """Whether the file is the one that was synced under its old name. Its ctime is ignored: a rename sets it.

    What is not in the path cache may have been put from another file, which had the old name a moment later; what is
    registered has no content that could be wrong.
    """
    if cached is not None:
        return same_data(cached, fingerprint(entry.stat, operation))
    now = (entry.stat.size, entry.stat.mtime_ns // 1_000_000_000)
    return operation in REGISTERS and any((each.size, each.mtime) == now for each in replicas)


def _synced(ctx: Context, task: MovePath, change: Change, uncached: tuple[bytes, bytes]) -> Finished:
    """Sync both names as if they had changed."""
    changes = [change, Change(task.old, gone=True)]
    children = list(tasks.files(ctx.job, task.pass_id, changes))
    return Finished(Part(children, Counts(files=len(changes)), uncached=[uncached]))


def _rename(ctx: Context, meta: Meta, new: Place, source: str, *, collection: bool) -> bool:
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


def _makes_way(ctx: Context, new: Place, code: int | None, *, collection: bool) -> bool:
    """Whether the obstacle of a rename is removed: a missing collection, or an empty one under the new name."""
    if code == NO_COLLECTION:
        collections.create(ctx, split(new.path)[0], None)
        return True
    return collection and code == TAKEN_BY_COLLECTION and remove_replaced(ctx, new)


def _move_directory(
    ctx: Context, task: MovePath, seen: Entry | None, old: Place, new: Place, cursor: bytes | None
) -> Iterator[Page | Finished]:
    source, target = old.target, new.target
    meta = of_directory(ctx.job, new.path, target, None if seen is None else seen.stat)
    operation = ctx.handler.operation(ctx.session(meta), meta)
    renames = operation is not Operation.NO_OP and source != target
    if renames and cursor is None and (renames := collection_exists(ctx.lister, source)):
        yield Page(_RENAMING, Part())  # if it is absent at the next try, this try has renamed it
    stored = int(cursor or _RENAMING)
    if renames and (stored or _rename(ctx, meta, new, source, collection=True)):
        yield from _Tree(ctx, old, new).bring_along(ctx.session(meta), stored)
    else:
        yield Finished(Part(children=[tasks.listing(ctx.job, task.pass_id, new.path)]))


class _Tree:
    """A collection that was renamed, with all below it: physical paths and path cache follow.

    `below` is a logical path relative to the collection, with a leading slash.
    """

    def __init__(self, ctx: Context, old: Place, new: Place) -> None:
        self._ctx = ctx
        self._places = old, new
        self._targets = old.target, new.target
        self._cached: list[Cached] = []
        self._uncached: list[tuple[bytes, bytes]] = []

    def bring_along(self, session: Session, stored: int) -> Iterator[Page | Finished]:
        """Update the physical paths and the path cache, page by page; the first `stored` items are done.

        An interrupted walk starts again from the top, which costs only listings. Each page restarts the timeout, but
        the cursor rises only when the walk passes the stored position.
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
            if isinstance(replica, Replica) and (physical := self._new_path(session, below, replica)) is not None:
                registration.change_path(session, self._targets[1] + below, replica, physical)

    def _new_path(self, session: Session, below: str, replica: Replica) -> str | None:
        """The new physical path of a replica; None if it was not below the moved directory, or is up to date."""
        ctx = self._ctx
        if not ctx.handler.has("target_path"):  # names may be mapped: there is no way back from the logical path
            before, now = (physical_path(ctx.job.source, place.path) + "/" for place in self._places)
            return now + replica.path.removeprefix(before) if replica.path.startswith(before) else None
        before, now = (self._physical(session, replica, place, below) for place in self._places)
        return now if replica.path == before != now else None

    def _physical(self, session: Session, replica: Replica, moved: Place, below: str) -> str:
        job, name, target = self._ctx.job, below.encode("utf-8", "surrogateescape"), moved.target + below
        place = Place(moved.path + name, moved.source + name, target, cache_key(job, target, directory=False))
        entry = _as_known(place.path, replica)
        return physical_of(self._ctx, entry, session, of_file(job, entry, place))

    def _recall(self, met: Sequence[tuple[str, bool]]) -> None:
        """Copy cached fingerprints from the old names to the new ones: a move does not change the content.

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
