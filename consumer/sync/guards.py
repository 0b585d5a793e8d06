"""Before anything is deleted: reasons to doubt that what the source does not show is really gone."""

from __future__ import annotations

import socket
from collections.abc import Iterable

from consumer.sync.context import Context
from ingest.messages import Candidate, path_from_wire
from ingest.mounts import printed
from ingest.paths import ancestors, is_below, join
from scanner.entries import SourceNotVisible, SourceUnreadable

_BEGAN = " at the beginning"
"""Behind the name of a host: what the source lay on when a pass began there."""
_SEEN = " ever"
"""The same: all that was mounted below the source when a pass began there, if only for one."""


def objection(ctx: Context, number: int, listed: int, candidates: Iterable[Candidate]) -> str | None:
    """Why the candidates of a pass must not be deleted, in a sentence; `listed` is how much the target has.

    There are so many candidates; they are looked at in case of need only. Raises RootUnseen when this host does not
    see the source.
    """
    try:
        if ctx.source.is_empty():
            return "the source is empty and the target is not: is it mounted?"
        return _moved(ctx, candidates) or _too_many(ctx, number, listed)
    except SourceNotVisible:
        raise
    except SourceUnreadable as error:
        return error.reason


def begin(ctx: Context) -> None:
    """Keep what the source lies on when a pass begins; the first time on this host, that is what it ought to lie on."""
    host, places = socket.gethostname(), ctx.source.places()
    now = "\n".join(places)
    ctx.store.deletion.remember_mount(ctx.cache_space, host + _BEGAN, now)
    if ctx.store.deletion.mount(ctx.cache_space, host) is None:
        ctx.store.deletion.remember_mount(ctx.cache_space, host, now)
    seen = [] if ctx.job.accept_new_device else _seen(ctx)
    ctx.store.deletion.remember_mount(ctx.cache_space, host + _SEEN, "\n".join(sorted({*seen, *places[1:]})))


def remember(ctx: Context) -> None:
    """Keep what the source lies on at the end of a pass, for the next one on this host.

    Not when that has changed since the pass began, nor when something is missing that nobody has accepted.
    """
    host = socket.gethostname()
    now, then = ctx.source.places(), ctx.store.deletion.mount(ctx.cache_space, host)
    same = ctx.store.deletion.mount(ctx.cache_space, host + _BEGAN) == "\n".join(now)
    if same and (then is None or ctx.job.accept_new_device or _is_all_there(now, then.split("\n"))):
        ctx.store.deletion.remember_mount(ctx.cache_space, host, "\n".join(now))


def _seen(ctx: Context) -> list[str]:
    seen = ctx.store.deletion.mount(ctx.cache_space, socket.gethostname() + _SEEN)
    return seen.split("\n") if seen else []


def _is_all_there(now: list[str], then: list[str]) -> bool:
    return now[0] == then[0] and set(then) <= set(now)


def _moved(ctx: Context, candidates: Iterable[Candidate]) -> str | None:
    before = ctx.store.deletion.mount(ctx.cache_space, socket.gethostname())
    if before is None or ctx.job.accept_new_device:
        return None
    now, then = ctx.source.places(), before.split("\n")
    lost, new = {*then[1:], *_seen(ctx)} - set(now), set(now) - set(then)
    if now[0] != then[0]:
        what = f"the source is on another device than last time ({now[0]}, not {then[0]})"
    elif touched := _touched(ctx, lost, new, candidates):
        how = "lay on a mount that is gone or another one" if touched in lost else "is hidden by a new mount"
        what = f"what was there {how} ({touched})"
    else:
        return None
    return f"{what}: --accept-new-device if that is right"


def _touched(ctx: Context, lost: set[str], new: set[str], candidates: Iterable[Candidate]) -> str | None:
    """One of these mounts, if there is one, below which a candidate ought to be; or that a lost one was below it."""
    if not lost and not new:
        return None
    for parent, collection in {(path_from_wire(each.parent), each.collection) for each in candidates}:
        point = printed(join(ctx.job.source, parent))
        if collection and (found := next((each for each in lost if is_below(each, point)), None)):
            return found  # perhaps the very directory that it was mounted on, or one above it
        for above in filter(None, (parent, *ancestors(parent))):
            point = printed(join(ctx.job.source, above))
            if found := next((each for each in lost | new if each.startswith(f"{point}: ")), None):
                return found
    return None


def _too_many(ctx: Context, candidates: int, listed: int) -> str | None:
    limit = ctx.job.max_delete
    if limit is None:
        return None
    most = listed * float(limit[:-1]) / 100 if limit.endswith("%") else float(limit)
    if candidates <= most:
        return None
    return f"{candidates} of {listed} objects and collections would be deleted, more than --max-delete {limit}"
