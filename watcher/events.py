"""Events of a source, as a backend reports them, and the work that they become once they have settled.

Events are hints: a consumer looks at the source before it acts. All paths are relative to the root ("" is the root
itself), bytes, without empty, "." or ".." elements.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from typing import NamedTuple, Protocol

import msgspec


class Written(msgspec.Struct, frozen=True):
    """A file, or another entry that is no directory, has appeared or may have changed.

    `new`: it has just appeared, so nothing was synced under this name yet.
    """

    path: bytes
    new: bool = False


class Directory(msgspec.Struct, frozen=True):
    """A directory has appeared. Events of all its entries follow, including those from before it was watched."""

    path: bytes


class Gone(msgspec.Struct, frozen=True):
    """A watcher saw the file or directory disappear from this path."""

    path: bytes
    directory: bool


class Moved(msgspec.Struct, frozen=True):
    """`old` was renamed to `new`, both below the root. An earlier entry at `new` is absent now."""

    old: bytes
    new: bytes
    directory: bool


class Missed(msgspec.Struct, frozen=True):
    """Changes below the directory `path` may have been missed, so it must be scanned. `reason` is for people."""

    path: bytes
    reason: str


class RootLost(msgspec.Struct, frozen=True):
    """The root was deleted, moved or unmounted. Once it exists again, the backend reports a Missed for all of it."""

    reason: str


Event = Written | Directory | Gone | Moved | Missed | RootLost


class Discarded(list[Event]):
    """A list that drops all events that are added to it."""

    def append(self, event: Event, /) -> None:
        """Drop it."""

    def extend(self, events: Iterable[Event], /) -> None:
        """Drop them, without iterating."""


class Backend(Protocol):
    """Reports the changes below a root. For one thread; a context manager.

    Attributes:
        unwatched: The number of directories that are polled because they cannot be watched (a limit of the system).
        ordered: Whether events come in the order in which the changes happened.
    """

    unwatched: int
    ordered: bool

    def start(self) -> None:
        """Start to watch the whole tree. Returns when every existing directory is watched.

        Raises:
            Refused: The root cannot be watched, with the reason.
        """

    def read(self, timeout: float) -> Sequence[Event]:
        """Return the events since the last call.

        Args:
            timeout: The seconds to wait for the first event.

        Returns:
            The events, in the order of the changes if the backend is `ordered`; empty when the time is over.
        """

    def acknowledge(self) -> None:
        """Tell the sender that it may drop all events that `read` has returned: they are stored, or need no work."""

    def close(self) -> None:
        """Stop watching. A second call does nothing."""

    def __enter__(self) -> Backend: ...

    def __exit__(self, *_: object) -> None: ...


class Sync(NamedTuple):
    """Sync one file. `new`: nothing has been synced under this name yet."""

    path: bytes
    new: bool


class Vanish(NamedTuple):
    """A watcher saw a file disappear."""

    path: bytes


class Move(NamedTuple):
    """A file or directory was renamed."""

    old: bytes
    new: bytes
    directory: bool


class Rescan(NamedTuple):
    """Scan the directory `path`, and everything below it if `deep`."""

    path: bytes
    deep: bool


class MakeDirectory(NamedTuple):
    """Make the collection of a directory."""

    path: bytes


Single = Sync | Vanish | Move | MakeDirectory
"""Work on certain paths."""

Work = Single | Rescan
"""Work that is published, in its order, once the events have settled."""
