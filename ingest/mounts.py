"""The mounts at and below a directory."""

from __future__ import annotations

import os
import re
from collections.abc import Iterator
from pathlib import Path

from ingest.paths import is_within, prefix_of, shown

MOUNTS = Path("/proc/self/mountinfo")
"""The mount table of Linux; its format is in proc_pid_mountinfo(5)."""
_OCTAL = re.compile(rb"\\([0-7]{3})")


def mounts_of(source: bytes) -> list[str]:
    """Return the mount of the source and all mounts below it; without /proc only its device."""
    try:
        text = MOUNTS.read_bytes()
    except OSError:
        return [f"device {os.stat(source).st_dev}"]
    return [mount_of(source, text), *mounts_below(source, text)]


def mount_point(source: bytes) -> bytes:
    """Return the mount point of the source; unlike `os.path.ismount`, this includes bind mounts."""
    try:
        text = MOUNTS.read_bytes()
    except OSError:
        return source if os.path.ismount(source) else b"/"
    return _nearest(os.path.realpath(source), text)[0]


def mount_of(source: bytes, mounts: bytes) -> str:
    """Return the mount of an absolute path.

    Args:
        source: The path.
        mounts: The text of a mount table, see `MOUNTS`.

    Returns:
        The file system type, the mount source and the root within it. Of two mounts at one mount point, the later
        counts.
    """
    return shown(_nearest(source, mounts)[1])


def _nearest(path: bytes, mounts: bytes) -> tuple[bytes, bytes]:
    best, found = b"", b""
    for mount, what in _entries(mounts):
        if is_within(path, mount) and len(mount) >= len(best):
            best, found = mount, what
    return best, found


def mounts_below(source: bytes, mounts: bytes) -> list[str]:
    """Return the same for each mount point below the path, as "mount point: mount", sorted."""
    root = prefix_of(source)
    return sorted(printed(mount + b": " + what) for mount, what in _entries(mounts) if mount.startswith(root))


def points_below(source: bytes) -> list[bytes]:
    """Return the mount points below a source, relative to it; without /proc none."""
    root = prefix_of(os.path.realpath(source))
    try:
        text = MOUNTS.read_bytes()
    except OSError:
        return []
    return [mount[len(root) :] for mount, _ in _entries(text) if mount.startswith(root) and mount != root]


def printed(text: bytes) -> str:
    """Return a path, or the text of a mount, in one line."""
    return shown(text).replace("\n", " ")


def _entries(mounts: bytes) -> Iterator[tuple[bytes, bytes]]:
    """Yield each mount point, with its file system type, mount source and root within it."""
    for _, root, mount, kind, device in _fields(mounts):
        yield _OCTAL.sub(lambda match: bytes([int(match[1], 8)]), mount), b" ".join((kind, device, root))


def _fields(mounts: bytes) -> Iterator[tuple[bytes, bytes, bytes, bytes, bytes]]:
    """Yield the device number, root, mount point, file system type and mount source of each line of a mount table."""
    for line in filter(None, mounts.split(b"\n")):
        fields, _, rest = line.partition(b" - ")
        _, _, number, root, mount, *_ = fields.split(b" ")
        kind, device, *_ = rest.split(b" ")
        yield number, root, mount, kind, device


def types_by_device() -> dict[int, str]:
    """Return the file system type of each `st_dev` in the mount table; without /proc nothing."""
    try:
        mounts = MOUNTS.read_bytes()
    except OSError:
        return {}
    return {os.makedev(*map(int, number.split(b":"))): shown(kind) for number, _, _, kind, _ in _fields(mounts)}


def file_system_type(path: bytes, mounts: bytes) -> str:
    """Return the file system type of an absolute path; "" if it is unknown. `mounts` is as in `mount_of`."""
    return shown(_nearest(path, mounts)[1].partition(b" ")[0])
