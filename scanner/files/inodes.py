"""Whether a file keeps its inode for as long as it exists: not on every file system."""

from __future__ import annotations

import os
import time

from ingest.mounts import types_by_device

_UNSTABLE = frozenset({"vfat", "msdos", "exfat", "cifs", "smb3", "smbfs", "9p", "davfs", "ncpfs"})
"""Types whose inodes the client makes up. So do most types that are served by a program (`fuse.…`)."""
_STABLE_FUSE = frozenset({"fuse.glusterfs", "fuse.ceph", "fuse.ceph-fuse", "fuse.mfs", "fuse.moosefs", "fuse.lizardfs"})
_VALID_SECONDS = 60.0
"""How long the mount table is taken as read: the number of a device may be given to another file system later."""

_types: dict[int, str] = {}
_read_at = -_VALID_SECONDS


def stable(device: int) -> bool:
    """Return whether the inodes of a file system are stable. They count as stable where its type is unknown.

    Args:
        device: The `st_dev` of the file system.
    """
    global _types, _read_at
    now = time.monotonic()
    if now - _read_at > _VALID_SECONDS or device not in _types:
        _types, _read_at = types_by_device(), now
        _types.setdefault(device, "")
    kind = _types[device]
    return kind not in _UNSTABLE and (kind in _STABLE_FUSE or not kind.startswith("fuse"))


def inode_of(found: os.stat_result) -> int:
    """Return the inode of a file, or 0 where inodes are not stable."""
    return found.st_ino if stable(found.st_dev) else 0
