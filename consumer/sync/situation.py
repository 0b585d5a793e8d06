"""What the decision about one path depends on."""

from __future__ import annotations

import os

from consumer.irods.sessions import Session
from consumer.sync.context import Context
from consumer.sync.decide import REGISTERS, Impossible, Situation
from consumer.sync.meta import Meta
from consumer.sync.place import Place
from ingest.fingerprint import MARKS, UNFINISHED, fingerprint, replaced, same_data
from ingest.handlers.core import Operation
from ingest.messages import Catalog, Fingerprint, Replica
from ingest.paths import MAX_PATH, physical_path, prefix_of
from scanner.entries import Entry

_PUTS = frozenset({Operation.PUT, Operation.PUT_SYNC, Operation.PUT_APPEND})


def unfit(ctx: Context, entry: Entry, operation: Operation, place: Place) -> str | None:
    """Why an entry cannot be synced with this operation, if so."""
    if entry.kind == "directory":
        return "a directory is where a file was listed: the next pass takes it"
    if operation in _PUTS:
        if entry.broken:
            return "a broken link has no content to put"
        if entry.kind not in ("regular", "link"):
            return f"a {entry.kind} has no content to put"
    if entry.kind in ("regular", "link") and not entry.broken and not ctx.source.readable(entry.path):
        return "not readable for this account"
    if max(len(place.target.encode("utf-8", "surrogateescape")), len(place.source)) > MAX_PATH:
        raise Impossible(f"the path is longer than the {MAX_PATH} bytes that iRODS can hold")
    return None


def situation(
    ctx: Context,
    entry: Entry,
    session: Session,
    meta: Meta,
    operation: Operation,
    catalog: Catalog,
    cached: Fingerprint | None,
) -> Situation:
    """What a decision about an entry depends on; `cached` is the fingerprint of another state of it, if any."""
    now = fingerprint(entry.stat, operation)
    earlier = [each for each in Operation if cached is not None and same_data(cached, fingerprint(entry.stat, each))]
    physical = physical_of(ctx, entry, session, meta)
    return Situation(
        operation=operation,
        stat=entry.stat,
        physical=physical,
        resource=ctx.handler.to_resource(session, meta, allow_redirect=False) or ctx.default_resource,
        catalog=catalog,
        metadata_only=operation in earlier,
        data_changed=cached is not None and not earlier,
        unfinished=cached == UNFINISHED,
        forced=ctx.job.ignore_cache,
        preserve_mtime=ctx.job.preserve_mtime,
        replaced=not ctx.source.appends or cached in MARKS or (cached is not None and replaced(cached, now)),
        lost=_lost(ctx, operation, physical, catalog),
    )


def _lost(ctx: Context, operation: Operation, physical: str, catalog: Catalog) -> frozenset[str]:
    """The physical paths of replicas whose file is absent, if no replica has the wanted path."""
    paths = {replica.path for replica in catalog if isinstance(replica, Replica)}
    if operation not in REGISTERS or physical in paths:
        return frozenset()
    return frozenset(path for path in paths if _is_gone(ctx, os.fsencode(path)))


def _is_gone(ctx: Context, path: bytes) -> bool:
    above = prefix_of(ctx.job.source)
    try:
        return path.startswith(above) and ctx.source.look(path.removeprefix(above)) is None
    except ValueError:  # no path that this source can have
        return False


def physical_of(ctx: Context, entry: Entry, session: Session, meta: Meta) -> str:
    """The physical path that a registration records: the handler's, or that of the file."""
    answer = ctx.handler.target_path(session, meta, allow_redirect=False)
    if answer is not None:
        return os.fspath(answer)
    return physical_path(ctx.job.source, entry.path)
