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
from consumer.sync.context import Context
from consumer.sync.decide import Action, Impossible, decide
from consumer.sync.deletion_candidates import SourceView
from consumer.sync.failures import failure, out_of_reach, zone_answers
from consumer.sync.meta import Meta, of_file
from consumer.sync.path_cache import remember
from consumer.sync.place import Place
from consumer.sync.situation import situation, unfit
from consumer.sync.vanished import clear_the_way, delete_vanished
from ingest.fingerprint import UNFINISHED, fingerprint, mark_of, unchanged
from ingest.handlers.core import Operation
from ingest.messages import COLLECTION, UNKNOWN, Catalog, Change, SyncFiles
from ingest.paths import split
from ingest.store import Cached
from scanner.entries import Entry, Skipped, why
from scanner.source import Looker

_LOOKS = 3
"""Decisions on one path at most, if the catalog changes meanwhile."""


def sync_files(ctx: Context, task: SyncFiles, done: Mapping[str, Outcome]) -> Iterator[PathDone]:
    """Sync the paths of a batch in their order; one result each. `done` has those of paths that were synced before.

    Raises Unreachable when the zone does not answer.
    """
    view = SourceView(ctx)
    with closing(ctx.source.looker(listed=not ctx.live)) as looker:
        for change in task.changes:
            place, since, outcome = ctx.place(change.path), time.monotonic(), done.get(change.path)
            alone = outcome is None
            outcome = outcome or _sync_one(view, looker, change, place)
            yield PathDone(place.target, outcome, time.monotonic() - since if alone else None)


def _sync_one(view: SourceView, looker: Looker, change: Change, place: Place) -> Outcome:
    ctx = view.ctx
    ctx.begun = None
    try:
        entry = looker.look(place.path)
        if entry is None:  # it vanished since it was listed
            return delete_vanished(view, place) if change.gone else Outcome(Result.SKIPPED)
        if change.gone and isinstance(entry, Entry) and entry.kind == "directory":
            return delete_vanished(view, place, taken_by="directory")
        if isinstance(entry, Skipped):
            result = Result.FAILED if entry.failed else Result.SKIPPED
            return Outcome(result, reason="" if entry.excluded else entry.reason)
        return _retrying_once(ctx, change, place, entry)
    except Exception as error:
        if out_of_reach(ctx, error):
            raise
        ctx.source.look(b"")  # raises SourceNotVisible if the whole source is out of reach
        if isinstance(error, (FileNotFoundError, PermissionError)) and error.filename in (
            place.path,
            split(place.path)[1],
        ):
            return Outcome(Result.SKIPPED, reason=why(error) if isinstance(error, PermissionError) else "")
        return _failed(ctx, place, error)


def _failed(ctx: Context, place: Place, error: Exception) -> Outcome:
    """The failure of a path. If its object was about to be changed, the path cache notes that."""
    outcome = failure(ctx, place.target, error)
    if ctx.begun is None or ctx.begun[0] != place.key:
        return outcome
    return msgspec.structs.replace(outcome, cached=[Cached(*place.key, ctx.begun[1])])


def _retrying_once(ctx: Context, change: Change, place: Place, entry: Entry) -> Outcome:
    """Sync an entry; if the connection broke although the zone answers, try once more in a new session.

    If it breaks again although the zone answers, this path is the cause, and the path has failed.
    """
    try:
        return _sync_entry(ctx, change, place, entry)
    except Exception as error:
        if ctx.live and not ctx.source.has_directories and code_of(error) in BLOCKED:
            removed = clear_the_way(ctx, place.path)
            return msgspec.structs.replace(_sync_entry(ctx, change, place, entry), uncached=removed)
        if not connection_lost(error):
            raise
    ctx.sessions.close()
    check_login(ctx.sessions)
    if ctx.begun is not None:
        change = msgspec.structs.replace(change, catalog=UNKNOWN, cached=ctx.begun[1])
    try:
        return _sync_entry(ctx, change, place, entry)
    except Exception as error:
        if not connection_lost(error) or not zone_answers(ctx):
            raise
        return _failed(ctx, place, error)


def _sync_entry(ctx: Context, change: Change, place: Place, entry: Entry) -> Outcome:
    meta = of_file(ctx.job, entry, place)
    session = ctx.session(meta)
    operation = ctx.handler.operation(session, meta)
    if operation is Operation.PUT and _is_young(ctx, entry):  # what is put half stays so
        return Outcome(Result.SKIPPED if change.waited else Result.UNSETTLED)  # its writer's next event brings it
    reason = unfit(ctx, entry, operation, place)
    if reason:
        ctx.source.look(b"")  # raises SourceNotVisible if the whole source is out of reach
        return Outcome(Result.SKIPPED, reason=reason)
    catalog: Catalog = [] if ctx.job.initial_ingest and not change.attempt else change.catalog
    if catalog == UNKNOWN and not change.attempt and unchanged(change.cached, fingerprint(entry.stat, operation)):
        return Outcome(Result.UNCHANGED)
    for _ in range(_LOOKS):
        if catalog == UNKNOWN:
            catalog = look_up(ctx.lister, place.target)
        if ctx.live and ctx.source.has_directories and catalog == COLLECTION:
            return Outcome(Result.SKIPPED, reason="a directory had this name: the scan of the one above it takes it")
        try:
            return _act(ctx, change, place, entry, session, meta, operation, catalog)
        except Exception as error:
            if code_of(error) not in ALREADY_EXISTS | NO_OBJECT or ctx.handler.method_in(error):
                raise
            before, catalog = catalog, look_up(ctx.lister, place.target)
            if before == catalog:
                raise
    raise Impossible("the data object keeps changing while it is synced")


def _is_young(ctx: Context, entry: Entry) -> bool:
    """Whether a scan of a watched source has found a file that changed within the quiet time."""
    return not ctx.live and 0 <= time.time() - entry.stat.mtime_ns / 1_000_000_000 < ctx.job.quiet


def _act(
    ctx: Context,
    change: Change,
    place: Place,
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
    act = ActionRun(ctx, place, entry, seen, decision)
    if decision.do not in (Action.NOTHING, Action.HOOKS_MODIFY):  # hooks alone change no content
        ctx.begin(place.key, UNFINISHED if act.creates else mark_of(change.cached))
    if decision.do is not Action.NOTHING:
        act.run(session, meta)
    result = Result.UNCHANGED if decision.do is Action.NOTHING else Result.DONE
    return Outcome(result, bytes=act.bytes, cached=remember(ctx, change, place, entry, operation))
