"""Creates collections from the top down, and runs their hooks once."""

from __future__ import annotations

import os
import secrets
import time
from collections.abc import Iterator
from typing import Any

from consumer.irods import avus, requests
from consumer.irods.catalog import collection_exists
from consumer.irods.errors import ALREADY_EXISTS, code_of
from consumer.sync.contents import Contents
from consumer.sync.context import Context
from consumer.sync.meta import Meta, of_directory
from consumer.sync.place import Place
from ingest.fingerprint import CHANGED, fingerprint, unchanged
from ingest.handlers.core import DeleteMode, Operation
from ingest.messages import Stat
from ingest.store import Cached
from scanner.entries import Entry

LEASE_SECONDS = 60.0
"""How long the creation of one collection, its hooks included, keeps others waiting."""
_LEASE_POLL = 0.05


def create(ctx: Context, path: bytes, stat: Stat | None, **options: Any) -> bool:
    """Create the collection of a source-relative directory, and the missing ones above it. False: it existed.

    Raises the exceptions of hooks and of iRODS.
    """
    place = ctx.place(path, directory=True)
    missing = [(path, place.target, stat)]
    for above_path, above_target in _above(path, place.target):
        if collection_exists(ctx.lister, above_target):
            break
        missing.append((above_path, above_target, None))
    created = False
    for each_path, each_target, each_stat in reversed(missing):
        created = _create_one(ctx, of_directory(ctx.job, each_path, each_target, each_stat), each_target, **options)
    return created


def create_below_known(ctx: Context, place: Place, stat: Stat | None) -> bool:
    """Create one collection whose parent is known to be there: one call. False: it existed."""
    return _create_one(ctx, of_directory(ctx.job, place.path, place.target, stat), place.target)


def modify(ctx: Context, place: Place, stat: Stat | None) -> None:
    """Run the hooks for a changed directory whose collection was there before."""
    meta = of_directory(ctx.job, place.path, place.target, stat)
    ctx.handler.event("coll_modify", _nothing, ctx.log, ctx.session(meta), meta)


def _above(path: bytes, target: str) -> Iterator[tuple[bytes, str]]:
    """The levels above a directory, nearest first; those above the target have paths above the source, too."""
    while target.count("/") > 1:
        target = target.rpartition("/")[0]
        path = os.path.dirname(path) if path else b".."
        yield path, target


def _create_one(ctx: Context, meta: Meta, target: str, **options: Any) -> bool:
    """Create under a lease, so that of several workers only one runs the hooks."""
    lease, owner = f"collection:{target}", secrets.token_hex(8)  # process ids are not unique across hosts
    waited = False
    while not ctx.store.leases.take(lease, owner, LEASE_SECONDS):
        waited = True
        time.sleep(_LEASE_POLL)
    try:
        if waited and collection_exists(ctx.lister, target):
            return False
        session = ctx.session(meta)
        no_op = ctx.handler.operation(session, meta) is Operation.NO_OP
        try:
            ctx.handler.event("coll_create", _nothing if no_op else _create, ctx.log, session, meta, **options)
        except Exception as error:
            if code_of(error) in ALREADY_EXISTS and not ctx.handler.method_in(error):
                return False
            raise
        return True
    finally:
        ctx.store.leases.release(lease, owner)


def _create(_module: Any, _logger: Any, session: Any, meta: Meta, *_: Any, **__: Any) -> None:
    requests.create_collection(session, meta["target"])
    source = os.fsencode(meta["path"])
    try:
        os.path.basename(source).decode()
    except UnicodeDecodeError:
        avus.name_collection(session, meta["target"], source)


def _nothing(*_: Any, **__: Any) -> None:
    """The action of events that change nothing in iRODS."""


class DirectoryCollection:
    """The collection of a directory: whether it exists and what it contains. Each is queried at most once."""

    def __init__(self, ctx: Context, place: Place, entry: Entry, present: bool | None) -> None:
        """`present`: whether the collection exists, if the listing of the parent knew."""
        self._ctx = ctx
        self._place = place
        self._entry = entry
        self._present = False if ctx.job.initial_ingest else present
        self._contents: Contents | None = None
        self._now = CHANGED
        self.created = False
        self.deletes = False
        """Whether what has no source any more is to be deleted in this collection."""

    def ensure(self) -> None:
        """Create the collection, or run the hooks for a changed one; nothing when the cache knows it as it is."""
        ctx, place = self._ctx, self._place
        meta = of_directory(ctx.job, place.path, place.target, self._entry.stat)
        operation = ctx.handler.operation(ctx.session(meta), meta)
        self.deletes = ctx.handler.check_modes(operation, meta) is not DeleteMode.DO_NOT_DELETE
        self._now = fingerprint(self._entry.stat, operation)
        known = None if ctx.job.ignore_cache else ctx.cached(place.key)
        if unchanged(known, self._now) and self._present is not False:
            return
        parent_known = self._present is False and bool(place.path) and not ctx.job.initial_ingest
        if self._present is None:
            self._present = collection_exists(ctx.lister, meta["target"])
        if self._present:
            if ctx.source.has_directories:  # a prefix does not change
                modify(ctx, place, self._entry.stat)
        elif parent_known:
            self.created = create_below_known(ctx, place, self._entry.stat)
        else:
            self.created = create(ctx, place.path, self._entry.stat)
        if operation is Operation.NO_OP:
            self.created = False

    def remember(self) -> list[Cached]:
        """What the path cache is to keep of the directory."""
        return [Cached(*self._place.key, self._now)]

    def contents(self) -> Contents:
        """What is in the collection: two queries, none when it was just created or is to be taken as empty."""
        if self._contents is None:
            if self.created or self._ctx.job.initial_ingest:
                self._contents = Contents((), ())
            else:
                self._contents = Contents.of(self._ctx.lister, self._place.target)
        return self._contents

    def close(self) -> None:
        """Close the contents."""
        if self._contents is not None:
            self._contents.close()
