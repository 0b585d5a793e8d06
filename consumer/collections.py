"""Collections: created top down with their hooks, once each, whoever comes first."""

from __future__ import annotations

import os
import time
from collections.abc import Iterator
from typing import Any

from consumer.context import Context
from consumer.irods import requests
from consumer.irods.catalog import collection_exists
from consumer.irods.errors import ALREADY_EXISTS, code_of
from consumer.meta import Meta, of_directory
from ingest.core import Operation
from ingest.messages import Stat

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
    lease, owner = f"collection:{target}", f"{os.getpid()}:{id(ctx)}"
    waited = False
    while not ctx.store.lease(lease, owner, time.time(), LEASE_SECONDS):
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
            if code_of(error) in ALREADY_EXISTS:
                return False
            raise
        return True
    finally:
        ctx.store.release(lease, owner)


def _create(_module: Any, _logger: Any, session: Any, meta: Meta, *_: Any, **__: Any) -> None:
    requests.create_collection(session, meta["target"])


def _nothing(*_: Any, **__: Any) -> None:
    """The action of events that change nothing in iRODS."""
