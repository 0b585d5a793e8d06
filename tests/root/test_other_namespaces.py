"""The source is written to under another path, or by who has mounts of their own."""

from __future__ import annotations

import subprocess
from pathlib import Path

import pytest
from irods.session import iRODSSession

from tests.root.conftest import Watch
from tests.root.mounts import Mounts
from tests.root.test_unmounting import AWAY, fill, passes
from tests.support.integration import rows, wait_until
from tests.support.watching import in_step

CHANGES = """
mount --bind "$1" "$2"
cd "$2"
mkdir -p new/below
echo x >new/below/file
echo longer >changed
rm gone
mv old new/moved
mv d e
"""


def elsewhere(script: str, source: Path, place: Path) -> None:
    """Run a shell script in another mount namespace, with the source and an empty directory as its arguments."""
    place.mkdir()
    command = ["unshare", "--mount", "sh", "-euc", script, "sh", str(source), str(place)]
    subprocess.run(command, check=True)


def test_what_is_written_through_a_bind_mount_in_another_namespace_arrives(
    watch: Watch, mounts: Mounts, source: Path, home: str, irods: iRODSSession, tmp_path: Path,
    backend: tuple[str, ...],
) -> None:  # fmt: skip
    mounts.tmpfs(source)
    fill(source, "changed", "gone", "old", "d/below/kept")
    watching = watch(*backend, "--reconcile-interval", "3600")
    wait_until(lambda: in_step(irods, source, home))
    elsewhere(CHANGES, source, tmp_path / "elsewhere")
    wait_until(lambda: in_step(irods, source, home))
    assert {"new/below/file", "new/moved", "e/below/kept"} < set(rows(irods, home))
    assert AWAY not in watching.said()


def test_a_directory_bound_over_the_source_is_another_one_and_the_old_one_is_back_when_it_is_unbound(
    watch: Watch, mounts: Mounts, source: Path, home: str, irods: iRODSSession, tmp_path: Path,
    backend: tuple[str, ...],
) -> None:  # fmt: skip
    fill(source, "kept", "d/kept")
    fill(tmp_path / "other", "other")
    watching = watch(*backend)
    wait_until(lambda: in_step(irods, source, home))
    mounts.bind(tmp_path / "other", source)
    wait_until(lambda: set(rows(irods, home)) == {"kept", "d/kept", "other"})
    fill(source, "d/other", "more")
    wait_until(lambda: set(rows(irods, home)) == {"kept", "d/kept", "other", "d/other", "more"})
    wait_until(passes(watching, 2))
    assert "on another device than last time" in watching.command("failures", watching.job["job_name"]).out
    mounts.unmount(source)
    wait_until(lambda: in_step(irods, source, home))
    fill(source, "d/afterwards")
    wait_until(lambda: in_step(irods, source, home))
    wait_until(lambda: not watching.job["watcher"]["away"])
    assert watching.said().count(AWAY) == 2


@pytest.mark.parametrize("inside", ["", "inside/deeper"])
def test_a_source_is_back_only_with_the_mount_that_it_lies_on(
    watch: Watch, mounts: Mounts, source: Path, home: str, irods: iRODSSession, tmp_path: Path,
    backend: tuple[str, ...], inside: str,
) -> None:  # fmt: skip
    point = tmp_path / "a mount point"
    (point / inside).mkdir(parents=True)
    (point / inside / "below").write_text("x")
    mounts.tmpfs(point)
    fill(point / inside, "kept")
    source.rmdir()
    source.symlink_to(point / inside)
    watching = watch(*backend)
    wait_until(lambda: "kept" in rows(irods, home))
    mounts.unmount(point)
    wait_until(lambda: bool(watching.job["watcher"]["away"]))
    wait_until(passes(watching, 3))
    assert watching.job["watcher"]["away"]
    assert "kept" in rows(irods, home)
    mounts.tmpfs(point)
    fill(point / inside, "kept", "new")
    wait_until(lambda: set(rows(irods, home)) == {"kept", "new"})
