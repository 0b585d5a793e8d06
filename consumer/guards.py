"""Before anything is deleted: reasons to doubt that what the source does not show is really gone."""

from __future__ import annotations

import os
import socket
from collections.abc import Iterable

from consumer.context import Context
from ingest.messages import Candidate, path_from_wire
from ingest.mounts import printed
from ingest.paths import join
from scanner.entries import RootUnseen, SourceUnreadable

_BEGAN = " at the beginning"
"""Behind the name of a host: what the source lay on when a pass began there."""


def objection(ctx: Context, number: int, listed: int, candidates: Iterable[Candidate]) -> str | None:
    """Why the candidates of a pass must not be deleted, in a sentence; `listed` is how much the target has.

    There are so many candidates; they are looked at in case of need only. Raises RootUnseen when this host does not
    see the source.
    """
    try:
        if ctx.source.is_empty():
            return "the source is empty and the target is not: is it mounted?"
        return _moved(ctx, candidates) or _too_many(ctx, number, listed)
    except RootUnseen:
        raise
    except SourceUnreadable as error:
        return error.reason


def begin(ctx: Context) -> None:
    """Keep what the source lies on when a pass begins; the first time on this host, that is what it ought to lie on."""
    now = "\n".join(ctx.source.places())
    ctx.store.remember_mount(ctx.cache_space, socket.gethostname() + _BEGAN, now)
    if ctx.store.mount(ctx.cache_space, socket.gethostname()) is None:
        ctx.store.remember_mount(ctx.cache_space, socket.gethostname(), now)


def remember(ctx: Context) -> None:
    """Keep what the source lies on at the end of a pass, for the next one on this host.

    Not when that has changed since the pass began, nor when something is missing that nobody has accepted.
    """
    host = socket.gethostname()
    now, then = ctx.source.places(), ctx.store.mount(ctx.cache_space, host)
    same = ctx.store.mount(ctx.cache_space, host + _BEGAN) == "\n".join(now)
    if same and (then is None or ctx.job.accept_new_device or not _lost(now, then.split("\n"))):
        ctx.store.remember_mount(ctx.cache_space, host, "\n".join(now))


def _lost(now: list[str], then: list[str]) -> str | None:
    if now[0] != then[0]:
        return f"the source is on another device than last time ({now[0]}, not {then[0]})"
    if gone := [each for each in then[1:] if each not in now]:
        return f"a mount below the source is gone or another one ({gone[0]})"
    return None


def _moved(ctx: Context, candidates: Iterable[Candidate]) -> str | None:
    before = ctx.store.mount(ctx.cache_space, socket.gethostname())
    if before is None or ctx.job.accept_new_device:
        return None
    now, then = ctx.source.places(), before.split("\n")
    if lost := _lost(now, then):
        what = lost
    elif hidden := _hidden(ctx, [each for each in now[1:] if each not in then], candidates):
        what = f"what was there is hidden by a new mount below the source ({hidden})"
    else:
        return None
    return f"{what}: --accept-new-device if that is right"


def _hidden(ctx: Context, new: list[str], candidates: Iterable[Candidate]) -> str | None:
    """A new mount, if there is one, below which a candidate ought to be."""
    if not new:
        return None
    for parent in {path_from_wire(each.parent) for each in candidates}:
        above = parent
        while above:
            point = printed(join(ctx.job.source, above))
            if found := next((each for each in new if each.startswith(f"{point}: ")), None):
                return found
            above = os.path.dirname(above)
    return None


def _too_many(ctx: Context, candidates: int, listed: int) -> str | None:
    limit = ctx.job.max_delete
    if limit is None:
        return None
    most = listed * float(limit[:-1]) / 100 if limit.endswith("%") else float(limit)
    if candidates <= most:
        return None
    return f"{candidates} of {listed} objects and collections would be deleted, more than --max-delete {limit}"
