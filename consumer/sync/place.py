"""The names of one path: in the source, in the zone, and in the path cache."""

from __future__ import annotations

from typing import NamedTuple


class Place(NamedTuple):
    """The names of one path. `Context.place` makes it, once per path, and all that follows passes it on."""

    path: bytes
    """Relative to the source; empty for the source itself."""
    source: bytes
    """Absolute source path."""
    target: str
    """Logical path."""
    key: tuple[bytes, bytes]
    """Directory and name in the path cache."""
