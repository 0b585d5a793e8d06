"""The path topic: one directory becomes one collection, and what is new in it becomes tasks."""

from __future__ import annotations

import secrets
import time
from collections.abc import Iterator

from irods.session import iRODSSession

from consumer import collections
from consumer.context import Context
from consumer.file import failure, out_of_reach
from consumer.irods import catalog
from consumer.listing import Contents
from consumer.meta import of_directory, of_file
from consumer.protocol import Finished, Outcome, Page, Part
from ingest.broker import Outgoing
from ingest.core import Operation
from ingest.fingerprint import fingerprint
from ingest.job import Counts, Problem
from ingest.messages import Catalog, Change, ListPath, SyncFiles, encode, path_from_wire, path_to_wire
from ingest.store import Cached, Child
from scanner.filesystem import (
    Entry,
    Listing,
    RootUnseen,
    Skipped,
    SourceGone,
    SourceUnreadable,
    list_directory,
    look,
)

PAGE_ENTRIES = 5_000
"""Entries of a directory between two steps of the store, and names of one look into the path cache."""
_DIRECTORY = b"/"
"""Ends the name under which the path cache knows a directory."""


def list_path(ctx: Context, task: ListPath, marker: bytes | None, *, last_try: bool) -> Iterator[Page | Finished]:
    """List the directory of a task from `marker` on.

    When its collection cannot be created the task fails; on the `last_try` it goes on all the same, so that every
    path below tells its failure. Raises what says that the zone or the source is out of reach.
    """
    path = path_from_wire(task.path)
    target = ctx.target(path, directory=True)
    seen = look(ctx.job.source, path, ctx.rules)
    if not isinstance(seen, Entry) or seen.kind != "directory":
        yield Finished()  # it is gone, or something else by now: its parent's next listing will tell
        return
    collection, broken = _Collection(ctx, task, path, seen), None
    try:
        collection.ensure()
    except Exception as error:
        if out_of_reach(error):
            raise
        broken = failure(ctx, target, error)
        if not last_try:
            yield Finished(failure=broken, target=target)
            return
    yield from _list(ctx, task, path, collection, marker, broken)


def _list(
    ctx: Context,
    task: ListPath,
    path: bytes,
    collection: _Collection,
    marker: bytes | None,
    broken: Outcome | None,
) -> Iterator[Page | Finished]:
    target = ctx.target(path, directory=True)
    try:
        with list_directory(ctx.job.source, path, ctx.rules, after=marker) as listing:
            pages = _Pages(ctx, task, path, collection)
            yield from pages.over(listing)
        last = pages.part()
    except SourceGone:
        yield Finished()
        return
    except RootUnseen:
        raise
    except SourceUnreadable as error:
        problem = Problem(path=path, target=target, skipped=True, reason=error.reason, at=time.time())
        last = Part(problems=[problem])
    finally:
        collection.close()
    if broken is None:
        cached = [*last.cached, *collection.remember()]
        counts = last.counts + Counts(collections=int(collection.created))
        last = Part(last.children, counts, last.problems, cached)
    yield Finished(last, broken, target)


class _Collection:
    """The collection of the directory: whether it is there, and what it has, asked at most once each."""

    def __init__(self, ctx: Context, task: ListPath, path: bytes, entry: Entry) -> None:
        self._ctx = ctx
        self._path = path
        self._entry = entry
        self._present = False if ctx.job.initial_ingest else task.present
        self._contents: Contents | None = None
        directory, name = ctx.cache_key(ctx.target(path, directory=True))
        self._key = (directory, name + _DIRECTORY)
        self._now = 0
        self.created = False

    def ensure(self) -> None:
        """Create the collection, or run the hooks for a changed one; nothing when the cache knows it as it is."""
        ctx, path = self._ctx, self._path
        meta = of_directory(ctx.job, path, ctx.target(path, directory=True), self._entry.stat)
        operation = ctx.handler.operation(ctx.session(meta), meta)
        self._now = fingerprint(self._entry.stat, operation)
        known = None if ctx.job.ignore_cache else ctx.store.cached(ctx.cache_space, self._key[0], [self._key[1]])[0]
        if known == self._now and self._present is not False:
            return
        if self._present is None:
            self._present = catalog.collection_exists(ctx.lister, meta["target"])
        if self._present:
            collections.modify(ctx, path, self._entry.stat)
        elif path and not ctx.job.initial_ingest:
            self.created = collections.create_below_known(ctx, path, self._entry.stat)
        else:
            self.created = collections.create(ctx, path, self._entry.stat)
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
                self._contents = self._ask(self._ctx.lister)
        return self._contents

    def _ask(self, session: iRODSSession) -> Contents:
        target = self._ctx.target(self._path, directory=True)
        return Contents(catalog.objects(session, target), catalog.subcollections(session, target))

    def close(self) -> None:
        if self._contents is not None:
            self._contents.close()


