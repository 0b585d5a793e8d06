"""Everything that is known about one path, in sentences: `ingest-scan why`."""

from __future__ import annotations

import os
from collections.abc import Iterator

from consumer.dry_run import Plan
from consumer.irods.catalog import look_up
from consumer.irods.sessions import Sessions
from consumer.sync.context import Context
from ingest.errors import Refused, Unreachable
from ingest.fingerprint import MARKS
from ingest.job import JobStatus
from ingest.messages import COLLECTION
from ingest.paths import is_within, prefix_of, shown
from ingest.store import Store
from scanner.entries import Entry, Skipped, SourceNotVisible


def explain(store: Store, path: str, sessions: Sessions) -> Iterator[str]:
    """What each job that covers a source path or logical path knows about it. Raises Refused if no job covers it."""
    absolute = b"/" + os.fsencode(path[5:]) if path.startswith("s3://") else os.fsencode(os.path.abspath(path))
    found = False
    for status in store.jobs.all():
        relative = _relative(status, absolute, path)
        if relative is not None:
            found = True
            job = status.job
            yield f"Job {job.name} ({status.state.value}): {shown(job.source)} → {job.target}"
            try:
                yield from _explain(Context(job, store, sessions), relative)
            except (Refused, Unreachable) as error:  # of this job: others may have more to say
                yield f"  {error}"
    if not found:
        raise Refused(f"no job covers {path}")


def _relative(status: JobStatus, absolute: bytes, logical: str) -> bytes | None:
    job = status.job
    for path, root in ((absolute, job.source), (os.fsencode(logical), job.target.encode())):
        if is_within(path, root):
            return path[len(prefix_of(root)) :]
    return None


def _explain(ctx: Context, path: bytes) -> Iterator[str]:
    job = ctx.job
    try:
        entry = ctx.source.look(path)
    except (SourceNotVisible, ValueError) as error:  # the latter for names that no source has
        yield f"  source: {error}"
        return
    directory = isinstance(entry, Entry) and entry.kind == "directory"
    place = ctx.place(path, directory=directory)
    yield f"  source: {_seen(entry)}"
    yield f"  logical path: {place.target}"
    cached = ctx.cached(place.key) if path else None
    yield f"  path cache: {'synced before' if cached is not None and cached not in MARKS else 'not known'}"
    found = look_up(ctx.lister, place.target)
    if found == COLLECTION:
        yield "  catalog: a collection"
    elif not found:
        yield "  catalog: nothing"
    for replica in found if isinstance(found, list) else []:
        yield (
            f"  catalog: replica {replica.number} on {replica.hierarchy}: {replica.size} bytes, mtime {replica.mtime},"
            f" status {replica.status}, {replica.path}"
        )
    for problem in ctx.store.jobs.problems(job.name):
        if problem.path == path:
            yield f"  latest pass: {'skipped' if problem.skipped else 'failed'}: {problem.reason}"
    if isinstance(entry, Entry) and not directory:
        planned = Plan(ctx).file(entry, found)
        yield f"  the next pass: {planned.action}{f': {planned.reason}' if planned.reason else ''}"


def _seen(entry: Entry | Skipped | None) -> str:
    if entry is None:
        return "nothing is there"
    if isinstance(entry, Skipped):
        return f"left alone: {entry.reason}"
    return f"{entry.kind}, {entry.stat.size} bytes, mtime {entry.stat.mtime_ns // 1_000_000_000}"
