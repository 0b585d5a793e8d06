"""Compares one file with the replicas that the catalog has: pure functions of what was seen."""

from __future__ import annotations

from collections.abc import Iterator
from typing import NamedTuple

from consumer.sync.decide import MARGIN_SECONDS, REGISTERS, SPOILT, Situation, on_resource
from consumer.verify.rows import Kind
from ingest.handlers.core import Operation
from ingest.messages import COLLECTION, GOOD, Replica

_SECOND = 1_000_000_000
_FOLLOWS_CHANGES = frozenset({Operation.PUT_SYNC, Operation.PUT_APPEND})


class Compared(NamedTuple):
    """What is wrong with a data object, each kind with a few words, and the replicas that hold the file's content."""

    wrong: dict[Kind, str]
    examined: list[Replica]


def compare(seen: Situation, *, keeps_mtime: bool) -> Compared:
    """Compare a file with the catalog's answer.

    Args:
        seen: The file, the catalog's answer, and what the sync wants of it.
        keeps_mtime: Whether the sync gives the replica the modification time of the file.
    """
    if seen.operation is Operation.NO_OP:
        return Compared({}, [])
    if seen.catalog == COLLECTION:
        return Compared({Kind.OTHER_KIND: "a collection has this name"}, [])
    replicas = [each for each in seen.catalog if isinstance(each, Replica)]
    if not replicas:
        return Compared({Kind.MISSING: ""}, [])
    there = [replica for replica in replicas if on_resource(replica, seen.resource)]
    wrong: dict[Kind, str] = {}
    if not there:
        wrong[Kind.MISSING_REPLICA] = f"no replica on {seen.resource}"
    examined = _registered(seen, there) if seen.operation in REGISTERS else _written(replicas, there)
    for kind, detail in (
        *_statuses(seen, replicas, there),
        *_paths(seen, examined),
        *_sizes_and_times(seen, examined, keeps_mtime=keeps_mtime),
    ):
        wrong.setdefault(kind, detail)
    return Compared(wrong, examined)


def _registered(seen: Situation, there: list[Replica]) -> list[Replica]:
    """The replica that records the file; if there is none, the one that ought to."""
    return [replica for replica in there if replica.path == seen.physical] or there[:1]


def _written(replicas: list[Replica], there: list[Replica]) -> list[Replica]:
    """The replicas that ought to have the content of the file: all good ones."""
    return [replica for replica in replicas if replica.status == GOOD] or there[:1] or replicas[:1]


def _statuses(seen: Situation, replicas: list[Replica], there: list[Replica]) -> Iterator[tuple[Kind, str]]:
    """Replicas that are not good. To register a further replica makes the server mark the earlier ones stale."""
    for replica in there if seen.operation is Operation.REGISTER_AS_REPLICA_SYNC else replicas:
        if replica.status != GOOD:
            yield Kind.STALE_REPLICA, f"replica {replica.number} on {_place(replica)} has status {replica.status}"
        elif seen.operation not in REGISTERS and replica.mtime == SPOILT:
            yield Kind.STALE_REPLICA, f"replica {replica.number} on {_place(replica)} was marked as wrong content"


def _paths(seen: Situation, examined: list[Replica]) -> Iterator[tuple[Kind, str]]:
    if seen.operation in REGISTERS:
        for replica in examined:
            if replica.path != seen.physical:
                yield Kind.OTHER_PHYSICAL_PATH, f"{replica.path} instead of {seen.physical}"


def _sizes_and_times(seen: Situation, examined: list[Replica], *, keeps_mtime: bool) -> Iterator[tuple[Kind, str]]:
    mtime = seconds(seen.stat.mtime_ns)
    for replica in examined:
        if replica.size != seen.stat.size:
            yield Kind.OTHER_SIZE, f"{replica.size} bytes instead of {seen.stat.size}"
        if keeps_mtime and replica.mtime != mtime:
            yield Kind.OTHER_MTIME, f"mtime {replica.mtime} instead of {mtime}"
        elif not keeps_mtime and seen.operation in _FOLLOWS_CHANGES and mtime > replica.mtime + MARGIN_SECONDS:
            yield Kind.NEWER_SOURCE, f"the file is {mtime - replica.mtime} s newer than the replica"


def seconds(nanoseconds: int) -> int:
    """A time of a file as the catalog has it: whole seconds, and never negative."""
    return max(nanoseconds // _SECOND, 0)


def _place(replica: Replica) -> str:
    return replica.hierarchy.replace(";", " > ")
