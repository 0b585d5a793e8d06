"""A bucket, or a prefix in it, as a source: prefixes that end in "/" are its directories.

An object has no lstat. Its entry has the whole seconds of its last modification; the nanoseconds within that second
are a hash of the ETag, so a new ETag alone counts as a change of the data.
"""

from __future__ import annotations

import stat
from collections.abc import Callable

from typing_extensions import override

from ingest.fingerprint import name_hash
from ingest.job import S3
from ingest.messages import Stat
from ingest.paths import ancestors, shown
from scanner import source
from scanner.buckets.client import Client, Object, Page, S3Failed
from scanner.buckets.content import S3Content
from scanner.buckets.listing import S3Listing
from scanner.entries import Entry, Skipped, SourceGone, SourceNotVisible, SourceUnreadable
from scanner.files.directory import elements
from scanner.rules import Rules

_SECOND = 1_000_000_000
_FILE, _DIRECTORY = stat.S_IFREG | 0o600, stat.S_IFDIR | 0o700


class S3Source(source.Source):
    """A bucket or a prefix in it. `root` is /bucket or /bucket/prefix, with plain elements."""

    appends = False
    has_directories = False

    def __init__(self, root: bytes, settings: S3, rules: Rules) -> None:
        bucket, _, prefix = root[1:].decode().partition("/")
        self._root = root
        self._prefix = f"{prefix}/" if prefix else ""
        self._settings = settings
        self._rules = rules
        self._place = f"{settings.endpoint}/{bucket}"
        self.client = Client(bucket, settings)

    @override
    def look(self, path: bytes) -> Entry | Skipped | None:
        """Look at a path. A prefix hides an object of the same name: iRODS cannot hold both."""
        if not elements(path):
            self.see_root()
            return self.directory(path)
        return self._excluded_above(path) or self._directory(path) or self._object(path)

    @override
    def looker(self, *, listed: bool = True) -> Looker:
        return Looker(self.look_at_object if listed else self.look)

    def look_at_object(self, path: bytes) -> Entry | Skipped | None:
        """As `look`, but with a single request if the path is an object."""
        elements(path)
        return self._excluded_above(path) or self._object(path) or self._directory(path)

    @override
    def list_directory(self, path: bytes, after: bytes | None = None) -> S3Listing:
        prefix = self._prefix + "".join(f"{_text(name)}/" for name in elements(path))
        above = self._excluded_above(path + b"/") if path else None
        if above is not None:
            raise SourceUnreadable(above.reason)
        first = self.page(prefix, path, after=_text(after or b""))
        if path and not after and not (first.objects or first.prefixes or first.token):
            raise SourceGone(f"{shown(self._root)} has no directory {shown(path)}")
        return S3Listing(self, path, prefix, after or b"", first)

    @override
    def is_empty(self) -> bool:
        return self.list_directory(b"").is_empty()

    @override
    def open(self, entry: Entry) -> S3Content:
        """Open an object. Every request for its content is pinned to the ETag of the entry."""
        return S3Content(self.client, self.see_root, self._key(entry.path), entry, self._settings.multipart_mib)

    @override
    def readable(self, path: bytes) -> bool:
        """Always true: S3 has no such check, only the read itself."""
        return True

    @override
    def places(self) -> list[str]:
        """Return server and bucket."""
        return [self._place]

    def see_root(self, after: S3Failed | None = None) -> None:
        """Raise SourceNotVisible when the bucket does not answer: then nothing is known about any object.

        Raise it as well, without a request, when the failure `after` says that the server wants fewer requests.
        """
        try:
            if after is not None and after.busy:
                raise after
            self.client.page(self._prefix, delimiter="", most=1)
        except S3Failed as error:
            raise SourceNotVisible(f"this host does not see {shown(self._root)}: {error}") from error

    def page(self, prefix: str, path: bytes, *, after: str = "", token: str | None = None) -> Page:
        """A page of the directory at `path`. Raises SourceUnreadable or SourceNotVisible."""
        try:
            return self.client.page(prefix, after=prefix + after if after else "", token=token)
        except S3Failed as error:
            raise self._unreadable(path, error) from error

    def has_below(self, path: bytes) -> bool:
        """Whether there is any key below a path and a slash. Raises SourceUnreadable or SourceNotVisible."""
        try:
            page = self.client.page(f"{self._key(path)}/", delimiter="", most=1)
        except S3Failed as error:
            raise self._unreadable(path, error) from error
        return bool(page.objects)

    def entry(self, path: bytes, found: Object) -> Entry | Skipped:
        """The entry of an object."""
        if option := self._rules.excludes(self._root, path, "regular"):
            return Skipped(path, "regular", f"left out by {option}", excluded=True)
        nanoseconds = found.seconds * _SECOND + name_hash(found.etag.encode()) % _SECOND
        return Entry(path, "regular", Stat(_FILE, found.size, nanoseconds, nanoseconds), version=found.etag)

    def directory(self, path: bytes) -> Entry | Skipped:
        """The entry of a prefix."""
        if option := self._rules.excludes(self._root, path, "directory"):
            return Skipped(path, "directory", f"left out by {option}", excluded=True)
        return Entry(path, "directory", Stat(_DIRECTORY, 0, 0, 0))

    def _key(self, path: bytes) -> str:
        return self._prefix + _text(path)

    def _unreadable(self, path: bytes, error: S3Failed) -> SourceUnreadable:
        self.see_root(error)
        return SourceUnreadable(f"{shown(path) or shown(self._root)}: {error}", failed=not error.denied)

    def _directory(self, path: bytes) -> Entry | Skipped | None:
        """The directory of this name; None means that the bucket has answered and there is none."""
        try:
            return self.directory(path) if self.has_below(path) else None
        except SourceNotVisible:
            raise
        except SourceUnreadable as error:
            return Skipped(path, "directory", error.reason, failed=error.failed)

    def _object(self, path: bytes) -> Entry | Skipped | None:
        """The object of this name; None may also mean that the bucket is absent: the answer to a HEAD does not say."""
        try:
            return self.entry(path, self.client.head(self._key(path)))
        except S3Failed as error:
            if error.absent:
                return None
            self.see_root(error)
            if error.code == "BadRequest":  # the answer to a HEAD has no text, only a status
                return Skipped(path, "regular", f"{error}: is it encrypted with a key of the customer's (SSE-C)?")
            return Skipped(path, "regular", str(error), failed=not error.denied)

    def _excluded_above(self, path: bytes) -> Skipped | None:
        """Skip a path if a listing from the root would not enter a directory above it."""
        for directory in reversed([each for each in ancestors(path) if each]):
            above = self.directory(directory)
            if isinstance(above, Skipped):
                return Skipped(path, None, f"below {shown(above.path)}: {above.reason}", excluded=True)
        return None


class Looker(source.Looker):
    """Looks at paths with the function that it is made of."""

    def __init__(self, look: Callable[[bytes], Entry | Skipped | None]) -> None:
        self._look = look

    @override
    def look(self, path: bytes) -> Entry | Skipped | None:
        return self._look(path)

    @override
    def close(self) -> None:
        """Do nothing: no connection is held."""


def _text(path: bytes) -> str:
    """A path as a part of a key. Bytes that are not UTF-8 become surrogates, which no request can carry."""
    return path.decode("utf-8", "surrogateescape")
