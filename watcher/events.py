"""What a backend says of a source, and what is to be done about it once it has settled.

Events are hints: whoever acts on one looks at the source again. All paths are relative to the root ("" is the root
itself), bytes, without empty, "." or ".." elements.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from typing import NamedTuple, Protocol

import msgspec


class Written(msgspec.Struct, frozen=True):
    """A file, or anything else that is no directory, has appeared or may have changed.

    `new`: it appeared under this name, so nothing was synced under it yet.
    """

    path: bytes
    new: bool = False


class Directory(msgspec.Struct, frozen=True):
    """A directory has appeared; events of what is in it follow, also of what was in it before it was watched."""

    path: bytes


class Gone(msgspec.Struct, frozen=True):
    """Nothing has this name any more."""

    path: bytes
    directory: bool


class Moved(msgspec.Struct, frozen=True):
    """What was `old` is `new` now, both below the root; what `new` was before is gone."""

    old: bytes
    new: bytes
    directory: bool


class Missed(msgspec.Struct, frozen=True):
    """Anything may have happened below the directory `path` unseen: it must be scanned. `reason` is for people."""

    path: bytes
    reason: str


class RootLost(msgspec.Struct, frozen=True):
    """The root was deleted, moved away or unmounted; the backend waits for it and then says Missed of the whole."""

    reason: str


Event = Written | Directory | Gone | Moved | Missed | RootLost


class Unsaid(list[Event]):
    """Takes events of what nobody is to be told, and keeps none."""

    def append(self, event: Event, /) -> None:
        """Drop it."""

    def extend(self, events: Iterable[Event], /) -> None:
        """Drop them, without asking for any."""


class Backend(Protocol):
    """One way to learn what happens below a root. Not for several threads; a context manager."""

    unwatched: int
    """Directories that cannot be watched (the limit of the system) and are polled instead."""

    def start(self) -> None:
        """Watch the whole tree; returns when every directory that was there is watched. Raises Refused."""

    def read(self, timeout: float) -> Sequence[Event]:
        """What has happened since the last call, in its order; waits up to `timeout` seconds for the first event."""

    def acknowledge(self) -> None:
        """All events that `read` has given are in safety, or nothing came of them: their sender may forget them."""

    def close(self) -> None:
        """Stop watching."""

    def __enter__(self) -> Backend: ...

    def __exit__(self, *_: object) -> None: ...


class Sync(NamedTuple):
    """Sync one file. `new`: nothing has been synced under this name yet."""

    path: bytes
    new: bool


class Vanish(NamedTuple):
    """A file is gone."""

    path: bytes


class Move(NamedTuple):
    """A file or directory has another name."""

    old: bytes
    new: bytes
    directory: bool


class Rescan(NamedTuple):
    """Scan the directory `path` and, when `deep`, all below it."""

    path: bytes
    deep: bool


class MakeDirectory(NamedTuple):
    """A directory is to have its collection."""

    path: bytes


Work = Sync | Vanish | Move | MakeDirectory | Rescan
"""What is published, in this order, once it has settled."""
