"""What a directory of a file system lies on, and what is mounted below it."""

from __future__ import annotations

import os
import re
from collections.abc import Iterator
from pathlib import Path

_MOUNTS = Path("/proc/self/mountinfo")
_OCTAL = re.compile(rb"\\([0-7]{3})")


def mounts_of(source: bytes) -> list[str]:
    """What the source lies on, and what is mounted below it; without /proc only the device."""
    try:
        text = _MOUNTS.read_bytes()
    except OSError:
        return [f"device {os.stat(source).st_dev}"]
    return [mount_of(source, text), *mounts_below(source, text)]


def mount_point(source: bytes) -> bytes:
    """Where that is mounted on which the source lies. os.path.ismount does not see a directory that is bound to one."""
    try:
        text = _MOUNTS.read_bytes()
    except OSError:
        return source if os.path.ismount(source) else b"/"
    return _nearest(os.path.realpath(source), text)[0]


def mount_of(source: bytes, mounts: bytes) -> str:
    """The entry for an absolute path in the text of a /proc/.../mountinfo: type, mount source and root within it."""
    return _nearest(source, mounts)[1].decode("utf-8", "backslashreplace")


def _nearest(path: bytes, mounts: bytes) -> tuple[bytes, bytes]:
    best, found = b"", b""
    for mount, what in _entries(mounts):
        if (path + b"/").startswith(mount.rstrip(b"/") + b"/") and len(mount) >= len(best):
            best, found = mount, what
    return best, found


def mounts_below(source: bytes, mounts: bytes) -> list[str]:
    """The same for each mount point below the path, with the point before it; in order."""
    root = source.rstrip(b"/") + b"/"
    return sorted(printed(mount + b": " + what) for mount, what in _entries(mounts) if mount.startswith(root))


def points_below(source: bytes) -> list[bytes]:
    """The places below a source where something is mounted, relative to it; without /proc none."""
    root = os.path.realpath(source).rstrip(b"/") + b"/"
    try:
        text = _MOUNTS.read_bytes()
    except OSError:
        return []
    return [mount[len(root) :] for mount, _ in _entries(text) if mount.startswith(root) and mount != root]


def printed(text: bytes) -> str:
    """A path, or what is said of a mount, as one line."""
    return text.decode("utf-8", "backslashreplace").replace("\n", " ")


def _entries(mounts: bytes) -> Iterator[tuple[bytes, bytes]]:
    """Mount point, and type, mount source and root within it."""
    for line in filter(None, mounts.split(b"\n")):
        fields, _, rest = line.partition(b" - ")
        _, _, _, root, mount, *_ = fields.split(b" ")
        kind, device, *_ = rest.split(b" ")
        yield _OCTAL.sub(lambda match: bytes([int(match[1], 8)]), mount), b" ".join((kind, device, root))
