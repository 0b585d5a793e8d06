"""`--bulk`: new files of a batch registered in one call and one commit, all of them or none.

For files that are new and plain, when no hook of the handler wants to see each of them. Whatever does not fit, and a
batch that the server refuses, is registered one by one.
"""

from __future__ import annotations

from collections.abc import Sequence
from contextlib import closing
from typing import NamedTuple

from consumer.irods import registration, requests
from consumer.irods.errors import describe
from consumer.irods.sessions import Session
from consumer.protocol import Outcome, Result
from consumer.sync.context import Context
from consumer.sync.failures import out_of_reach
from consumer.sync.meta import of_file
from consumer.sync.path_cache import remember
from consumer.sync.situation import unfit
from ingest.handlers.core import Operation
from ingest.messages import GOOD, Change, Replica, path_from_wire
from ingest.paths import join
from scanner.entries import Entry
from scanner.source import Looker

ROWS = 50
"""Rows of one call: from about 100 on a real server at random says that it failed although all is stored."""
NO_MTIME = "no-mtime"


class _Row(NamedTuple):
    change: Change
    entry: Entry
    target: str
    physical: str
    resource: str


def register(ctx: Context, changes: Sequence[Change]) -> dict[str, Outcome]:
    """Register what fits in bulk; outcomes by the path of the change. What is not among them is still to be done."""
    if ctx.job.bulk is None or ctx.handler.hooked("data_obj_create"):
        return {}
    batches: dict[tuple[str, str | None], list[_Row]] = {}
    with closing(ctx.source.looker(listed=not ctx.live)) as looker:
        for change in changes:
            row, user = _row(ctx, looker, change)
            if row is not None:
                batches.setdefault((row.resource, user), []).append(row)
    outcomes: dict[str, Outcome] = {}
    for rows in batches.values():
        for start in range(0, len(rows), ROWS):
            outcomes.update(_register(ctx, rows[start : start + ROWS]))
    return outcomes


def _row(ctx: Context, looker: Looker, change: Change) -> tuple[_Row | None, str | None]:
    """The row for a change that fits, and the user in whose name it is registered."""
    path = path_from_wire(change.path)
    new = not change.catalog or ctx.job.initial_ingest
    try:
        entry = looker.look(path) if new and not change.attempt else None
        if not isinstance(entry, Entry) or entry.kind != "regular":
            return None, None
        target = ctx.target(path)
        physical = join(ctx.job.source, path).decode()
        meta = of_file(ctx.job, entry, target)
        session = ctx.session(meta)
        operation = ctx.handler.operation(session, meta)
        resource = ctx.handler.to_resource(session, meta, allow_redirect=False) or ctx.default_resource
        if operation is not Operation.REGISTER_SYNC or not resource or unfit(ctx, entry, operation, target):
            return None, None
        physical = ctx.handler.target_path(session, meta, allow_redirect=False) or physical
    except Exception as error:  # the single registration will meet it again and tell it
        if out_of_reach(ctx, error):
            raise
        return None, None
    return _Row(change, entry, target, physical, resource), ":".join(ctx.handler.as_user(meta) or ())


def _register(ctx: Context, rows: list[_Row]) -> dict[str, Outcome]:
    session = ctx.session(of_file(ctx.job, rows[0].entry, rows[0].target))
    try:
        leaf = ctx.only_leaf(rows[0].resource)
        if leaf is None:
            return {}
        requests.register_bulk(
            session, [(row.target, row.physical, row.entry.stat.size) for row in rows], leaf.name, leaf.number
        )
    except Exception as error:
        if out_of_reach(ctx, error):
            raise
        ctx.log.info("bulk registration failed, now one by one", reason=describe(error))
        return {}
    return {row.change.path: _outcome(ctx, row) for row in rows if _with_mtime(ctx, session, row, leaf.name)}


def _with_mtime(ctx: Context, session: Session, row: _Row, leaf: str) -> bool:
    """Give a registered object the time of its file, which a bulk registration cannot. False: still to be done."""
    if ctx.job.bulk == NO_MTIME:
        return True
    stat = row.entry.stat
    replica = Replica(0, leaf, row.physical, stat.size, 0, GOOD)
    try:
        mtime = stat.mtime_ns // 1_000_000_000
        registration.update(
            session, row.target, replica, stat.size, mtime, data_changed=False, others=False, checksum=False
        )
    except Exception as error:
        if out_of_reach(ctx, error):
            raise
        return False
    return True


def _outcome(ctx: Context, row: _Row) -> Outcome:
    return Outcome(Result.DONE, cached=remember(ctx, row.change, row.entry, Operation.REGISTER_SYNC))
