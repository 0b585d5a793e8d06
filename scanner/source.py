"""The protocols of a source: the files of a job, as the consumer sees them.

All paths are bytes, relative to the source ("" is the source itself), without empty, "." or ".." elements and without
NUL; other paths raise ValueError. Every method raises SourceNotVisible when this host does not see the source itself:
a host that cannot see a source cannot know which files are absent.
"""

from __future__ import annotations

from collections.abc import Iterator
from types import TracebackType
from typing import Protocol

from scanner.content import Content
from scanner.entries import Entry, Skipped


class Listing(Protocol):
    """The entries of one directory; a context manager that frees the listing's descriptors and temporary files."""

    def __enter__(self) -> Listing: ...

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, at: TracebackType | None
    ) -> None: ...

    def __iter__(self) -> Iterator[Entry | Skipped]:
        """Iterate over the entries behind the listing's cursor, in the order of their names.

        Each name is looked at when its turn comes. Names that are absent by then, and names that an option excludes,
        are left out.
        """

    def names(self) -> Iterator[bytes]:
        """Iterate over all names in the directory, in order, whatever options, permissions or kind say."""

    def has(self, name: bytes) -> bool:
        """Return whether the directory has an entry of this name, whatever options, permissions or kind say."""

    def cursor(self, entry: Entry | Skipped) -> bytes:
        """Return the cursor with which a later listing continues behind this entry.

        Args:
            entry: An entry that this listing has returned.
        """


class Looker(Protocol):
    """Looks at many paths, most of them neighbours: faster than `Source.look` for each."""

    def look(self, path: bytes) -> Entry | Skipped | None:
        """Look at a path now, as `Source.look` does.

        Returns:
            An entry; Skipped with the reason why it is left alone; None if the path is absent.

        Raises:
            SourceNotVisible: This host does not see the source.
        """

    def close(self) -> None:
        """Free what the looker holds."""


class Source(Protocol):
    """Where the files of a job are.

    Attributes:
        appends: Whether a writer can add data to a file and keep what it had. Otherwise every write replaces the whole.
        has_directories: Whether directories exist by themselves, with times of their own, and exclude a file of the
            same name. Otherwise a directory is only the common prefix of names below it.
    """

    appends: bool
    has_directories: bool

    def look(self, path: bytes) -> Entry | Skipped | None:
        """Look at a path now. The result is the same as that of a listing from the root down to this path.

        Returns:
            An entry; Skipped with the reason why it is left alone; None if the path is absent.

        Raises:
            SourceNotVisible: This host does not see the source.
            ValueError: The path could leave the source.
        """

    def looker(self, *, listed: bool = True) -> Looker:
        """Return a looker for many paths; the caller closes it.

        Args:
            listed: A listing has just shown a file at each of the paths, so most are still files.
        """

    def list_directory(self, path: bytes, after: bytes | None = None) -> Listing:
        """List a directory; the caller closes the listing.

        Args:
            path: The directory.
            after: A cursor of an earlier listing, to continue behind it; None begins at the first name.

        Raises:
            SourceGone: There is no such directory.
            SourceUnreadable: The directory cannot be listed, or a listing from the root would not reach it.
            SourceNotVisible: This host does not see the source.
            ValueError: The path could leave the source.
        """

    def is_empty(self) -> bool:
        """Return whether the source has no entry at all.

        Raises:
            SourceUnreadable: The source cannot be listed.
        """

    def open(self, entry: Entry) -> Content:
        """Open the content of a file; the caller closes it.

        Args:
            entry: A regular file, or a link to one, as a look or a listing has returned it.

        Raises:
            OSError: The file cannot be read; FileNotFoundError if it is absent.
            ValueError: The entry is no regular file, or it is left alone now.
            SourceNotVisible: This host does not see the source.
        """

    def readable(self, path: bytes) -> bool:
        """Return whether this process may read the file at a path. Nothing is opened."""

    def places(self) -> list[str]:
        """Return what the source is on (a mount, a bucket), then what is mounted below it.

        When this list changes, many files may seem to be absent although they exist.
        """
