"""Collections: created top down with their hooks, once each, whoever comes first."""

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
from ingest.fingerprint import cache_key, fingerprint
from ingest.handlers.core import DeleteMode, Operation
from ingest.messages import Stat
from ingest.store import Cached
from scanner.entries import Entry

LEASE_SECONDS = 60.0
"""How long the creation of one collection, its hooks included, keeps others waiting."""
_LEASE_POLL = 0.05


def create(ctx: Context, path: bytes, stat: Stat | None, **options: Any) -> bool:
    """Create the collection of a source-relative directory, and the missing ones above it. False: it was there.

    Raises what the hooks raise and what iRODS says.
    """
    target = ctx.target(path, directory=True)
    missing = [(path, target, stat)]
    for above_path, above_target in _above(path, target):
        if collection_exists(ctx.lister, above_target):
            break
        missing.append((above_path, above_target, None))
    created = False
    for each_path, each_target, each_stat in reversed(missing):
        created = _create_one(ctx, of_directory(ctx.job, each_path, each_target, each_stat), each_target, **options)
    return created


def create_below_known(ctx: Context, path: bytes, stat: Stat | None) -> bool:
    """Create one collection whose parent is known to be there: one call. False: it was there."""
    target = ctx.target(path, directory=True)
    return _create_one(ctx, of_directory(ctx.job, path, target, stat), target)


def modify(ctx: Context, path: bytes, stat: Stat | None) -> None:
    """Run the hooks for a changed directory whose collection was there before."""
    meta = of_directory(ctx.job, path, ctx.target(path, directory=True), stat)
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
    while not ctx.store.leases.take(lease, owner, time.time(), LEASE_SECONDS):
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
    """The collection of the directory: whether it is there, and what it has, asked at most once each."""

    def __init__(self, ctx: Context, path: bytes, entry: Entry, present: bool | None) -> None:
        """`present`: what the listing of the parent said of the collection, if it knew."""
        self._ctx = ctx
        self._path = path
        self._entry = entry
        self._present = False if ctx.job.initial_ingest else present
        self._contents: Contents | None = None
        self._key = cache_key(ctx.job, ctx.target(path, directory=True), directory=True)
        self._now = 0
        self.created = False
        self.deletes = False
        """Whether what has no source any more is to be deleted in this collection."""

    def ensure(self) -> None:
        """Create the collection, or run the hooks for a changed one; nothing when the cache knows it as it is."""
        ctx, path = self._ctx, self._path
        meta = of_directory(ctx.job, path, ctx.target(path, directory=True), self._entry.stat)
        operation = ctx.handler.operation(ctx.session(meta), meta)
        self.deletes = ctx.handler.check_modes(operation, meta) is not DeleteMode.DO_NOT_DELETE
        self._now = fingerprint(self._entry.stat, operation)
        known = None if ctx.job.ignore_cache else ctx.store.cache.get(ctx.cache_space, self._key[0], self._key[1:])[0]
        if known == self._now and self._present is not False:
            return
        parent_known = self._present is False and bool(path) and not ctx.job.initial_ingest
        if self._present is None:
            self._present = collection_exists(ctx.lister, meta["target"])
        if self._present:
            if ctx.job.s3 is None:  # prefixes do not change
                modify(ctx, path, self._entry.stat)
        elif parent_known:
            self.created = create_below_known(ctx, path, self._entry.stat)
        else:
            self.created = create(ctx, path, self._entry.stat)
        if operation is Operation.NO_OP:
            self.created = False

    def remember(self) -> list[Cached]:
        """What the path cache is to keep of the directory."""
        return [Cached(*self._key, self._now)]

    def contents(self) -> Contents:
        """What is in the collection: two queries, none when it was just created or is to be taken as empty."""
        if self._contents is None:
            if self.created or self._ctx.job.initial_ingest:
                self._contents = Contents((), ())
            else:
                target = self._ctx.target(self._path, directory=True)
                self._contents = Contents.of(self._ctx.lister, target)
        return self._contents

    def close(self) -> None:
        """Give back what the contents hold."""
        if self._contents is not None:
            self._contents.close()
