"""The file topic: a batch of paths, each looked at again, decided on its own, and synced."""

from __future__ import annotations

import time
from collections.abc import Iterator, Mapping
from contextlib import closing

import msgspec

from consumer.irods.catalog import look_up
from consumer.irods.errors import ALREADY_EXISTS, BLOCKED, NO_OBJECT, code_of, connection_lost
from consumer.irods.sessions import Session, check_login
from consumer.protocol import Outcome, PathDone, Result
from consumer.sync.actions import ActionRun
from consumer.sync.candidates import SourceView
from consumer.sync.context import Context
from consumer.sync.decide import Action, Impossible, decide
from consumer.sync.failures import failure, out_of_reach, zone_answers
from consumer.sync.meta import Meta, of_file
from consumer.sync.path_cache import remember
from consumer.sync.situation import situation, unfit
from consumer.sync.vanished import clear_the_way, delete_vanished
from ingest.fingerprint import fingerprint
from ingest.handlers.core import Operation
from ingest.messages import COLLECTION, UNKNOWN, Catalog, Change, SyncFiles, path_from_wire
from ingest.paths import split
from scanner.entries import Entry, Skipped, why
from scanner.source import Looker

_LOOKS = 3
"""How often a path is decided anew when the catalog has changed under our hands."""


def sync_files(ctx: Context, task: SyncFiles, done: Mapping[str, Outcome]) -> Iterator[PathDone]:
    """Sync the paths of a batch in their order; one result each. `done` has those of paths that were synced before.

    Raises Unreachable when the zone does not answer.
    """
    view = SourceView(ctx)
    with closing(ctx.source.looker(listed=not ctx.live)) as looker:
        for change in task.changes:
            path = path_from_wire(change.path)
            target = ctx.target(path)
            yield PathDone(target, done.get(change.path) or _sync_one(view, looker, change, path, target))


def _sync_one(view: SourceView, looker: Looker, change: Change, path: bytes, target: str) -> Outcome:
    ctx = view.ctx
    try:
        entry = looker.look(path)
        if entry is None:  # it vanished since it was listed
            return delete_vanished(view, change, target) if change.gone else Outcome(Result.SKIPPED)
        if change.gone and isinstance(entry, Entry) and entry.kind == "directory":
            return delete_vanished(view, change, target, taken_by="directory")
        if isinstance(entry, Skipped):
            result = Result.FAILED if entry.failed else Result.SKIPPED
            return Outcome(result, reason="" if entry.excluded else entry.reason)
        return _retrying_once(ctx, change, entry, target)
    except Exception as error:
        if out_of_reach(ctx, error):
            raise
        ctx.source.look(b"")  # raises when the source is out of sight: then nothing is known of any path
        if isinstance(error, (FileNotFoundError, PermissionError)) and error.filename in (path, split(path)[1]):
            return Outcome(Result.SKIPPED, reason=why(error) if isinstance(error, PermissionError) else "")
        return failure(ctx, target, error)


def _retrying_once(ctx: Context, change: Change, entry: Entry, target: str) -> Outcome:
    """Sync an entry; once more in a new session when the connection broke although the zone answers.

    When it breaks again and the zone answers still, it is this path that breaks it, and waiting would not help.
    """
    try:
        return _sync_entry(ctx, change, entry, target)
    except Exception as error:
        if ctx.live and ctx.job.s3 is not None and code_of(error) in BLOCKED:
            removed = clear_the_way(ctx, entry.path)
            return msgspec.structs.replace(_sync_entry(ctx, change, entry, target), uncached=removed)
        if not connection_lost(error):
            raise
    ctx.sessions.close()
    check_login(ctx.sessions)
    try:
        return _sync_entry(ctx, change, entry, target)
    except Exception as error:
        if not connection_lost(error) or not zone_answers(ctx):
            raise
        return failure(ctx, target, error)


def _sync_entry(ctx: Context, change: Change, entry: Entry, target: str) -> Outcome:
    meta = of_file(ctx.job, entry, target)
    session = ctx.session(meta)
    operation = ctx.handler.operation(session, meta)
    ctx.handler.check_modes(operation, meta)
    if operation is Operation.PUT and _is_young(ctx, entry):  # what is put half stays so
        return Outcome(Result.SKIPPED if change.waited else Result.UNSETTLED)  # its writer's next event brings it
    reason = unfit(ctx, entry, operation, target)
    if reason:
        ctx.source.look(b"")  # raises when the source is out of sight: it looks unreadable, too
        return Outcome(Result.SKIPPED, reason=reason)
    catalog: Catalog = [] if ctx.job.initial_ingest and not change.attempt else change.catalog
    if catalog == UNKNOWN and not change.attempt and change.cached == fingerprint(entry.stat, operation):
        return Outcome(Result.UNCHANGED)
    for _ in range(_LOOKS):
        if catalog == UNKNOWN:
            catalog = look_up(ctx.lister, target)
        if ctx.live and ctx.job.s3 is None and catalog == COLLECTION:
            return Outcome(Result.SKIPPED, reason="a directory had this name: the scan of the one above it takes it")
        try:
            return _act(ctx, change, entry, session, meta, operation, catalog)
        except Exception as error:
            if code_of(error) not in ALREADY_EXISTS | NO_OBJECT or ctx.handler.method_in(error):
                raise
            again, catalog = catalog, look_up(ctx.lister, target)
            if again == catalog:
                raise
    raise Impossible("the data object keeps changing while it is synced")


def _is_young(ctx: Context, entry: Entry) -> bool:
    """Whether a scan of a watched source has come upon a file that has not been left alone for long enough."""
    return not ctx.live and 0 <= time.time() - entry.stat.mtime_ns / 1_000_000_000 < ctx.job.quiet


def _act(
    ctx: Context,
    change: Change,
    entry: Entry,
    session: Session,
    meta: Meta,
    operation: Operation,
    catalog: Catalog,
) -> Outcome:
    seen = situation(ctx, entry, session, meta, operation, catalog, change.cached)
    decision = decide(seen)
    if decision.note:
        ctx.log.warning(decision.note, target=meta["target"])
    act = ActionRun(ctx, entry, seen, decision)
    if decision.do is not Action.NOTHING:
        act.run(session, meta)
    result = Result.UNCHANGED if decision.do is Action.NOTHING else Result.DONE
    return Outcome(result, bytes=act.bytes, cached=remember(ctx, change, entry, operation))
