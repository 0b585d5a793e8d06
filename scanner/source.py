"""What a job's files come from, as the consumer sees it: one path, one directory, the content of one file.

All paths are relative to the source: no empty, "." or ".." element and no NUL, else ValueError. When the source itself
is not seen from this host, every method raises RootUnseen: nothing is said to be gone by a host that cannot know.
"""

from __future__ import annotations

from collections.abc import Iterator
from types import TracebackType
from typing import Protocol

from ingest.job import Job
from scanner.content import Content
from scanner.entries import Entry, Skipped
from scanner.files.filesystem import FileSystemSource
from scanner.rules import Rules


class Listing(Protocol):
    """One directory; a context manager. Iterating leaves out what is gone by then, or excluded by an option."""

    def __enter__(self) -> Listing: ...

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, at: TracebackType | None
    ) -> None: ...

    def __iter__(self) -> Iterator[Entry | Skipped]: ...

    def names(self) -> Iterator[bytes]:
        """All names that the directory has, whatever options, permissions or kind."""

    def has(self, name: bytes) -> bool:
        """Whether the directory has an entry of this name."""

    def cursor(self, entry: Entry | Skipped) -> bytes:
        """From where a later listing goes on behind this entry."""


class Looker(Protocol):
    """Looks at many paths, of which most have neighbours."""

    def look(self, path: bytes) -> Entry | Skipped | None:
        """What is at a path now; None when it is gone."""

    def close(self) -> None:
        """Give back what it holds."""


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
        """One look at `path`: the same answer as a listing from the root would come to; None when it is gone."""

    def looker(self, *, listed: bool = True) -> Looker:
        """For looks at many paths; close it after use. `listed`: a listing has just shown a file at each of them."""

    def list_directory(self, path: bytes, after: bytes | None = None) -> Listing:
        """The directory at `path`, behind the cursor `after`; close it after use.

        Raises SourceGone when there is no such directory (any more), SourceUnreadable when it cannot be listed or a
        listing from the root would not come to it.
        """

    def is_empty(self) -> bool:
        """Whether the source has nothing at all. Raises SourceUnreadable when that cannot be known."""

    def open(self, entry: Entry) -> Content:
        """The content of a file, to be closed after use.

        Raises OSError (FileNotFoundError when it is gone), and ValueError for what is no regular file or is left alone.
        """

    def readable(self, path: bytes) -> bool:
        """Whether this process may read the file at `path`."""

    def places(self) -> list[str]:
        """What the source lies on, and then what else lies below it: when that changes, much may seem to be gone."""


def source_of(job: Job, rules: Rules) -> Source:
    """The source of a job."""
    if job.s3 is None:
        return FileSystemSource(job.source, rules)
    from scanner.buckets.source import S3Source  # noqa: PLC0415 - only what is needed

    return S3Source(job.source, job.s3, rules)
