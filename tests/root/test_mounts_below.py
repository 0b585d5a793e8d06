"""A file system is mounted on a directory of the source, and unmounted: what cannot be seen is not deleted."""

from __future__ import annotations

from pathlib import Path

from irods.session import iRODSSession

from tests.root.conftest import Watch
from tests.root.mounts import Mounts
from tests.root.test_unmounting import fill, passes
from tests.support.integration import rows, wait_until
from tests.support.watching import at_rest, in_step


def test_what_a_new_mount_hides_is_not_deleted(
    watch: Watch, mounts: Mounts, source: Path, home: str, irods: iRODSSession, backend: tuple[str, ...]
) -> None:
    fill(source, "other", "d/kept", "d/below/kept")
    watching = watch(*backend)
    wait_until(lambda: in_step(irods, source, home))
    mounts.tmpfs(source / "d")
    fill(source, "d/new")
    (source / "other").unlink()
    wait_until(lambda: "d/new" in rows(irods, home))
    wait_until(passes(watching, 2))
    assert {"d/kept", "d/below/kept", "d/new"} <= set(rows(irods, home))
    reasons = watching.command("failures", watching.job["job_name"]).out
    assert f"what was there is hidden by a new mount ({source}/d: tmpfs landing /)" in reasons
    mounts.unmount(source / "d")
    fill(source, "d/afterwards")
    wait_until(lambda: "d/afterwards" in rows(irods, home))
    wait_until(passes(watching, 2))
    assert {"d/kept", "d/below/kept", "d/new"} <= set(rows(irods, home))


def test_what_is_mounted_is_watched_and_kept_once_it_is_unmounted_when_what_it_has_hidden_is_watched_again(
    watch: Watch, mounts: Mounts, source: Path, home: str, irods: iRODSSession, backend: tuple[str, ...]
) -> None:
    def arrive(path: str) -> None:
        fill(source, path)
        wait_until(lambda: path in rows(irods, home))

    fill(source, "d/below/hidden")
    watching = watch(*backend, "--reconcile-interval", "3600")
    wait_until(lambda: in_step(irods, source, home))
    for number in range(3):
        mounts.tmpfs(source / "d")
        arrive(f"d/before it was noticed {number}")
        arrive(f"d/deep/{number}")
        mounts.unmount(source / "d")
        arrive(f"d/below/{number}")
    wait_until(at_rest(watching))
    mounted = {f"d/{name}{number}" for name in ("before it was noticed ", "deep/") for number in range(3)}
    assert mounted | {"d/below/hidden"} <= set(rows(irods, home))


def test_what_lay_on_a_mount_that_is_gone_is_not_deleted_and_in_step_when_it_is_back(
    watch: Watch, mounts: Mounts, source: Path, home: str, irods: iRODSSession, backend: tuple[str, ...]
) -> None:
    fill(source, "other", "d/not mounted")
    mounts.tmpfs(source / "d")
    fill(source, "d/kept", "d/below/gone")
    watching = watch(*backend)
    wait_until(lambda: in_step(irods, source, home))
    wait_until(passes(watching, 1))
    mounts.unmount(source / "d")
    wait_until(passes(watching, 3))
    assert {"d/kept", "d/below/gone"} <= set(rows(irods, home))
    mounts.tmpfs(source / "d")
    fill(source, "d/kept", "d/new")
    wait_until(lambda: in_step(irods, source, home))
    fill(source, "d/afterwards")
    wait_until(lambda: in_step(irods, source, home))


def test_a_new_mount_that_hides_nothing_is_nothing_to_object_to(
    watch: Watch, mounts: Mounts, source: Path, home: str, irods: iRODSSession, backend: tuple[str, ...]
) -> None:
    fill(source, "kept", "gone")
    (source / "d").mkdir()
    watch(*backend)
    wait_until(lambda: in_step(irods, source, home))
    mounts.tmpfs(source / "d")
    fill(source, "d/new")
    (source / "gone").unlink()
    wait_until(lambda: in_step(irods, source, home))
