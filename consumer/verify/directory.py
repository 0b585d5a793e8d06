"""Checks one directory: its entries against the collection, two queries in all, page by page."""

from __future__ import annotations

import errno
import os
from collections.abc import Callable, Iterator
from contextlib import closing
from typing import Literal, NamedTuple

import msgspec

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


Presence = Literal["present", "absent", "taken"]
"""Whether the collection of a directory exists, or a data object has taken its name."""


class Work(NamedTuple):
    """A directory to check. `presence` is None where it is not known.

    `cursor`: where an earlier check has stopped; b"" begins at the first name.
    """

    path: bytes
    presence: Presence | None = None
    cursor: bytes = b""


class Page(NamedTuple):
    """A part of the check of a directory. `cursor` is where the next part begins; None: the directory is done."""

    work: Work
    rows: list[Row]
    below: list[tuple[bytes, Presence]]
    """The directories in it."""
    cursor: bytes | None
    gone: bool = False
    """The directory is absent."""


def check_directory(ctx: Context, checks: Checks, work: Work, stopping: Callable[[], bool]) -> Iterator[Page]:
    """Check a directory from the cursor of its work on. Ends early, behind some entry, when `stopping` returns True.

    Raises Unreachable, SourceNotVisible or an error of the network when zone or source are out of reach.
    """
    itself = Row(path=work.path, target=ctx.job.target, directory=True)
    try:
        place = ctx.place(work.path, directory=True)
        itself = msgspec.structs.replace(itself, target=place.target)
        contents, presence = _contents(ctx, place, work.presence)
        with closing(contents):
            itself = _judged(ctx, place, itself, presence)
            check = _DirectoryCheck(ctx, checks, work, place, contents)
            with ctx.source.list_directory(work.path, work.cursor or None) as listing:
                yield from check.pages(listing, None if work.cursor else itself, stopping)
    except SourceGone:
        yield Page(work, [], [], None, gone=True)
    except SourceNotVisible:
        raise
    except SourceUnreadable as error:
        row = msgspec.structs.replace(itself, kinds=(*itself.kinds, Kind.UNREADABLE), detail=error.reason)
        yield Page(work, [row], [], None)
    except Exception as error:  # noqa: BLE001 - of the event handler or the server, and about this directory alone
        yield Page(work, [unchecked(ctx, itself, error)], [], None)


def _contents(ctx: Context, place: Place, presence: Presence | None) -> tuple[Contents, Presence]:
    """What the collection has, and whether it exists: two queries, more only for an empty one of unknown presence."""
    if presence in ("absent", "taken"):
        return Contents((), ()), presence
    contents = Contents.of(ctx.lister, place.target)
    if presence is None and next(contents.names(), None) is None:
        found = catalog.look_up(ctx.lister, place.target)
        return contents, "present" if found == COLLECTION else "taken" if found else "absent"
    return contents, "present"


def _judged(ctx: Context, place: Place, row: Row, presence: Presence) -> Row:
    """The row of a directory itself."""
    if presence == "taken":
        return msgspec.structs.replace(row, kinds=(Kind.OTHER_KIND,), detail="a data object has this name")
    if presence == "absent":
        meta = of_directory(ctx.job, place.path, place.target, None)
        if ctx.handler.operation(ctx.session(meta), meta) is not Operation.NO_OP:
            return msgspec.structs.replace(row, kinds=(Kind.MISSING_COLLECTION,))
    return row


class _DirectoryCheck:
    """The rows and sub-directories of one directory that have not been handed on yet."""

    def __init__(self, ctx: Context, checks: Checks, work: Work, place: Place, contents: Contents) -> None:
        self._ctx = ctx
        self._checks = checks
        self._work = work
        self._place = place
        self._contents = contents
        self._rows: list[Row] = []
        self._below: list[tuple[bytes, Presence]] = []

    def pages(self, listing: Listing, itself: Row | None, stopping: Callable[[], bool]) -> Iterator[Page]:
        """The pages of the listing; `itself` is the row of the directory, if that is still to be handed on."""
        self._rows += [] if itself is None else [itself]
        cursor = self._work.cursor
        for entry in listing:
            yield from self._take(self._of(entry, listing), cursor)
            cursor = listing.cursor(entry)
            if stopping():
                yield self._page(cursor)
                return
            if len(self._rows) + len(self._below) >= PAGE_ROWS:
                yield self._page(cursor)
        if not self._checks.one_way:
            yield from self._take(self._extra(listing), cursor)
        yield self._page(None)

    def _take(self, rows: Iterator[Row], cursor: bytes) -> Iterator[Page]:
        """Collect rows, and hand on full pages. A check that continues at `cursor` makes these rows again."""
        for row in rows:
            self._rows.append(row)
            if len(self._rows) >= PAGE_ROWS:
                yield self._page(cursor)

    def _page(self, cursor: bytes | None) -> Page:
        page = Page(self._work, self._rows, self._below, cursor)
        self._rows, self._below = [], []
        return page

    def _of(self, entry: Entry | Skipped, listing: Listing) -> Iterator[Row]:
        """The rows of an entry, and of what the catalog has in its place."""
        ctx = self._ctx
        if isinstance(entry, Skipped):
            yield _left_alone(ctx.place(entry.path), entry)
        elif entry.kind == "directory":
            self._below.append((entry.path, self._presence(entry)))
        elif _is_marked(ctx.job, entry, listing):
            name = ctx.name(self._work.path, entry.name, directory=False)
            found = self._contents[name]
            yield check_file(ctx, self._checks, entry, found)
            if found == COLLECTION and not self._checks.one_way:
                yield from self._extra_below(name)

    def _presence(self, entry: Entry) -> Presence:
        name = self._ctx.name(self._work.path, entry.name, directory=True)
        if self._contents.has_collection(name):
            return "present"
        return "taken" if self._contents.has_object(name) else "absent"

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
    directory = entry.kind == "directory"
    return Row(path=place.path, target=place.target, directory=directory, kinds=(kind,), detail=entry.reason)


def _is_marked(job: Job, entry: Entry, listing: Listing) -> bool:
    """Whether a sync takes the file: with --marker, only if its marker is there."""
    if job.marker is None:
        return True
    marker = os.fsencode(job.marker)
    return not entry.name.endswith(marker) and listing.has(entry.name + marker)
