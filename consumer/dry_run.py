"""What a pass would do, without doing it: `--dry-run`."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from typing import NamedTuple

import msgspec

from consumer.irods import catalog
from consumer.sync import deletion_candidates, guards
from consumer.sync.contents import Contents
from consumer.sync.context import Context
from consumer.sync.decide import Impossible, decide
from consumer.sync.deletion import TAKEN, mode_of
from consumer.sync.meta import of_directory, of_file
from consumer.sync.situation import situation, unfit
from ingest.errors import Refused
from ingest.fingerprint import fingerprint, unchanged
from ingest.handlers.core import DeleteMode, Operation
from ingest.messages import Candidate, Catalog, path_from_wire
from ingest.sqlite import temporary
from scanner.entries import Entry, Skipped, SourceGone, SourceNotVisible, SourceUnreadable
from scanner.source import Listing


class Planned(NamedTuple):
    """One path of the plan: the action, and the reason if the path would be skipped or fail."""

    action: str
    path: bytes | None
    target: str
    reason: str = ""


class Plan:
    """Walks the source and asks the catalog; changes nothing, runs no hook."""

    def __init__(self, ctx: Context) -> None:
        self._ctx = ctx
        self._waiting: list[tuple[bytes, bool | None]] = [(b"", None)]
        self._listed = 0
        self._later = _Later()

    def lines(self) -> Iterator[Planned]:
        """The plan, path by path. Raises Refused when the pass would not begin."""
        yield from self._walk()
        if len(self._later):
            objection = guards.objection(self._ctx, len(self._later), self._listed, self._later)
            yield from self._refused(objection) if objection else self._deletions()
            yield from self._walk()

    def _walk(self) -> Iterator[Planned]:
        while self._waiting:
            yield from self._directory(*self._waiting.pop())

    def _refused(self, objection: str) -> Iterator[Planned]:
        yield Planned("delete nothing", None, self._ctx.job.target, objection)
        for each in self._later:
            if each.resync is not None:
                yield Planned("fail", path_from_wire(each.resync), each.target, TAKEN)

    def _deletions(self) -> Iterator[Planned]:
        """The deletions, and what would then be synced in the place of a deleted object or collection."""
        for each in self._later:
            kept = mode_of(self._ctx, each)[0] is DeleteMode.DO_NOT_DELETE
            if not kept:
                yield Planned("delete collection" if each.collection else "delete", None, each.target, "no source")
            if each.resync is not None:
                path = path_from_wire(each.resync)
                entry = self._ctx.source.look(path)
                if kept:
                    yield Planned("fail", path, each.target, TAKEN)
                elif isinstance(entry, Entry) and entry.kind == "directory":
                    self._waiting.append((path, False))
                elif isinstance(entry, Entry):
                    yield self.file(entry, [])

    def _directory(self, path: bytes, present: bool | None) -> Iterator[Planned]:
        ctx = self._ctx
        target = ctx.place(path, directory=True).target
        if present is None:
            present = catalog.collection_exists(ctx.lister, target)
        mode = DeleteMode.DO_NOT_DELETE
        try:
            operation, mode = self._modes(path, target)
            if not present and operation is not Operation.NO_OP:
                yield Planned("create collection", path, target)
        except Refused as error:
            if not path:
                raise
            yield Planned("fail", path, target, str(error))
        contents = Contents.of(ctx.lister, target) if present else Contents((), ())
        try:
            with ctx.source.list_directory(path) as listing:
                yield from self._entries(path, contents, listing, deletes=mode is not DeleteMode.DO_NOT_DELETE)
        except SourceNotVisible as error:
            raise Refused(str(error)) from error
        except SourceUnreadable as error:
            yield Planned("skip", path, target, error.reason)
        except SourceGone:
            pass
        finally:
            contents.close()

    def _modes(self, path: bytes, target: str) -> tuple[Operation, DeleteMode]:
        meta = of_directory(self._ctx.job, path, target, None)
        operation = self._ctx.handler.operation(self._ctx.session(meta), meta)
        return operation, self._ctx.handler.check_modes(operation, meta)

    def _entries(self, path: bytes, contents: Contents, listing: Listing, *, deletes: bool) -> Iterator[Planned]:
        for entry in listing:
            if not (deletes and self._in_the_way(path, entry, contents)):
                yield from self._entry(path, entry, contents)
        if deletes:
            self._listed += sum(1 for _ in contents.names())
            self._delete_later(path, deletion_candidates.missing(self._ctx, path, contents, listing))

    def _entry(self, parent: bytes, entry: Entry | Skipped, contents: Contents) -> Iterator[Planned]:
        ctx = self._ctx
        if isinstance(entry, Skipped):
            yield Planned("skip", entry.path, ctx.place(entry.path).target, entry.reason)
            return
        name = ctx.name(parent, entry.path.rpartition(b"/")[2], directory=entry.kind == "directory")
        if entry.kind == "directory":
            self._waiting.append((entry.path, contents.has_collection(name)))
        else:
            yield self.file(entry, contents[name])

    def file(self, entry: Entry, found: Catalog) -> Planned:
        """What would be done with one file; `found` is the catalog's answer."""
        ctx = self._ctx
        place = ctx.place(entry.path)
        target = place.target
        meta = of_file(ctx.job, entry, place)
        session = ctx.session(meta)
        operation = ctx.handler.operation(session, meta)
        cached = None if ctx.job.ignore_cache else ctx.cached(place.key)
        if unchanged(cached, fingerprint(entry.stat, operation)):
            return Planned("nothing", entry.path, target, "unchanged")
        try:
            reason = unfit(ctx, entry, operation, place)
            if reason:
                return Planned("skip", entry.path, target, reason)
            decision = decide(situation(ctx, entry, session, meta, operation, found, cached))
        except (Impossible, Refused) as error:
            return Planned("fail", entry.path, target, str(error))
        return Planned(decision.do.value, entry.path, target, decision.note)

    def _in_the_way(self, parent: bytes, entry: Entry | Skipped, contents: Contents) -> bool:
        found = None
        if isinstance(entry, Entry):
            found = deletion_candidates.in_the_way(self._ctx, parent, entry, contents)
        self._delete_later(parent, found or ())
        return found is not None

    def _delete_later(self, path: bytes, found: Iterable[Candidate]) -> None:
        for each in found:
            self._listed += each.target.rpartition("/")[0] != self._ctx.place(path, directory=True).target
            self._later.add(each)


class _Later:
    """Candidates for deletion, on disk, in the order in which they are deleted."""

    def __init__(self) -> None:
        self._db = temporary("CREATE TABLE later (collection, height, target, candidate)")

    def __len__(self) -> int:
        count: int = self._db.execute("SELECT count(*) FROM later").fetchone()[0]
        return count

    def __iter__(self) -> Iterator[Candidate]:
        rows = self._db.execute("SELECT candidate FROM later ORDER BY collection, height DESC, target")
        return (msgspec.msgpack.decode(row[0], type=Candidate) for row in rows)

    def add(self, each: Candidate) -> None:
        row = (each.collection, each.target.count("/"), each.target, msgspec.msgpack.encode(each))
        self._db.execute("INSERT INTO later VALUES (?, ?, ?, ?)", row)
