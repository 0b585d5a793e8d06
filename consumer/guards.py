"""Before anything is deleted: reasons to doubt that what the source does not show is really gone."""

from __future__ import annotations

import os
import re
import socket
from collections.abc import Iterator
from pathlib import Path

from consumer.context import Context
from scanner.filesystem import Listing, RootUnseen, SourceUnreadable, list_directory
from scanner.rules import Rules

_MOUNTS = Path("/proc/self/mountinfo")
_OCTAL = re.compile(rb"\\([0-7]{3})")


def objection(ctx: Context, candidates: int, listed: int) -> str | None:
    """Why the candidates of a pass must not be deleted, in a sentence; `listed` is how much the target has.

    Raises RootUnseen when this host does not see the source.
    """
    try:
        with list_directory(ctx.job.source, b"", Rules()) as listing:
            return _empty(listing) or _moved(ctx) or _too_many(ctx, candidates, listed)
    except RootUnseen:
        raise
    except SourceUnreadable as error:
        return error.reason


def remember(ctx: Context) -> None:
    """Keep what is mounted at and below the source now, for the next pass on this host."""
    ctx.store.remember_mount(ctx.cache_space, socket.gethostname(), "\n".join(mounts_of(ctx.job.source)))


def mounts_of(source: bytes) -> list[str]:
    """What the source lies on, and what is mounted below it; without /proc only the device."""
    try:
        text = _MOUNTS.read_bytes()
    except OSError:
        return [f"device {os.stat(source).st_dev}"]
    return [mount_of(source, text), *mounts_below(source, text)]


def mount_of(source: bytes, mounts: bytes) -> str:
    """The entry for an absolute path in the text of a /proc/.../mountinfo: type, mount source and root within it."""
    best, found = b"", b""
    for mount, what in _entries(mounts):
        if (source + b"/").startswith(mount.rstrip(b"/") + b"/") and len(mount) >= len(best):
            best, found = mount, what
    return found.decode("utf-8", "backslashreplace")


def mounts_below(source: bytes, mounts: bytes) -> list[str]:
    """The same for each mount point below the path, with the point before it; in order."""
    root = source.rstrip(b"/") + b"/"
    below = [mount + b": " + what for mount, what in _entries(mounts) if mount.startswith(root)]
    return sorted(each.decode("utf-8", "backslashreplace").replace("\n", " ") for each in below)


def _entries(mounts: bytes) -> Iterator[tuple[bytes, bytes]]:
    """Mount point, and type, mount source and root within it."""
    for line in filter(None, mounts.split(b"\n")):
        fields, _, rest = line.partition(b" - ")
        _, _, _, root, mount, *_ = fields.split(b" ")
        kind, device, *_ = rest.split(b" ")
        yield _OCTAL.sub(lambda match: bytes([int(match[1], 8)]), mount), b" ".join((kind, device, root))


def _empty(listing: Listing) -> str | None:
    if len(listing):
        return None
    return "the source is empty and the target is not: is it mounted?"


def _moved(ctx: Context) -> str | None:
    before = ctx.store.mount(ctx.cache_space, socket.gethostname())
    if before is None or ctx.job.accept_new_device:
        return None
    now, then = mounts_of(ctx.job.source), before.split("\n")
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
