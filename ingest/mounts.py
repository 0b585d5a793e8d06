"""What a directory of a file system lies on, and what is mounted below it."""

from __future__ import annotations

import os
import re
from collections.abc import Iterator
from pathlib import Path

from ingest.paths import is_within, prefix_of, shown

MOUNTS = Path("/proc/self/mountinfo")
_OCTAL = re.compile(rb"\\([0-7]{3})")


def mounts_of(source: bytes) -> list[str]:
    """What the source lies on, and what is mounted below it; without /proc only the device."""
    try:
        text = MOUNTS.read_bytes()
    except OSError:
        return [f"device {os.stat(source).st_dev}"]
    return [mount_of(source, text), *mounts_below(source, text)]


def mount_point(source: bytes) -> bytes:
    """Where that is mounted on which the source lies. os.path.ismount does not see a directory that is bound to one."""
    try:
        text = MOUNTS.read_bytes()
    except OSError:
        return source if os.path.ismount(source) else b"/"
    return _nearest(os.path.realpath(source), text)[0]


def mount_of(source: bytes, mounts: bytes) -> str:
    """The entry for an absolute path in the text of a /proc/.../mountinfo: type, mount source and root within it."""
    return shown(_nearest(source, mounts)[1])


def _nearest(path: bytes, mounts: bytes) -> tuple[bytes, bytes]:
    best, found = b"", b""
    for mount, what in _entries(mounts):
        if is_within(path, mount) and len(mount) >= len(best):
            best, found = mount, what
    return best, found


def mounts_below(source: bytes, mounts: bytes) -> list[str]:
    """The same for each mount point below the path, with the point before it; in order."""
    root = prefix_of(source)
    return sorted(printed(mount + b": " + what) for mount, what in _entries(mounts) if mount.startswith(root))


def points_below(source: bytes) -> list[bytes]:
    """The places below a source where something is mounted, relative to it; without /proc none."""
    root = prefix_of(os.path.realpath(source))
    try:
        text = MOUNTS.read_bytes()
    except OSError:
        return []
    return [mount[len(root) :] for mount, _ in _entries(text) if mount.startswith(root) and mount != root]


def printed(text: bytes) -> str:
    """A path, or what is said of a mount, as one line."""
    return shown(text).replace("\n", " ")


def _entries(mounts: bytes) -> Iterator[tuple[bytes, bytes]]:
    """Mount point, and type, mount source and root within it."""
    for line in filter(None, mounts.split(b"\n")):
        fields, _, rest = line.partition(b" - ")
        _, _, _, root, mount, *_ = fields.split(b" ")
        kind, device, *_ = rest.split(b" ")
        yield _OCTAL.sub(lambda match: bytes([int(match[1], 8)]), mount), b" ".join((kind, device, root))


def file_system_type(path: bytes, mounts: bytes) -> str:
    """The type of the file system that has an absolute path, by the text of a /proc/.../mountinfo; "" if unknown."""
    return shown(_nearest(path, mounts)[1].partition(b" ")[0])
