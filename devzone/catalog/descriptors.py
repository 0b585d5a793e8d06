"""Descriptors of open replicas, and the zone's list of replicas that are open for writing."""

import secrets
import threading
from dataclasses import dataclass

from devzone.catalog.rows import Replica
from devzone.errors import LOCKED_DATA_OBJECT_ACCESS, IrodsError


@dataclass(slots=True)
class Writing:
    """A replica that is open for writing. All its descriptors share this object (parallel upload).

    ``before`` is the replica's status before it was opened; ``written`` is whether its bytes may have changed.
    """

    token: str
    data_id: int
    number: int
    path: str
    before: int
    written: bool


@dataclass(slots=True)
class Descriptor:
    """An open replica of one connection."""

    fd: int
    replica: Replica
    hierarchy: str
    keywords: dict[str, str]
    limit: int | None = None  # a reader gets at most the catalog's size in bytes (recorded: phypathreg.read_back)
    writing: Writing | None = None


class OpenReplicas:
    """All replicas of the zone that are open for writing."""

    def __init__(self) -> None:
        self._found: dict[tuple[int, int], Writing] = {}
        self._lock = threading.Lock()

    def add(self, replica: Replica, written: bool) -> Writing:
        """Add a replica that was opened for writing."""
        made = Writing(secrets.token_hex(16), replica.id, replica.number, replica.path, replica.status, written)
        with self._lock:
            self._found[replica.id, replica.number] = made
        return made

    def joined(self, replica: Replica, token: str) -> Writing:
        """The entry of an open replica, for a further descriptor; LOCKED_DATA_OBJECT_ACCESS if ``token`` is wrong."""
        with self._lock:
            found = self._found.get((replica.id, replica.number))
        if found is None or not token or found.token != token:
            raise IrodsError(LOCKED_DATA_OBJECT_ACCESS)
        return found

    def remove(self, writing: Writing) -> None:
        """Remove a replica that was closed."""
        with self._lock:
            self._found.pop((writing.data_id, writing.number), None)
