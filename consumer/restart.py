"""The restart topic: the first and the last task of a pass."""

from __future__ import annotations

import secrets

from consumer import guards
from consumer.context import Context
from consumer.delete import next_deletions
from consumer.file import out_of_reach
from consumer.irods.errors import describe
from consumer.meta import of_job
from consumer.protocol import Finished, Outcome, Part, Result
from ingest.broker import Outgoing
from ingest.errors import Refused
from ingest.messages import ClosePass, ListPath, OpenPass, encode
from ingest.store import Child


def open_pass(ctx: Context, task: OpenPass) -> Finished:
    """Check that the handler makes sense, run `pre_job`, and begin with the root. A failure ends the pass."""
    meta = of_job(ctx.job)
    try:
        ctx.handler.check_modes(ctx.handler.operation(ctx.session(meta), meta), meta)
        ctx.handler.job_event("pre_job", ctx.log, meta)
    except Exception as error:
        if out_of_reach(error):
            raise
        reason = str(error) if isinstance(error, Refused) else f"the pass cannot begin: {describe(error)}"
        return Finished(failure=Outcome(Result.FAILED, reason=reason))
    root = secrets.token_hex(8)
    message = ListPath(job=ctx.job.name, pass_id=task.pass_id, task=root, path="")
    topics = ctx.job.topics
    partition = topics.partition(topics.path, ctx.job.key(b""))
    return Finished(Part(children=[Child(root, Outgoing(topics.path, partition, encode(message)))]))


def close_pass(ctx: Context, task: ClosePass) -> Finished:
    """Delete what has no source any more, in rounds; when nothing is left to delete run `post_job`.

    Its failure is told, but what was synced stays synced.
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
        return Finished(failure=Outcome(Result.FAILED, reason=f"post_job: {describe(error)}"), target=ctx.job.target)
    return deletions or Finished()
