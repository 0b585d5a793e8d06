"""What a pass would do, without doing it: `--dry-run`."""

from __future__ import annotations

from collections.abc import Iterator
from typing import NamedTuple

from consumer import candidates, guards
from consumer.context import Context
from consumer.decide import Impossible, decide
from consumer.file import situation, unfit
from consumer.irods import catalog
from consumer.listing import Contents
from consumer.meta import of_directory, of_file
from ingest.core import DeleteMode
from ingest.errors import Refused
from ingest.fingerprint import cache_key, fingerprint
from ingest.messages import Catalog
from scanner.filesystem import Entry, Listing, RootUnseen, Skipped, SourceGone, SourceUnreadable, list_directory


class Planned(NamedTuple):
    """One path of the plan: what would be done with it, and why when it is nothing good."""

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
        self._candidates = 0

    def lines(self) -> Iterator[Planned]:
        """The plan, path by path. Raises Refused when the pass would not begin."""
        while self._waiting:
            path, present = self._waiting.pop()
            yield from self._directory(path, present)
        if self._candidates:
            objection = guards.objection(self._ctx, self._candidates, self._listed)
            if objection:
                yield Planned("delete nothing", None, self._ctx.job.target, objection)

    def _directory(self, path: bytes, present: bool | None) -> Iterator[Planned]:
        ctx = self._ctx
        target = ctx.target(path, directory=True)
        meta = of_directory(ctx.job, path, target, None)
        mode = ctx.handler.check_modes(ctx.handler.operation(ctx.session(meta), meta), meta)
        if present is None:
            present = catalog.collection_exists(ctx.lister, target)
        if not present:
            yield Planned("create collection", path, target)
        contents = _contents(ctx, target) if present else Contents((), ())
        try:
            with list_directory(ctx.job.source, path, ctx.rules) as listing:
                for entry in listing:
                    yield from self._entry(path, entry, contents)
                if mode is not DeleteMode.DO_NOT_DELETE:
                    yield from self._missing(path, contents, listing)
        except RootUnseen as error:
            raise Refused(str(error)) from error
        except SourceUnreadable as error:
            yield Planned("skip", path, target, error.reason)
        except SourceGone:
            pass
        finally:
            contents.close()

    def _entry(self, parent: bytes, entry: Entry | Skipped, contents: Contents) -> Iterator[Planned]:
        ctx = self._ctx
        if isinstance(entry, Skipped):
            yield Planned("skip", entry.path, ctx.target(entry.path), entry.reason)
            return
        name = ctx.name(parent, entry.path.rpartition(b"/")[2], directory=entry.kind == "directory")
        if entry.kind == "directory":
            self._waiting.append((entry.path, contents.has_collection(name)))
        else:
            yield self.file(entry, contents[name])

    def file(self, entry: Entry, found: Catalog) -> Planned:
        """What would be done with one file; `found` is the catalog's answer."""
        ctx = self._ctx
        target = ctx.target(entry.path)
        meta = of_file(ctx.job, entry, target)
        session = ctx.session(meta)
        operation = ctx.handler.operation(session, meta)
        directory, name = cache_key(ctx.job, target, directory=False)
        cached = None if ctx.job.ignore_cache else ctx.store.cached(ctx.cache_space, directory, [name])[0]
        if cached is not None and cached == fingerprint(entry.stat, operation):
            return Planned("nothing", entry.path, target, "unchanged")
        try:
            reason = unfit(ctx, entry, operation, target)
            if reason:
                return Planned("skip", entry.path, target, reason)
            decision = decide(situation(ctx, entry, session, meta, operation, found, cached))
        except Impossible as error:
            return Planned("fail", entry.path, target, str(error))
        return Planned(decision.do.value, entry.path, target, decision.note)

    def _missing(self, path: bytes, contents: Contents, listing: Listing) -> Iterator[Planned]:
        self._listed += sum(1 for _ in contents.names())
        for each in candidates.missing(self._ctx, path, contents, listing):
            self._candidates += 1
            self._listed += each.target.rpartition("/")[0] != self._ctx.target(path, directory=True)
            yield Planned("delete collection" if each.collection else "delete", None, each.target, "no source")


def _contents(ctx: Context, target: str) -> Contents:
    return Contents(catalog.objects(ctx.lister, target), catalog.subcollections(ctx.lister, target))
