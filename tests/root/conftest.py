"""Mounts of the tests' own: this process leaves the mount namespace of the machine, so nothing of them leaks."""

from __future__ import annotations

import ctypes
import subprocess
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from tests.conftest import CommandLine, HandlerFile
from tests.root.mounts import Mounts
from tests.support.integration import handler
from tests.support.watching import UNREGISTER, Watching

CLONE_NEWNS = 0x00020000
Watch = Callable[..., Watching]


@pytest.fixture(scope="session", autouse=True)
def _mounts_of_our_own() -> None:
    """Whatever is mounted here is seen by this process and those that it starts, and gone with them."""
    if ctypes.CDLL(None).unshare(CLONE_NEWNS):
        pytest.exit("tests/root mounts file systems: run `make test-root` as root (CAP_SYS_ADMIN)", returncode=1)
    subprocess.run(["mount", "--make-rprivate", "/"], check=True)


@pytest.fixture
def mounts() -> Iterator[Mounts]:
    """Mounts file systems; what is still mounted at the end of the test is not after it."""
    mounts = Mounts()
    yield mounts
    mounts.close()


@pytest.fixture(params=["inotify", "polling"])
def backend(request: pytest.FixtureRequest) -> tuple[str, ...]:
    """How to watch."""
    return "--backend", request.param, "--poll-interval", "0.3"


@pytest.fixture
def options(handler_file: HandlerFile) -> tuple[str | Path, ...]:
    """Of a watcher that registers, unregisters what is gone, and scans again and again, whatever is mounted."""
    handlers = handler_file(handler("REGISTER_SYNC", more=UNREGISTER))
    return "--event_handler", handlers, "--quiet", "0.2", "--workers", "2", "--reconcile-interval", "1"


@pytest.fixture
def watch(
    scan: CommandLine, source: Path, home: str, options: tuple[str | Path, ...], tmp_path: Path, mounts: Mounts
) -> Iterator[Watch]:
    """Starts a watcher on `source`, with more options, perhaps."""
    started: list[Watching] = []

    def start(*more: str, before: tuple[str, ...] = ()) -> Watching:
        started.append(Watching(scan, source, home, *options, *more, log=tmp_path / "watcher.log", before=before))
        return started[-1]

    yield start
    for each in started:
        each.kill()
