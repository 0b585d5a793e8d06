"""Before anything is deleted: reasons to doubt that what the source does not show is really gone."""

from __future__ import annotations

import socket

from consumer.context import Context
from scanner.entries import RootUnseen, SourceUnreadable


def objection(ctx: Context, candidates: int, listed: int) -> str | None:
    """Why the candidates of a pass must not be deleted, in a sentence; `listed` is how much the target has.

    Raises RootUnseen when this host does not see the source.
    """
    try:
        if ctx.source.is_empty():
            return "the source is empty and the target is not: is it mounted?"
        return _moved(ctx) or _too_many(ctx, candidates, listed)
    except RootUnseen:
        raise
    except SourceUnreadable as error:
        return error.reason


def remember(ctx: Context) -> None:
    """Keep what the source lies on now, for the next pass on this host."""
    ctx.store.remember_mount(ctx.cache_space, socket.gethostname(), "\n".join(ctx.source.places()))


def _moved(ctx: Context) -> str | None:
    before = ctx.store.mount(ctx.cache_space, socket.gethostname())
    if before is None or ctx.job.accept_new_device:
        return None
    now, then = ctx.source.places(), before.split("\n")
    if now[0] != then[0]:
        what = f"the source is on another device than last time ({now[0]}, not {then[0]})"
    elif gone := [each for each in then[1:] if each not in now]:
        what = f"a mount below the source is gone or another one ({gone[0]})"
    else:
        return None
    return f"{what}: --accept-new-device if that is right"


def _too_many(ctx: Context, candidates: int, listed: int) -> str | None:
    limit = ctx.job.max_delete
    if limit is None:
        return None
    most = listed * float(limit[:-1]) / 100 if limit.endswith("%") else float(limit)
    if candidates <= most:
        return None
    return f"{candidates} of {listed} objects and collections would be deleted, more than --max-delete {limit}"
