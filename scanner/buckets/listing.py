"""The objects and prefixes directly below a prefix of a bucket, page by page, in the order of their UTF-8 bytes."""

from __future__ import annotations

from collections.abc import Iterator
from types import TracebackType
from typing import Protocol

from typing_extensions import override

from ingest.paths import split
from scanner.buckets.client import Object, Page
from scanner.entries import Entry, Kind, Skipped
from scanner.names import Names, collect
from scanner.source import Listing

SPILL_ABOVE = 50_000
"""How many names of one directory are held in memory."""


class _Source(Protocol):
    def page(self, prefix: str, path: bytes, *, after: str = "", token: str | None = None) -> Page: ...
    def has_below(self, path: bytes) -> bool: ...
    def entry(self, path: bytes, found: Object) -> Entry | Skipped: ...
    def directory(self, path: bytes) -> Entry | Skipped: ...


class S3Listing(Listing):
    """The objects and prefixes directly below a prefix.

    A cursor is the name of an object, or the name of a directory with a "/" behind it, as in its keys.
    """

    def __init__(self, source: _Source, path: bytes, prefix: str, after: bytes, first: Page) -> None:
        """`first` is the page behind `after`."""
        self._source = source
        self._path = path
        self._prefix = prefix
        self._after = after
        self._first = first
        self._collected: Names | None = None

    @override
    def __enter__(self) -> S3Listing:
        return self

    @override
    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, at: TracebackType | None) -> None:
        self.close()

    def close(self) -> None:
        """Remove the temporary file."""
        if self._collected is not None:
            self._collected.close()

    def is_empty(self) -> bool:
        """Whether there is no entry. An object whose key is the prefix itself does not count."""
        return next(self._every_name(), None) is None

    @override
    def __iter__(self) -> Iterator[Entry | Skipped]:
        for page in self._pages(self._first):
            for each in self._entries(page):
                if not (isinstance(each, Skipped) and each.excluded):
                    yield each

    @override
    def names(self) -> Iterator[bytes]:
        """List the prefix once more, for all names."""
        return self._names().after(b"")

    @override
    def has(self, name: bytes) -> bool:
        return name in self._names()

    @override
    def cursor(self, entry: Entry | Skipped) -> bytes:
        name = split(entry.path)[1]
        return name + b"/" if entry.kind == "directory" else name

    def _names(self) -> Names:
        if self._collected is None:
            self._collected = collect(self._every_name(), SPILL_ABOVE)
        return self._collected

    def _every_name(self) -> Iterator[bytes]:
        for page in self._pages(self._source.page(self._prefix, self._path) if self._after else self._first):
            yield from (name.removesuffix(b"/") for name in self._found(page) if name)

    def _pages(self, page: Page) -> Iterator[Page]:
        yield page
        while page.token is not None:
            page = self._source.page(self._prefix, self._path, token=page.token)
            yield page

    def _found(self, page: Page) -> dict[bytes, Object | None]:
        """Objects by name, and None by the name of each prefix, which ends in a slash."""
        start = len(self._prefix)
        found: dict[bytes, Object | None] = {each.key[start:].encode(): each for each in page.objects}
        return found | {each[start:].encode(): None for each in page.prefixes}

    def _entries(self, page: Page) -> Iterator[Entry | Skipped]:
        """The entries of a page. Servers list its objects before its prefixes; some repeat the cursor itself."""
        found = self._found(page)
        last = max(found, default=b"") if page.token is not None else None
        for name in sorted(found):
            each, path = found[name], self._below(name.removesuffix(b"/"))
            if self._after and name <= self._after:
                continue
            if each is None:
                yield _unfit(path, name, "directory") or self._source.directory(path)
            elif name:
                yield (
                    _unfit(path, name, "regular")
                    or self._hidden(path, name, found, last)
                    or self._source.entry(path, each)
                )
            elif each.size:
                yield Skipped(self._below(b""), "regular", "its key ends in a slash although it has content")

    def _below(self, name: bytes) -> bytes:
        return self._path + b"/" + name if self._path else name

    def _hidden(
        self, path: bytes, name: bytes, found: dict[bytes, Object | None], last: bytes | None
    ) -> Skipped | None:
        """Skip an object if there is a prefix of the same name, perhaps on a page behind the one with `last`."""
        below = name + b"/"
        if below in found or (last is not None and below > last and self._source.has_below(path)):
            return Skipped(path, "regular", "there are keys below it, and iRODS cannot hold both under one name")
        return None


def _unfit(path: bytes, name: bytes, kind: Kind) -> Skipped | None:
    """Skip a name that no path of iRODS can have."""
    if name.removesuffix(b"/") in (b"", b".", b"..") or b"\0" in name:
        return Skipped(path, kind, "its key has an element that is empty, '.' or '..', or has a NUL in it")
    return None
