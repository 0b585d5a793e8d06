"""Finding what a collection has and its source directory has not: candidates for deletion, nothing more.

Names of the source are mapped forward and compared with those of the catalog; there is no way back from a mapped or
encoded name. Whatever the source has under a name protects what the zone has under it, excluded or unreadable as it
may be; only a regular file does not protect a collection, nor a directory an object.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import Literal

from consumer.irods import catalog
from consumer.sync.contents import Contents
from consumer.sync.context import Context
from consumer.sync.path_cache import ingested
from ingest.fingerprint import name_hash
from ingest.messages import Candidate, path_from_wire, path_to_wire
from ingest.paths import UNDECODABLE_PREFIX, join
from scanner.entries import Entry, Skipped, SourceGone
from scanner.source import Listing


def missing(ctx: Context, path: bytes, contents: Contents, listing: Listing) -> Iterator[Candidate]:
    """Everything in the collection of a source directory that the directory has no name for, sub-trees included."""
    renamed = _renamed_hashes(ctx, path, listing)
    for name, is_collection in contents.names():
        encoded = name.encode("utf-8", "surrogateescape")
        if not listing.has(encoded) and name_hash(encoded) not in renamed:
            yield from tree(ctx, path, name, collection=is_collection)


def in_the_way(ctx: Context, parent: bytes, entry: Entry, contents: Contents) -> Iterator[Candidate] | None:
    """What the zone has of the other kind under an entry's name, as candidates; None: nothing, or it must stay.

    Links and special files are in nobody's way: what they were may come back by an option.
    """
    if entry.kind not in ("regular", "directory"):
        return None
    collection = entry.kind == "regular"
    name = ctx.name(parent, entry.name, directory=collection)
    if not (contents.has_collection(name) if collection else contents.has_object(name)):
        return None
    top = f"{ctx.place(parent, directory=True).target}/{name}"
    if ctx.job.delete_only_ingested and not ingested(ctx, top, collection=collection):
        return None
    return tree(ctx, parent, name, taken_by="regular" if collection else "directory", resync=entry.path)


def tree(
    ctx: Context,
    parent: bytes,
    name: str,
    *,
    collection: bool | None = None,
    taken_by: Literal["regular", "directory"] | None = None,
    resync: bytes | None = None,
) -> Iterator[Candidate]:
    """An object, or a collection with all that is in it, as candidates; `resync` waits for the topmost of them.

    What a regular file wants to take the place of is a collection, what a directory does is an object.
    """
    is_collection = taken_by == "regular" if collection is None else collection
    top = f"{ctx.place(parent, directory=True).target}/{name}"
    waits = None if resync is None else path_to_wire(resync)
    for target, inner in _descend(ctx, top) if is_collection else [(top, False)]:
        if not ctx.job.delete_only_ingested or ingested(ctx, target, collection=inner):
            yield Candidate(target, inner, path_to_wire(parent), name, taken_by, waits if target == top else None)


def _descend(ctx: Context, top: str) -> Iterator[tuple[str, bool]]:
    waiting = [top]
    while waiting:
        collection = waiting.pop()
        yield collection, True
        for name in dict.fromkeys(name for name, _ in catalog.objects(ctx.lister, collection)):
            yield f"{collection}/{name}", False
        waiting += [f"{collection}/{name}" for name in catalog.subcollections(ctx.lister, collection)]


def _renamed_hashes(ctx: Context, path: bytes, listing: Listing) -> set[int]:
    """The logical names of a directory's entries that differ from their own, as hashes: eight bytes, not a name.

    A collision of hashes keeps an object that should go, never the other way round.
    """
    return {name_hash(logical.encode()) for name in listing.names() for logical in _renamings(ctx, path, name)}


def _renamings(ctx: Context, parent: bytes, name: bytes) -> set[str]:
    """The logical names of an entry, as a file and as a directory, when they differ from its own."""
    both = {ctx.name(parent, name, directory=directory) for directory in (True, False)}
    return {logical for logical in both if logical.encode() != name}


class SourceView:
    """Looks once more whether the source has something under the names of candidates; for one task."""

    def __init__(self, ctx: Context) -> None:
        self.ctx = ctx
        self._parent: bytes | None = None
        self._renamed: dict[str, bytes] = {}

    def still_missing(self, candidate: Candidate) -> bool:
        """Whether the candidate still has no source. Raises what says that the source cannot be seen or listed."""
        parent = path_from_wire(candidate.parent)
        found = self._look(join(parent, candidate.name.encode("utf-8", "surrogateescape")))
        if found is None and self._may_be_renamed(candidate.name):
            source = self._renamed_in(parent).get(candidate.name)
            found = None if source is None else self._look(join(parent, source))
        return found is None or (found.kind is not None and found.kind == candidate.taken_by)

    def _may_be_renamed(self, name: str) -> bool:
        return self.ctx.handler.has("character_map") or name.startswith(UNDECODABLE_PREFIX)

    def _look(self, path: bytes) -> Entry | Skipped | None:
        return self.ctx.source.look(path)

    def _renamed_in(self, parent: bytes) -> dict[str, bytes]:
        """Logical → source name of the entries of a directory whose names differ; none when it is gone itself."""
        if self._parent != parent:
            self._parent, self._renamed = parent, {}
            try:
                with self.ctx.source.list_directory(parent) as listing:
                    for name in listing.names():
                        self._renamed.update(dict.fromkeys(_renamings(self.ctx, parent, name), name))
            except SourceGone:
                pass
        return self._renamed