class _Pages:
    """Turns a listing into tasks: page by page, changed files in batches that share a partition."""

    def __init__(self, ctx: Context, task: ListPath, path: bytes, collection: _Collection) -> None:
        self._ctx = ctx
        self._task = task
        self._path = path
        self._collection = collection
        self._cache_directory = ctx.cache_key(ctx.target(path, directory=True) + "/")[0]
        self._asks = ctx.handler.has("operation")
        self._batches: dict[int, list[Change]] = {}
        self._children: list[Child] = []
        self._problems: list[Problem] = []
        self._counts = Counts()

    def over(self, listing: Listing) -> Iterator[Page]:
        """The pages of the listing but the last, which `part` gives."""
        page: list[Entry] = []
        for entry in listing:
            if isinstance(entry, Skipped):
                self._skip(entry)
                continue
            if len(page) == PAGE_ENTRIES:
                self._take(page)
                yield Page(page[-1].name, self.part())
                page = []
            page.append(entry)
        self._take(page)

    def part(self) -> Part:
        """What has come together since the last call."""
        for partition, changes in self._batches.items():
            self._publish(partition, changes)
        part = Part(self._children, self._counts, self._problems)
        self._batches, self._children, self._problems, self._counts = {}, [], [], Counts()
        return part

    def _take(self, page: list[Entry]) -> None:
        ctx = self._ctx
        if ctx.job.ignore_cache:
            known: list[int | None] = [None] * len(page)
        else:
            known = ctx.store.cached(ctx.cache_space, self._cache_directory, [self._cache_name(each) for each in page])
        unchanged = files = 0
        for entry, cached in zip(page, known, strict=True):
            if entry.kind == "directory":
                self._descend(entry, cached)
                continue
            files += 1
            if cached is not None and cached == fingerprint(entry.stat, self._operation(entry)):
                unchanged += 1
            else:
                self._change(entry, cached)
        self._counts += Counts(files=files, unchanged=unchanged)

    def _operation(self, entry: Entry) -> Operation:
        if not self._asks:
            return Operation.REGISTER_SYNC
        meta = of_file(self._ctx.job, entry, self._ctx.target(entry.path))
        return self._ctx.handler.operation(self._ctx.session(meta), meta)

    def _name(self, entry: Entry) -> str:
        return self._ctx.name(self._path, entry.name, directory=entry.kind == "directory")

    def _cache_name(self, entry: Entry) -> bytes:
        name = self._name(entry).encode("utf-8", "surrogateescape")
        return name + _DIRECTORY if entry.kind == "directory" else name

    def _descend(self, entry: Entry, cached: int | None) -> None:
        present = True if cached is not None else self._collection.contents().has_collection(self._name(entry))
        job, task = self._ctx.job, secrets.token_hex(8)
        message = ListPath(
            job=job.name, pass_id=self._task.pass_id, task=task, path=path_to_wire(entry.path), present=present
        )
        partition = job.topics.partition(job.topics.path, job.key(entry.path))
        self._children.append(Child(task, Outgoing(job.topics.path, partition, encode(message))))

    def _change(self, entry: Entry, cached: int | None) -> None:
        found: Catalog = self._collection.contents()[self._name(entry)]
        partition = self._ctx.job.topics.partition(self._ctx.job.topics.file, self._ctx.job.key(entry.path))
        batch = self._batches.setdefault(partition, [])
        batch.append(Change(path_to_wire(entry.path), found, cached))
        if len(batch) >= self._ctx.job.files_per_task:
            self._publish(partition, self._batches.pop(partition))

    def _publish(self, partition: int, changes: list[Change]) -> None:
        task, topic = secrets.token_hex(8), self._ctx.job.topics.file
        message = SyncFiles(job=self._ctx.job.name, pass_id=self._task.pass_id, task=task, changes=changes)
        self._children.append(Child(task, Outgoing(topic, partition, encode(message))))

    def _skip(self, skipped: Skipped) -> None:
        self._counts += Counts(files=1, skipped=1)
        target = self._ctx.target(skipped.path)
        problem = Problem(path=skipped.path, target=target, skipped=True, reason=skipped.reason, at=time.time())
        self._problems.append(problem)
