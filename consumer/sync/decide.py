"""What is to be done with one file: a pure function of the file, the catalog's answer and the job's wishes."""

from __future__ import annotations

from collections.abc import Iterable
from enum import Enum
from typing import NamedTuple

from ingest.handlers.core import Operation
from ingest.messages import COLLECTION, GOOD, UNKNOWN, Catalog, Replica, Stat

MARGIN_SECONDS = 2
"""How much newer than its file a put replica must be to count as made from it (clocks differ, seconds are whole)."""

REGISTERS = frozenset({Operation.REGISTER_SYNC, Operation.REGISTER_AS_REPLICA_SYNC})
"""What records a file where it is; all else brings its content into the zone, or nothing."""

SPOILT = 0
"""The mtime of a replica with wrong content, where the rights to mark it stale were missing."""


class Action(Enum):
    """The possible courses."""

    REGISTER = "register"
    REGISTER_REPLICA = "register replica"
    UPDATE = "update"
    PUT = "put"
    OVERWRITE = "overwrite"
    APPEND = "append"
    HOOKS_CREATE = "create hooks"
    HOOKS_MODIFY = "modify hooks"
    NOTHING = "nothing"


class Decision(NamedTuple):
    """The course, and the replica that it is about."""

    do: Action
    replica: Replica | None = None
    note: str = ""


class Impossible(Exception):  # noqa: N818 - the verdict on one path
    """The path cannot be synced as the job wants it; the message says why."""


class Situation(NamedTuple):
    """Everything that a decision depends on."""

    operation: Operation
    stat: Stat
    physical: str
    """The physical path that a registration records."""
    resource: str | None
    """Name of the target resource; None where neither handler nor environment names one."""
    catalog: Catalog
    metadata_only: bool = False
    """The path cache says that nothing but ctime has changed."""
    data_changed: bool = False
    """The path cache says that size, mtime or inode have changed, or that the object's content is not known."""
    unfinished: bool = False
    """The path cache says that the object was to be created, and that the event was not complete."""
    forced: bool = False
    """`--ignore_cache`: sync what looks unchanged, too."""
    preserve_mtime: bool = False
    replaced: bool = False
    """Another file has taken the name, or the source knows no appending: all of the content is new."""
    lost: frozenset[str] = frozenset()
    """Physical paths of replicas below the source at which no file exists any more."""


def decide(seen: Situation) -> Decision:
    """The course of action (SPEC, the table of operations); raises Impossible."""
    if seen.catalog == UNKNOWN:
        raise ValueError("the catalog has not been asked")
    if seen.catalog == COLLECTION:
        raise Impossible("a collection has this name")
    replicas: list[Replica] = [each for each in seen.catalog if isinstance(each, Replica)]
    if seen.operation is Operation.NO_OP:
        return Decision(Action.HOOKS_MODIFY if replicas and not seen.unfinished else Action.HOOKS_CREATE)
    registers = seen.operation in REGISTERS
    if not replicas:
        return Decision(Action.REGISTER if registers else Action.PUT)
    there = [replica for replica in replicas if on_resource(replica, seen.resource)]
    if not there:
        if seen.operation is Operation.REGISTER_AS_REPLICA_SYNC:
            return Decision(Action.REGISTER_REPLICA)
        raise Impossible(f"the data object has no replica on resource {seen.resource}, only on {_places(replicas)}")
    return _registered(seen, there) if registers else _written(seen, there)


def on_resource(replica: Replica, resource: str | None) -> bool:
    """Whether the replica's leaf is the resource or is below it. Without a resource, any replica matches."""
    return resource is None or resource in replica.hierarchy.split(";")


def _registered(seen: Situation, there: list[Replica]) -> Decision:
    same_path = [replica for replica in there if replica.path == seen.physical]
    lost = [replica for replica in there if replica.path in seen.lost]
    if lost and not same_path:  # a move that no watcher reported, or that failed halfway
        return Decision(Action.UPDATE, lost[0])
    if not same_path:
        raise Impossible(f"wrong resource or path: the replica on {_places(there)} is {there[0].path}")
    replica = same_path[0]
    up_to_date = (replica.size, replica.mtime) == (seen.stat.size, seen.stat.mtime_ns // 1_000_000_000)
    if seen.forced or not up_to_date or replica.status != GOOD or seen.data_changed:
        return Decision(Action.UPDATE, replica)
    return Decision(Action.HOOKS_MODIFY if seen.metadata_only else Action.NOTHING, replica)


def _written(seen: Situation, there: list[Replica]) -> Decision:
    replica = next((each for each in there if each.status == GOOD), there[0])
    if seen.operation is Operation.PUT:
        return _put_once(seen, replica)
    made = replica.status == GOOD and _made_from(replica, seen)
    same = made and not seen.data_changed
    if not seen.forced:
        if made and seen.unfinished:
            return Decision(Action.HOOKS_CREATE, replica)
        if seen.metadata_only and replica.size == seen.stat.size and replica.status == GOOD:
            return Decision(Action.HOOKS_MODIFY, replica)
        if same:
            return Decision(Action.NOTHING, replica)
    if seen.operation is Operation.PUT_APPEND and replica.status == GOOD and not seen.replaced:
        return _appended(seen, replica, same=same)
    return Decision(Action.OVERWRITE, replica)


def _appended(seen: Situation, replica: Replica, *, same: bool) -> Decision:
    if seen.stat.size > replica.size or same:
        return Decision(Action.APPEND, replica)
    how = "shorter than" if seen.stat.size < replica.size else "newer and as long as"
    return Decision(Action.OVERWRITE, replica, f"the file is {how} the data object: overwritten")


def _put_once(seen: Situation, replica: Replica) -> Decision:
    """PUT changes no existing data object, except the remains of an interrupted put."""
    if all(each.status != GOOD or each.mtime == SPOILT for each in seen.catalog if isinstance(each, Replica)):
        return Decision(Action.OVERWRITE, replica, "what an interrupted put has left is overwritten")
    if seen.unfinished:
        return Decision(Action.HOOKS_CREATE, replica)
    return Decision(Action.HOOKS_MODIFY if seen.metadata_only else Action.NOTHING, replica)


def _made_from(replica: Replica, seen: Situation) -> bool:
    if replica.size != seen.stat.size:
        return False
    if seen.preserve_mtime:
        return replica.mtime == seen.stat.mtime_ns // 1_000_000_000
    latest = max(seen.stat.mtime_ns, seen.stat.ctime_ns) / 1_000_000_000
    return replica.mtime > latest + MARGIN_SECONDS


def _places(replicas: Iterable[Replica]) -> str:
    return ", ".join(sorted({replica.hierarchy.replace(";", " > ") for replica in replicas}))
