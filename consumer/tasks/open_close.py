"""The restart topic: the first and the last task of a pass."""

from __future__ import annotations

from collections.abc import Iterator

import msgspec

from consumer.irods.catalog import is_rodsadmin
from consumer.irods.errors import describe
from consumer.protocol import Finished, Outcome, Part, Result
from consumer.sync import guards
from consumer.sync.context import Context
from consumer.sync.failures import out_of_reach
from consumer.sync.meta import of_job
from consumer.sync.path_cache import bind
from consumer.tasks.delete import next_deletions
from ingest import tasks
from ingest.errors import Refused
from ingest.job import Counts
from ingest.messages import (
    Change,
    ClosePass,
    OpenPass,
    path_from_wire,
    path_to_wire,
)
from ingest.paths import split
from ingest.store import Child
from scanner.entries import Entry


def open_pass(ctx: Context, task: OpenPass) -> Finished:
    """Check that the handler makes sense, run `pre_job`, and begin with the root. A failure ends the pass."""
    meta = of_job(ctx.job)
    guards.begin(ctx)
    bind(ctx)
    try:
        ctx.handler.check_modes(ctx.handler.operation(ctx.session(meta), meta), meta)
        _check_bulk(ctx)
        ctx.handler.job_event("pre_job", ctx.log, meta)
    except Exception as error:
        if out_of_reach(ctx, error):
            raise
        reason = str(error) if isinstance(error, Refused) else f"the pass cannot begin: {describe(error)}"
        return Finished(failure=Outcome(Result.FAILED, reason=reason))
    if task.retry:
        return retry_paths(ctx, task)
    if task.scope:
        return Finished(Part(children=list(_scoped(ctx, task))))
    return Finished(Part(children=[tasks.listing(ctx.job, task.pass_id, b"")]))


def _scoped(ctx: Context, task: OpenPass) -> Iterator[Child]:
    """The listings of a scope. What is no directory any more is missing in one above it: that is listed instead."""
    deep = dict[bytes, bool]()
    for each in task.scope:
        path, whole = path_from_wire(each.path), each.deep
        while path and not _is_directory(ctx, path):
            path, whole = split(path)[0], False
        deep[path] = whole or deep.get(path, False)
    for path, whole in deep.items():
        yield tasks.listing(ctx.job, task.pass_id, path, reach="all" if whole else "names")


def _is_directory(ctx: Context, path: bytes) -> bool:
    found = ctx.source.look(path)
    return isinstance(found, Entry) and found.kind == "directory"


def _check_bulk(ctx: Context) -> None:
    """Bulk registration asks for no rights on collections, so it is for those who have all."""
    if ctx.job.bulk is not None and not is_rodsadmin(ctx.lister):
        raise Refused("--bulk needs a rodsadmin account")


def retry_paths(ctx: Context, task: OpenPass) -> Finished:
    """Hand out what failed before: files in batches, directories to be listed, and the parents of absent paths.

    It stays recorded as failed until its file has come to an end, or the pass has.
    """
    failed = {problem.path: problem for problem in ctx.store.jobs.problems(ctx.job.name) if not problem.skipped}
    wanted = {path_from_wire(path) for path in task.paths} or failed.keys()
    directories, changes = set[bytes](), list[Change]()
    retried = sorted(failed.keys() & wanted)
    for path in retried:
        found = ctx.source.look(path)
        if isinstance(found, Entry) and found.kind != "directory":
            changes.append(Change(path_to_wire(path)))
        else:
            directories.add(path if isinstance(found, Entry) else split(path)[0])
    following = [tasks.listing(ctx.job, task.pass_id, path) for path in directories]
    following += tasks.files(ctx.job, task.pass_id, changes)
    problems = [msgspec.structs.replace(failed[path], retried_in=task.pass_id) for path in retried]
    return Finished(Part(following, Counts(files=len(changes)), problems))


def close_pass(ctx: Context, task: ClosePass) -> Finished:
    """Delete what has no source any more, in rounds; when nothing is left to delete run `post_job`.

    A failure of `post_job` is recorded; the synced files stay synced.
    """
    deletions = next_deletions(ctx, task)
    if deletions is not None and deletions.part.children:
        return deletions
    if deletions is None:  # else there was an objection, perhaps to what is mounted now
        guards.remember(ctx)
    try:
        ctx.handler.job_event("post_job", ctx.log, of_job(ctx.job))
    except Exception as error:  # noqa: BLE001 - the handler may raise anything
        ctx.log.error("post_job of the event handler failed", pass_id=task.pass_id, reason=describe(error))
        failed = Outcome(Result.FAILED, reason=f"post_job: {describe(error)}")
        return Finished(_last(ctx, task, deletions), failed, ctx.job.target)
    return Finished(_last(ctx, task, deletions))


def _last(ctx: Context, task: ClosePass, deletions: Finished | None) -> Part:
    """The last part of a pass: what it has retried is solved, unless it has failed again."""
    part = Part() if deletions is None else deletions.part
    problems = ctx.store.jobs.problems(ctx.job.name)
    return msgspec.structs.replace(part, solved=[each.path for each in problems if each.retried_in == task.pass_id])
