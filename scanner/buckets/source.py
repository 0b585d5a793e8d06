"""A bucket, or what has a prefix in it, as a source: prefixes that end in "/" are its directories.

An object has no lstat. Its entry has the whole seconds of its last modification; the nanoseconds within that second
stand for the ETag, so that another ETag alone is a change of the data.
"""

from __future__ import annotations

import stat
from collections.abc import Callable

from ingest.fingerprint import name_hash
from ingest.job import S3
from ingest.messages import Stat
from ingest.paths import ancestors, shown
from scanner.buckets.client import Client, Object, Page, S3Failed
from scanner.buckets.content import S3Content
from scanner.buckets.listing import S3Listing
from scanner.entries import Entry, Skipped, SourceGone, SourceNotVisible, SourceUnreadable
from scanner.files.directory import elements
from scanner.rules import Rules

_SECOND = 1_000_000_000
_FILE, _DIRECTORY = stat.S_IFREG | 0o600, stat.S_IFDIR | 0o700


class S3Source:
    """What `scanner.source.Source` asks for. `root` is /bucket or /bucket/prefix, with plain elements."""

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

    def look(self, path: bytes) -> Entry | Skipped | None:
        """See Source. A prefix hides an object of the same name: iRODS cannot hold both."""
        if not elements(path):
            self.see_root()
            return self.directory(path)
        return self._excluded_above(path) or self._directory(path) or self._object(path)

    def looker(self, *, listed: bool = True) -> Looker:
        """See Source."""
        return Looker(self.look_at_object if listed else self.look)

    def look_at_object(self, path: bytes) -> Entry | Skipped | None:
        """The object of this name, with one request when it is there; else as `look`."""
        elements(path)
        return self._excluded_above(path) or self._object(path) or self._directory(path)

    def list_directory(self, path: bytes, after: bytes | None = None) -> S3Listing:
        """See Source."""
        prefix = self._prefix + "".join(f"{_text(name)}/" for name in elements(path))
        above = self._excluded_above(path + b"/") if path else None
        if above is not None:
            raise SourceUnreadable(above.reason)
        first = self.page(prefix, path, after=_text(after or b""))
        if path and not after and not (first.objects or first.prefixes or first.token):
            raise SourceGone(f"{shown(self._root)} has no directory {shown(path)}")
        return S3Listing(self, path, prefix, after or b"", first)

    def is_empty(self) -> bool:
        """See Source."""
        return self.list_directory(b"").is_empty()

    def open(self, entry: Entry) -> S3Content:
        """See Source. Every request for the content is pinned to the ETag that the entry was seen with."""
        return S3Content(self.client, self.see_root, self._key(entry.path), entry, self._settings.multipart_mib)

    def readable(self, _path: bytes) -> bool:
        """As far as anybody can tell before it is read."""
        return True

    def places(self) -> list[str]:
        """Server and bucket."""
        return [self._place]

    def see_root(self, after: S3Failed | None = None) -> None:
        """Raises RootUnseen when the bucket does not answer: then nothing is known about any object.

        The same when what has failed before says that the server wants fewer requests: one more proves nothing.
        """
        try:
            if after is not None and after.busy:
                raise after
            self.client.page(self._prefix, delimiter="", most=1)
        except S3Failed as error:
            raise SourceNotVisible(f"this host does not see {shown(self._root)}: {error}") from error

    def page(self, prefix: str, path: bytes, *, after: str = "", token: str | None = None) -> Page:
        """A page of the directory at `path`. Raises SourceUnreadable, or RootUnseen."""
        try:
            return self.client.page(prefix, after=prefix + after if after else "", token=token)
        except S3Failed as error:
            raise self._unreadable(path, error) from error

    def has_below(self, path: bytes) -> bool:
        """Whether any key goes on behind a path and a slash. Raises SourceUnreadable, or RootUnseen."""
        try:
            page = self.client.page(f"{self._key(path)}/", delimiter="", most=1)
        except S3Failed as error:
            raise self._unreadable(path, error) from error
        return bool(page.objects)

    def entry(self, path: bytes, found: Object) -> Entry | Skipped:
        """What an object is for those who sync it."""
        if option := self._rules.excludes(self._root, path, "regular"):
            return Skipped(path, "regular", f"left out by {option}", excluded=True)
        nanoseconds = found.seconds * _SECOND + name_hash(found.etag.encode()) % _SECOND
        return Entry(path, "regular", Stat(_FILE, found.size, nanoseconds, nanoseconds), version=found.etag)

    def directory(self, path: bytes) -> Entry | Skipped:
        """What a prefix is for those who sync it."""
        if option := self._rules.excludes(self._root, path, "directory"):
            return Skipped(path, "directory", f"left out by {option}", excluded=True)
        return Entry(path, "directory", Stat(_DIRECTORY, 0, 0, 0))

    def _key(self, path: bytes) -> str:
        return self._prefix + _text(path)

    def _unreadable(self, path: bytes, error: S3Failed) -> SourceUnreadable:
        self.see_root(error)
        return SourceUnreadable(f"{shown(path) or shown(self._root)}: {error}", failed=not error.denied)

    def _directory(self, path: bytes) -> Entry | Skipped | None:
        """The directory of this name. None proves that the bucket has answered."""
        try:
            return self.directory(path) if self.has_below(path) else None
        except SourceNotVisible:
            raise
        except SourceUnreadable as error:
            return Skipped(path, "directory", error.reason, failed=error.failed)

    def _object(self, path: bytes) -> Entry | Skipped | None:
        """The object of this name. None proves nothing: the answer to a HEAD does not tell of a missing bucket."""
        try:
            return self.entry(path, self.client.head(self._key(path)))
        except S3Failed as error:
            if error.gone:
                return None
            self.see_root(error)
            if error.code == "BadRequest":  # there is no more to the answer to a HEAD than its status
                return Skipped(path, "regular", f"{error}: is it encrypted with a key of the customer's (SSE-C)?")
            return Skipped(path, "regular", str(error), failed=not error.denied)

    def _excluded_above(self, path: bytes) -> Skipped | None:
        """What a listing from the root would say of a path because it does not enter a directory above it."""
        for directory in reversed([each for each in ancestors(path) if each]):
            above = self.directory(directory)
            if isinstance(above, Skipped):
                return Skipped(path, None, f"below {shown(above.path)}: {above.reason}", excluded=True)
        return None


class Looker:
    """Looks at paths in the one way or the other."""

    def __init__(self, look: Callable[[bytes], Entry | Skipped | None]) -> None:
        self.look = look

    def close(self) -> None:
        """Nothing is held."""


def _text(path: bytes) -> str:
    """A path as a part of a key; what is not UTF-8 becomes what no request can carry."""
    return path.decode("utf-8", "surrogateescape")
