"""Checks one directory: its entries against the collection, two queries in all, page by page."""

from __future__ import annotations

import errno
import os
from collections.abc import Callable, Iterator
from typing import NamedTuple

from consumer.irods import catalog
from consumer.sync import deletion_candidates
from consumer.sync.contents import Contents
from consumer.sync.context import Context
from consumer.sync.meta import of_directory
from consumer.sync.place import Place
from consumer.verify.file import Checks, check_file, unchecked, with_replica
from consumer.verify.rows import Kind, Row
from ingest.handlers.core import Operation
from ingest.job import Job
from ingest.messages import COLLECTION, Candidate, Catalog, Replica
from scanner.entries import Entry, Skipped, SourceGone, SourceNotVisible, SourceUnreadable
from scanner.source import Listing

PAGE_ROWS = 2_000
"""Rows of one page, which are in memory at once."""


class Work(NamedTuple):
    """A directory to check. `present`: whether its collection exists, None where that is not known.

    `cursor`: where an earlier check has stopped; b"" begins at the first name.
    """

    path: bytes
    present: bool | None = None
    cursor: bytes = b""


class Page(NamedTuple):
    """A part of the check of a directory. `cursor` is where the next part begins; None: the directory is done."""

    work: Work
    rows: list[Row]
    below: list[tuple[bytes, bool]]
    """Directories in it, and whether their collections exist."""
    cursor: bytes | None
    gone: bool = False
    """The directory is absent."""


def check_directory(ctx: Context, checks: Checks, work: Work, stopping: Callable[[], bool]) -> Iterator[Page]:
    """Check a directory from the cursor of its work on. Ends early, behind some entry, when `stopping` returns True.

    Raises Unreachable, SourceNotVisible or an error of the network when zone or source are out of reach.
    """
    place = ctx.place(work.path, directory=True)
    contents, present = _contents(ctx, place, work.present)
    check = _DirectoryCheck(ctx, checks, work, place, contents)
    try:
        if work.present is None and not work.cursor:
            check.rows.append(_of_directory(ctx, place, present=present))
        with ctx.source.list_directory(work.path, work.cursor or None) as listing:
            yield from check.pages(listing, stopping)
    except SourceGone:
        yield Page(work, [], [], None, gone=True)
    except SourceNotVisible:
        raise
    except SourceUnreadable as error:
        row = Row(path=work.path, target=place.target, directory=True, kinds=(Kind.UNREADABLE,), detail=error.reason)
        yield Page(work, [row], [], None)
    finally:
        contents.close()


def _contents(ctx: Context, place: Place, present: bool | None) -> tuple[Contents, bool]:
    """What the collection has, and whether it exists."""
    if present is False:
        return Contents((), ()), False
    contents = Contents.of(ctx.lister, place.target)
    if present is None and next(contents.names(), None) is None:
        return contents, catalog.collection_exists(ctx.lister, place.target)
    return contents, True


def _of_directory(ctx: Context, place: Place, *, present: bool, taken: bool = False) -> Row:
    """The row of a directory itself. `taken`: a data object has its name."""
    kinds: tuple[Kind, ...] = ()
    if taken:
        kinds = (Kind.OTHER_KIND,)
    elif not present:
        meta = of_directory(ctx.job, place.path, place.target, None)
        if ctx.handler.operation(ctx.session(meta), meta) is not Operation.NO_OP:
            kinds = (Kind.MISSING_COLLECTION,)
    detail = "a data object has this name" if taken else ""
    return Row(path=place.path, target=place.target, directory=True, kinds=kinds, detail=detail)


class _DirectoryCheck:
    """The rows and sub-directories of one directory that have not been handed on yet."""

    def __init__(self, ctx: Context, checks: Checks, work: Work, place: Place, contents: Contents) -> None:
        self._ctx = ctx
        self._checks = checks
        self._work = work
        self._place = place
        self._contents = contents
        self.rows: list[Row] = []
        self._below: list[tuple[bytes, bool]] = []

    def pages(self, listing: Listing, stopping: Callable[[], bool]) -> Iterator[Page]:
        cursor = self._work.cursor
        for entry in listing:
            yield from self._take(self._of(entry, listing), cursor)
            cursor = listing.cursor(entry)
            if stopping():
                yield self._page(cursor)
                return
        if not self._checks.one_way:
            yield from self._take(self._extra(listing), cursor)
        yield self._page(None)

    def _take(self, rows: Iterator[Row], cursor: bytes) -> Iterator[Page]:
        """Collect rows, and hand on full pages. A check that continues at `cursor` makes these rows again."""
        for row in rows:
            self.rows.append(row)
            if len(self.rows) >= PAGE_ROWS:
                yield self._page(cursor)

    def _page(self, cursor: bytes | None) -> Page:
        page = Page(self._work, self.rows, self._below, cursor)
        self.rows, self._below = [], []
        return page

    def _of(self, entry: Entry | Skipped, listing: Listing) -> Iterator[Row]:
        """The rows of an entry, and of what the catalog has in its place."""
        ctx = self._ctx
        if isinstance(entry, Skipped):
            yield _left_alone(ctx.place(entry.path), entry)
        elif entry.kind == "directory":
            yield self._of_directory(entry)
        elif _is_marked(ctx.job, entry, listing):
            name = ctx.name(self._work.path, entry.name, directory=False)
            found = self._contents[name]
            yield check_file(ctx, self._checks, entry, found)
            if found == COLLECTION and not self._checks.one_way:
                yield from self._extra_below(name)

    def _of_directory(self, entry: Entry) -> Row:
        place = self._ctx.place(entry.path, directory=True)
        name = place.target.rpartition("/")[2]
        present = self._contents.has_collection(name)
        self._below.append((entry.path, present))
        try:
            return _of_directory(self._ctx, place, present=present, taken=self._contents.has_object(name))
        except Exception as error:  # noqa: BLE001 - of the event handler
            return unchecked(self._ctx, Row(path=place.path, target=place.target, directory=True), error)

    def _extra(self, listing: Listing) -> Iterator[Row]:
        """What the collection has and the directory has not."""
        for found in deletion_candidates.missing(self._ctx, self._work.path, self._contents, listing):
            direct = found.target == f"{self._place.target}/{found.name}" and not found.collection
            yield _extra_row(found, self._contents[found.name] if direct else [])

    def _extra_below(self, name: str) -> Iterator[Row]:
        """All that is in a collection that has the name of a file."""
        found = deletion_candidates.tree(self._ctx, self._work.path, name, taken_by="regular")
        next(found)  # the collection itself, which the row of the file is about
        yield from (_extra_row(each, []) for each in found)


def _extra_row(found: Candidate, has: Catalog) -> Row:
    row = Row(path=None, target=found.target, directory=found.collection, kinds=(Kind.EXTRA,))
    return with_replica(row, has[0]) if has and isinstance(has[0], Replica) else row


def _left_alone(place: Place, entry: Skipped) -> Row:
    """The row of an entry that the source leaves alone: by an option, or because it cannot be read."""
    denied = entry.failed or entry.reason.endswith(os.strerror(errno.EACCES))
    kind = Kind.UNREADABLE if denied else Kind.SKIPPED
    return Row(path=place.path, target=place.target, kinds=(kind,), detail=entry.reason)


def _is_marked(job: Job, entry: Entry, listing: Listing) -> bool:
    """Whether a sync takes the file: with --marker, only if its marker is there."""
    if job.marker is None:
        return True
    marker = os.fsencode(job.marker)
    return not entry.name.endswith(marker) and listing.has(entry.name + marker)
