"""Rows of the catalog: a replica, its state, and what a new one starts with."""

from dataclasses import dataclass

STALE, GOOD, INTERMEDIATE, LOCKED = 0, 1, 2, 3


@dataclass(slots=True)
class Replica:
    """The part of a replica's row that calls decide on."""

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
    """What a new row starts with."""

    path: str
    resc_id: int
    size: int
    type: str = "generic"
    status: int = GOOD
    checksum: str = ""
    mode: str = "0"
    modified: str = ""
