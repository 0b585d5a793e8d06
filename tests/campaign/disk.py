"""A small disk for state and spool that can be filled up."""

from __future__ import annotations

import ctypes
import os
import subprocess
from pathlib import Path
from types import TracebackType

_BYTES = 64 * 1024 * 1024
_CLONE_NEWNS = 0x00020000


def leave_mount_namespace() -> None:
    """Give this process mounts of its own, which go away with it. Without the right to do so, nothing happens."""
    if os.geteuid() == 0 and ctypes.CDLL(None).unshare(_CLONE_NEWNS) == 0:
        subprocess.run(["mount", "--make-rprivate", "/"], check=False)
        os.environ["INGEST_CAMPAIGN_MOUNTS"] = "1"


class Disk:
    """A folder on a file system of its own, if this process may mount one, else an ordinary folder."""

    def __init__(self, folder: Path) -> None:
        self._folder = folder
        self.limited = False
        """Whether the folder is a disk of its own, which can be full."""

    def __enter__(self) -> Disk:
        self._folder.mkdir(parents=True)
        if os.environ.get("INGEST_CAMPAIGN_MOUNTS"):
            command = ["mount", "-t", "tmpfs", "-o", f"size={_BYTES}", "tmpfs", str(self._folder)]
            self.limited = subprocess.run(command, check=False).returncode == 0
        return self

    def __exit__(
        self, kind: type[BaseException] | None, value: BaseException | None, traceback: TracebackType | None
    ) -> None:
        if self.limited:
            self.free()
            kept = self._folder.with_name("state-at-the-end")
            subprocess.run(["cp", "-a", str(self._folder), str(kept)], check=False)
            subprocess.run(["umount", "--lazy", str(self._folder)], check=True)

    def fill(self) -> None:
        """Use up all space that is left."""
        if self.limited:
            with self._ballast.open("ab", buffering=0) as file:
                for size in (1024 * 1024, 4096, 1):
                    while _written(file.fileno(), bytes(size)):
                        pass

    def free(self) -> None:
        """Give the space back."""
        self._ballast.unlink(missing_ok=True)

    @property
    def _ballast(self) -> Path:
        return self._folder / "ballast"


def _written(file: int, data: bytes) -> bool:
    try:
        return os.write(file, data) == len(data)
    except OSError:
        return False
