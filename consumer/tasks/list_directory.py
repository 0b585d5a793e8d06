"""The path topic: one directory becomes one collection, and what is new in it becomes tasks."""

from __future__ import annotations

import time
from collections.abc import Iterator

import msgspec

from consumer.irods.errors import BLOCKED, code_of
from consumer.protocol import Finished, Outcome, Page, Part, Result
from consumer.sync.collections import DirectoryCollection
from consumer.sync.context import Context
from consumer.sync.deletion_candidates import SourceView
from consumer.sync.failures import failure, out_of_reach
from consumer.sync.path_cache import bind
from consumer.sync.place import Place
from consumer.sync.vanished import delete_vanished
from consumer.tasks.listing_pages import Pages, number_of
from ingest.job import Counts, Problem
from ingest.messages import ListPath
from scanner.entries import Entry, SourceGone, SourceNotVisible, SourceUnreadable


def list_path(ctx: Context, task: ListPath, cursor: bytes | None, *, last_try: bool) -> Iterator[Page | Finished]:
    """List the directory of a task from `cursor` on.

    If its collection cannot be created, the task fails. On the `last_try` it continues, so that every path below
    records its failure. Raises an exception if the zone or the source is out of reach.
    """
    place = ctx.place(task.path, directory=True)
    target = place.target
    seen = ctx.source.look(place.path)
    if not isinstance(seen, Entry) or seen.kind != "directory":
        yield Finished()  # absent or replaced: the next listing of its parent handles it
        return
    collection, failed, cleared = DirectoryCollection(ctx, place, seen, task.present), None, Outcome(Result.SKIPPED)
    try:
        cleared = _ensure(ctx, collection, place)
    except Exception as error:
        if out_of_reach(ctx, error):
            raise
        failed = failure(ctx, target, error)
        if not last_try or failed.result is Result.LATER:
            yield Finished(failure=failed, target=target)
            return
    if not place.path and collection.created:
        bind(ctx)
    if task.reach == "collection":
        counts = Counts(collections=int(collection.created), deleted=int(cleared.deleted))
        known = collection.remember() if failed is None else ()
        yield Finished(Part(counts=counts, cached=known, uncached=cleared.uncached), failed, target)
        return
    yield from _list(ctx, task, place, collection, cursor, failed, cleared)


def _ensure(ctx: Context, collection: DirectoryCollection, place: Place) -> Outcome:
    """Make sure that a collection exists. In a live pass, the data object of a file that it replaces is deleted.

    Returns the outcome of this deletion.
    """
    try:
        collection.ensure()
    except Exception as error:
        if not ctx.live or code_of(error) not in BLOCKED or ctx.handler.method_in(error):
            raise
        outcome = delete_vanished(SourceView(ctx), ctx.place(place.path), taken_by="directory")
        collection.ensure()  # another task may have deleted the object meanwhile
        return outcome
    return Outcome(Result.SKIPPED)


def _list(
    ctx: Context,
    task: ListPath,
    place: Place,
    collection: DirectoryCollection,
    cursor: bytes | None,
    failed: Outcome | None,
    cleared: Outcome,
) -> Iterator[Page | Finished]:
    target = place.target
    pages = Pages(ctx, task, place, collection, cursor, deletes=failed is None and collection.deletes and not ctx.live)
    try:
        after = None if number_of(cursor) else cursor
        with ctx.source.list_directory(place.path, after) as listing:
            yield from pages.over(listing)
        last = pages.last()
    except SourceGone:
        yield Finished()
        return
    except SourceNotVisible:
        raise
    except SourceUnreadable as error:
        if error.failed:
            yield Finished(failure=Outcome(Result.FAILED, reason=error.reason), target=target)
            return
        problem = Problem(path=place.path, target=target, skipped=True, reason=error.reason, at=time.time())
        last = Part(counts=Counts(files=1, skipped=1), problems=[problem])
    finally:
        collection.close()
    if failed is None:
        cached = [*last.cached, *collection.remember()]
        counts = last.counts + Counts(collections=int(collection.created), deleted=int(cleared.deleted))
        last = msgspec.structs.replace(last, counts=counts, cached=cached, uncached=cleared.uncached)
    yield Finished(last, failed, target)
