"""Rows of replicas, and the values of a replica's status."""

from dataclasses import dataclass

STALE, GOOD, INTERMEDIATE, LOCKED = 0, 1, 2, 3


@dataclass(slots=True)
class Replica:
    """The columns of a replica that API calls need."""

    id: int
    number: int
    coll_id: int
    name: str
    type: str
    size: int
    resc_id: int
    path: str
    status: int
    checksum: str
    modified: str
    owner: str


@dataclass(slots=True)
class NewReplica:
    """The values of a new replica's row."""

    path: str
    resc_id: int
    size: int
    type: str = "generic"
    status: int = GOOD
    checksum: str = ""
    mode: str = "0"
    modified: str = ""
