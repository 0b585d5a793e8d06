"""Mounting and unmounting, as an administrator does."""

from __future__ import annotations

import subprocess
from pathlib import Path

from tests.support.integration import wait_until


class Mounts:
    """What a test has mounted."""

    def __init__(self) -> None:
        self._points: list[Path] = []

    def tmpfs(self, point: Path, name: str = "landing") -> None:
        """Mount a new, empty file system."""
        self._mount(point, "--types", "tmpfs", name)

    def bind(self, directory: Path, point: Path) -> None:
        """Mount a directory at another place, too."""
        self._mount(point, "--bind", str(directory))

    def _mount(self, point: Path, *what: str) -> None:
        subprocess.run(["mount", *what, str(point)], check=True)
        self._points.append(point)

    def unmount(self, point: Path, *, lazily: bool = False) -> None:
        """Unmount what was mounted last at that place; when it is busy, as soon as it is not."""
        if lazily:
            subprocess.run(["umount", "--lazy", str(point)], check=True)
        else:
            wait_until(lambda: subprocess.run(["umount", str(point)], stderr=-3, check=False).returncode == 0)
        self._points.remove(point)

    def close(self) -> None:
        """Unmount everything."""
        for point in reversed(self._points):
            subprocess.run(["umount", "--lazy", str(point)], check=True)
