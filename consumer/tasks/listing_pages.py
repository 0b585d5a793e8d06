"""From the listing of a directory to tasks, page by page: what is new, what is in the way, what has no source."""

from __future__ import annotations

import os
import time
from collections.abc import Iterator

from consumer.protocol import Page, Part
from consumer.sync import deletion_candidates
from consumer.sync.collections import DirectoryCollection
from consumer.sync.context import Context
from consumer.sync.meta import of_file
from consumer.sync.place import Place
from ingest import tasks
from ingest.fingerprint import cache_key, fingerprint, unchanged
from ingest.handlers.core import Operation
from ingest.job import Counts, Problem
from ingest.messages import Candidate, Change, Fingerprint, ListPath, path_to_wire
from ingest.store import Child
from scanner.entries import Entry, Skipped
from scanner.source import Listing

PAGE_ENTRIES = 5_000
"""Entries of a directory between two steps of the store, and names of one look into the path cache."""


_MISSING = b"\0missing "
"""Begins the cursors of the pages of missing names. No name contains NUL."""


def missing_page(number: int) -> bytes:
    """Return the cursor of a page of missing names. All entries of the directory have been taken by then."""
    return _MISSING + b"%d" % number


def number_of(cursor: bytes | None) -> int:
    """Return the number of the page of missing names with this cursor; 0 for other cursors."""
    return int(cursor.removeprefix(_MISSING)) if cursor is not None and cursor.startswith(_MISSING) else 0


class Pages:
    """Turns the listing of one directory into tasks; changed files in batches that share a partition."""

    def __init__(
        self,
        ctx: Context,
        task: ListPath,
        place: Place,
        collection: DirectoryCollection,
        cursor: bytes | None,
        *,
        deletes: bool,
    ) -> None:
        """`deletes`: what the collection has and the directory has not becomes a candidate for deletion.

        `cursor`: where an earlier listing has stopped.
        """
        self._cursor = cursor
        self._ctx = ctx
        self._task = task
        self._place = place
        self._collection = collection
        self._deletes = deletes
        self._asks = ctx.handler.has("operation")
        self._listed = 0
        self._begin()

    def _begin(self) -> None:
        self._changes: list[Change] = []
        self._children: list[Child] = []
        self._problems: list[Problem] = []
        self._candidates: list[Candidate] = []
        self._counts = Counts()

    def over(self, listing: Listing) -> Iterator[Page]:
        """The pages of the listing except the last, which `last` returns."""
        page: list[Entry] = []
        last = self._cursor or b""
        for entry in () if number_of(self._cursor) else listing:
            if len(page) == PAGE_ENTRIES:
                self._take(page)
                yield Page(last, self.part())
                page = []
            if isinstance(entry, Skipped):
                self._skip(entry)
            elif self._is_marked(entry, listing):
                page.append(entry)
            last = listing.cursor(entry)
        self._take(page)
        if self._deletes:
            yield from self._missing(listing)

    def _is_marked(self, entry: Entry, listing: Listing) -> bool:
        """Whether an entry is to be taken: with --marker, only files whose marker is there."""
        if self._ctx.job.marker is None or entry.kind == "directory":
            return True
        marker = os.fsencode(self._ctx.job.marker)
        return not entry.name.endswith(marker) and listing.has(entry.name + marker)

    def part(self) -> Part:
        """What has come together since the last call."""
        self._children += tasks.files(self._ctx.job, self._task.pass_id, self._changes)
        part = Part(self._children, self._counts, self._problems, candidates=self._candidates)
        self._begin()
        return part

    def last(self) -> Part:
        """The last page, with the count of what the collection has: a listing may begin again, but it ends once."""
        self._counts += Counts(listed=self._listed)
        return self.part()

    def _missing(self, listing: Listing) -> Iterator[Page]:
        """The pages of what the collection has and the directory has not.

        A listing that begins again in them begins with the first: the store keeps each candidate once.
        """
        contents = self._collection.contents()
        self._listed += sum(1 for _ in contents.names())
        number = number_of(self._cursor)
        for candidate in deletion_candidates.missing(self._ctx, self._place.path, contents, listing):
            if len(self._candidates) >= PAGE_ENTRIES:
                number += 1
                yield Page(missing_page(number), self.part())
            self._candidates.append(candidate)
            self._listed += self._is_deep(candidate)

    def _take(self, page: list[Entry]) -> None:
        same = files = 0
        for entry, cached in zip(page, self._known(page), strict=True):
            files += entry.kind != "directory"
            if self._deletes and self._in_the_way(entry):
                continue
            if entry.kind == "directory":
                self._descend(entry, cached)
            elif unchanged(cached, fingerprint(entry.stat, self._operation(entry))):
                same += 1
            else:
                self._change(entry, cached)
        self._counts += Counts(files=files, unchanged=same)

    def _known(self, page: list[Entry]) -> list[Fingerprint | None]:
        """The fingerprints that the path cache has for the entries of a page."""
        ctx = self._ctx
        if ctx.job.ignore_cache or not page:
            return [None] * len(page)
        keys = [
            cache_key(ctx.job, f"{self._place.target}/{self._name(each)}", directory=each.kind == "directory")
            for each in page
        ]
        return ctx.store.cache.get(ctx.cache_space, keys[0][0], [name for _, name in keys])

    def _operation(self, entry: Entry) -> Operation:
        if not self._asks:
            return Operation.REGISTER_SYNC
        meta = of_file(self._ctx.job, entry, self._ctx.place(entry.path))
        return self._ctx.handler.operation(self._ctx.session(meta), meta)

    def _name(self, entry: Entry) -> str:
        return self._ctx.name(self._place.path, entry.name, directory=entry.kind == "directory")

    def _in_the_way(self, entry: Entry) -> bool:
        """Whether what the zone has under the entry's name must go before the entry is synced."""
        found = deletion_candidates.in_the_way(self._ctx, self._place.path, entry, self._collection.contents())
        if found is None:
            return False
        for candidate in found:
            self._add(candidate)
        return True

    def _add(self, candidate: Candidate) -> None:
        self._candidates.append(candidate)
        self._counts += Counts(listed=int(self._is_deep(candidate)))

    def _is_deep(self, candidate: Candidate) -> bool:
        """Whether a candidate is below an entry of the collection: the count of the collection does not include it."""
        return candidate.target != f"{self._place.target}/{candidate.name}"

    def _descend(self, entry: Entry, cached: Fingerprint | None) -> None:
        present = True if cached is not None else self._collection.contents().has_collection(self._name(entry))
        if present and self._task.reach == "names":
            return
        self._children.append(tasks.listing(self._ctx.job, self._task.pass_id, entry.path, present=present))

    def _change(self, entry: Entry, cached: Fingerprint | None) -> None:
        found = self._collection.contents()[self._name(entry)]
        self._changes.append(Change(path_to_wire(entry.path), found, cached))

    def _skip(self, skipped: Skipped) -> None:
        if skipped.failed:
            self._counts += Counts(files=1, failed=1)
        else:
            self._counts += Counts(files=1, skipped=1)
        self._problems.append(
            Problem(
                path=skipped.path,
                target=self._ctx.place(skipped.path).target,
                skipped=not skipped.failed,
                reason=skipped.reason,
                at=time.time(),
            )
        )
