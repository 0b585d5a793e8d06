"""Creates tasks with their messages, for the partition of their path."""

from __future__ import annotations

import secrets
from collections.abc import Callable, Iterable, Iterator, Sequence
from typing import Any, Literal, TypeVar

import msgspec

from ingest.broker import Outgoing
from ingest.job import Job
from ingest.messages import (
    Candidate,
    Change,
    ClosePass,
    Delete,
    ListPath,
    MovePath,
    OpenPass,
    Restart,
    Scope,
    SyncFiles,
    Task,
    encode,
    path_from_wire,
    path_to_wire,
)
from ingest.store import Child, Names

_Item = TypeVar("_Item", Change, Candidate)


def listing(
    job: Job,
    pass_id: str,
    path: bytes,
    *,
    present: bool | None = None,
    reach: Literal["all", "names", "collection"] = "all",
) -> Child:
    """Return the task to list a directory; see `ListPath` for the arguments."""
    where = path_to_wire(path)
    message = ListPath(**_of(job), pass_id=pass_id, task=_number(), path=where, present=present, reach=reach)
    return _child(job, job.topics.path, path, message)


def move(job: Job, pass_id: str, old: bytes, new: bytes, *, directory: bool) -> Child:
    """Return the task to rename `old` to `new`, for the partition of the new path.

    A file is moved after the quiet time of the job: if it has a successor under its old name then, it was only saved.
    """
    names = (path_to_wire(old), path_to_wire(new))
    message = MovePath(**_of(job), pass_id=pass_id, task=_number(), old=names[0], new=names[1], directory=directory)
    child = _child(job, job.topics.path, new, message)
    delay = 0.0 if directory else job.quiet
    return msgspec.structs.replace(child, move=Names(old, new, directory), delay=delay)


def files(job: Job, pass_id: str, changes: Iterable[Change]) -> Iterator[Child]:
    """Yield the tasks to synchronise changes, in batches that share a partition."""
    for path, batch in _batches(job, changes, lambda change: path_from_wire(change.path)):
        yield _child(job, job.topics.file, path, SyncFiles(**_of(job), pass_id=pass_id, task=_number(), changes=batch))


def deletions(job: Job, pass_id: str, candidates: Iterable[Candidate]) -> Iterator[Child]:
    """Yield the tasks to delete data objects, in batches that share a partition."""
    for _, batch in _batches(job, candidates, lambda candidate: source_path(job, candidate)):
        yield deletion(job, pass_id, batch)


def deletion(job: Job, pass_id: str, candidates: Sequence[Candidate]) -> Child:
    """Return the task to delete candidates in their order, for the partition of the first one."""
    message = Delete(**_of(job), pass_id=pass_id, task=_number(), candidates=list(candidates))
    return _child(job, job.topics.file, source_path(job, candidates[0]), message)


def opening(job: Job, restart: Restart) -> Child:
    """Return the first task of the pass that a message starts."""
    what: dict[str, Any] = {"retry": restart.retry, "paths": restart.paths, "scope": restart.scope}
    message = OpenPass(**_of(job), pass_id=restart.pass_id, task=_number(), **what)
    return _child(job, job.topics.restart, b"", message)


def closing(job: Job, pass_id: str) -> Child:
    """Return the last task of a pass."""
    return _child(job, job.topics.restart, b"", ClosePass(**_of(job), pass_id=pass_id, task=_number()))


def restart(
    job: Job,
    reason: str,
    *,
    retry: bool = False,
    paths: Iterable[bytes] = (),
    scope: Sequence[Scope] = (),
    pass_id: str | None = None,
) -> Outgoing:
    """Return the message that starts a new pass; see `Restart` for the arguments. `paths` are source-relative."""
    what: dict[str, Any] = {"retry": retry, "paths": [path_to_wire(path) for path in paths], "scope": list(scope)}
    message = Restart(**_of(job), pass_id=pass_id or _number(), reason=reason, **what)
    topic = job.topics.restart
    return Outgoing(topic, job.topics.partition(topic, job.key(b"")), encode(message))


def _batches(
    job: Job, items: Iterable[_Item], path_of: Callable[[_Item], bytes]
) -> Iterator[tuple[bytes, list[_Item]]]:
    """Yield batches of items that share a partition of the file topic, each with the path of its first item."""
    batches: dict[int, list[_Item]] = {}
    for item in items:
        batches.setdefault(job.topics.partition(job.topics.file, job.key(path_of(item))), []).append(item)
    for found in batches.values():
        for start in range(0, len(found), job.files_per_task):
            yield path_of(found[start]), found[start : start + job.files_per_task]


def source_path(job: Job, candidate: Candidate) -> bytes:
    """Return the source path of a deletion candidate, as if no name were mapped."""
    return candidate.target.removeprefix(job.target + "/").encode("utf-8", "surrogateescape")


def _of(job: Job) -> dict[str, Any]:
    return {"job": job.name, "incarnation": job.incarnation}


def _number() -> str:
    return secrets.token_hex(8)


def _child(job: Job, topic: str, path: bytes, message: Task) -> Child:
    return Child(message.task, Outgoing(topic, job.topics.partition(topic, job.key(path)), encode(message)))
