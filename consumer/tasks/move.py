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
from consumer.sync.deletion_candidates import SourceView
from consumer.sync.failures import failure, out_of_reach
from consumer.sync.meta import Meta, of_directory, of_file
from consumer.sync.place import Place
from consumer.sync.situation import physical_of
from consumer.sync.vanished import delete_vanished, remove_replaced
from ingest import tasks
from ingest.fingerprint import CHANGED, MARKS, cache_key, fingerprint, mark_of, same_data, same_file
from ingest.handlers.core import Operation
from ingest.job import Counts
from ingest.messages import Catalog, Change, Fingerprint, MovePath, Replica, Stat
from ingest.paths import physical_path, split
from ingest.store import Cached
from ingest.store.moves import follow
from scanner.entries import Entry

_PAGE = 250
"""Objects and collections of a moved tree between two steps of the store: so many calls, for registered data."""
_RENAMING = b"0"
"""The cursor of a move whose collection is being renamed: nothing below it is brought along yet."""


def move_path(ctx: Context, task: MovePath, cursor: bytes | None) -> Iterator[Page | Finished]:
    """Rename what was moved, and bring the physical paths of registered replicas and the path cache up to date.

    A move is a cheaper deletion and creation, nothing else. It happens only if what lies at the new name now, or where
    later moves have brought it, is what the old name's object was made from. Otherwise both names are synced, each from
    what the source is now. Raises an exception if the source or the zone is out of reach.
    """
    old, new = (ctx.place(path, directory=task.directory) for path in (task.old, task.new))
    try:
        entry, here = _moved(ctx, task, old, new)
        if task.directory:
            yield from _move_directory(ctx, task, entry, old, new, cursor)
        elif entry is None:
            yield _synced(ctx, task, old, new)
        else:
            yield from _move_file(ctx, task, entry, old, new, here=here, begun=cursor is not None)
    except Exception as error:
        if out_of_reach(ctx, error):
            raise
        yield Finished(failure=failure(ctx, new.target, error), target=new.target)


def _moved(ctx: Context, task: MovePath, old: Place, new: Place) -> tuple[Entry | None, bool]:
    """What was moved, as it is now, and whether it is still at the new name; None if that cannot be shown.

    The inode shows it. Where inodes are not stable, or the path cache was lost, an absent old name must do. If there is
    a new file of the old name, a program has saved it that way: the object keeps its name.
    """
    moves = ctx.store.moves.later(task.job, task.task)
    later = follow(new.path, moves)
    seen = ctx.source.look(later)
    if not isinstance(seen, Entry) or (seen.kind == "directory") != task.directory:
        return None, False
    was, now = ctx.cached(old.key), fingerprint(seen.stat, Operation.NO_OP)
    unknown = was is None or 0 in (was.inode, now.inode)
    back = ctx.source.look(old.path)
    saved = not task.directory and back is not None and back.kind != "directory"
    if (saved and not any(each.new == old.path for each in moves)) or (back is not None and unknown):
        return None, False
    if was in MARKS or (was is not None and not unknown and not same_file(was, now)):
        return None, False
    return msgspec.structs.replace(seen, path=new.path), later == new.path


def _move_file(
    ctx: Context, task: MovePath, entry: Entry, old: Place, new: Place, *, here: bool, begun: bool
) -> Iterator[Page | Finished]:
    source, target = old.target, new.target
    cached = ctx.cached(old.key)
    meta = of_file(ctx.job, entry, new)
    session = ctx.session(meta)
    operation = ctx.handler.operation(session, meta)
    found = [] if operation is Operation.NO_OP or source == target else look_up(ctx.lister, source)
    replicas = found or (look_up(ctx.lister, target) if begun else [])
    if not replicas or not isinstance(replicas, list):
        yield _synced(ctx, task, old, new)
        return
    if not begun:  # if this worker dies after the rename, nobody takes the object for one that was made from the file
        yield Page(_RENAMING, Part(cached=[Cached(*new.key, mark_of(ctx.cached(new.key)))]))
    if found and not _rename(ctx, meta, new, source, collection=False):
        yield _synced(ctx, task, old, new)
        return
    was = msgspec.structs.replace(entry, path=old.path)
    before = physical_of(ctx, was, session, of_file(ctx.job, was, old))
    for replica in replicas:
        if replica.path == before:
            registration.change_path(session, target, replica, physical_of(ctx, entry, session, meta))
    if ctx.job.preserve_mtime:
        requests.touch(session, target, replicas[0].mtime)
    yield _remembered(ctx, task, old, new, cached, replicas, operation, here=here)


def _remembered(
    ctx: Context,
    task: MovePath,
    old: Place,
    new: Place,
    cached: Fingerprint | None,
    replicas: Sequence[Replica],
    operation: Operation,
    *,
    here: bool,
) -> Finished:
    """The end of a move whose object has its new name. What has changed meanwhile is synced."""
    if not here:  # a later move takes the object further, and sees whether the file has changed
        known = [Cached(*new.key, cached or CHANGED)]
        return Finished(Part(counts=Counts(moved=1), cached=known, uncached=[old.key]))
    seen = ctx.source.look(new.path)
    if not isinstance(seen, Entry) or not _is_as_before(seen, operation, cached, replicas):
        return _synced(ctx, task, old, new)
    known = [Cached(*new.key, fingerprint(seen.stat, operation))]
    return Finished(Part(counts=Counts(moved=1), cached=known, uncached=[old.key]))


def _is_as_before(entry: Entry, operation: Operation, cached: Fingerprint | None, replicas: Sequence[Replica]) -> bool:
    """Whether the file is the one that was synced under its old name. Its ctime is ignored: a rename sets it.

    Without inodes, equal size and mtime may be those of another file, so that its content is put once more. What is
    registered has no content that could be wrong.
    """
    now = fingerprint(entry.stat, operation)
    if cached is not None and same_file(cached, now):
        return same_data(cached, now)
    here = (entry.stat.size, entry.stat.mtime_ns // 1_000_000_000)
    return operation in REGISTERS and any((each.size, each.mtime) == here for each in replicas)


def _synced(ctx: Context, task: MovePath, old: Place, new: Place) -> Finished:
    """Sync both names, each from what the source is now; what lies at the new name counts as changed data.

    With --max-delete only a scan deletes: it judges all absent names together.
    """
    gone = ctx.job.max_delete is None
    changes = [Change(task.new, gone=gone), Change(task.old, gone=gone)]
    children = list(tasks.files(ctx.job, task.pass_id, changes))
    known = [Cached(*new.key, mark_of(ctx.cached(new.key)))]
    was = ctx.cached(old.key)
    if was is not None and was not in MARKS:
        known.append(Cached(*old.key, CHANGED))
    return Finished(Part(children, Counts(files=len(changes)), cached=known))


def _as_known(path: bytes, replica: Replica) -> Entry:
    """The file of a replica as the catalog records it."""
    mtime = replica.mtime * 1_000_000_000
    return Entry(path, "regular", Stat(stat.S_IFREG, replica.size, mtime, mtime))


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
    """Whether the obstacle of a rename is removed.

    It is a missing collection. Or, for a directory, it is an empty collection or a data object under the new name.
    """
    if code == NO_COLLECTION:
        collections.create(ctx, split(new.path)[0], None)
        return True
    if not collection or code not in TAKEN:
        return False
    if code == TAKEN_BY_COLLECTION:
        return remove_replaced(ctx, new)
    delete_vanished(SourceView(ctx), ctx.place(new.path), taken_by="directory")
    return True  # if the object remains, the server says so once more


def _move_directory(
    ctx: Context, task: MovePath, seen: Entry | None, old: Place, new: Place, cursor: bytes | None
) -> Iterator[Page | Finished]:
    source, target = old.target, new.target
    meta = of_directory(ctx.job, new.path, target, None if seen is None else seen.stat)
    operation = ctx.handler.operation(ctx.session(meta), meta)
    renames = operation is not Operation.NO_OP and source != target and (seen is not None or cursor is not None)
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
