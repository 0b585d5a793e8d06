"""The source is a mount point: unmounted nothing is deleted, whatever is seen then; mounted again it is in step."""

from __future__ import annotations

import shutil
from collections.abc import Callable
from pathlib import Path

import pytest
from irods.session import iRODSSession

from tests.conftest import HandlerFile
from tests.root.conftest import Watch
from tests.root.mounts import Mounts
from tests.support.integration import gated, handler, rows, wait_until
from tests.support.watching import UNREGISTER, Watching, in_step

AWAY = "the source is not visible"


def fill(source: Path, *names: str, content: str = "x") -> None:
    """Write files."""
    for name in names:
        (source / name).parent.mkdir(parents=True, exist_ok=True)
        (source / name).write_text(content)


def passes(watching: Watching, more: int) -> Callable[[], bool]:
    """A condition: so many more passes have begun since now."""
    before = watching.job["passes"]
    return lambda: watching.job["passes"] >= before + more


def still_unmounted(watching: Watching) -> None:
    """The source stays out of sight, as `list` says, though it is scanned again and again."""
    wait_until(lambda: AWAY in watching.said())
    wait_until(lambda: bool(watching.job["watcher"]["away"]))
    wait_until(passes(watching, 3))
    assert watching.job["watcher"]["away"]


def back_once(watching: Watching) -> None:
    """It was out of sight once, and is back."""
    wait_until(lambda: not watching.job["watcher"]["away"])
    assert watching.said().count(AWAY) == 1
    assert watching.job["watcher"]["notes"][-1].endswith("the source is visible again")


@pytest.mark.parametrize("below", [(), ("not mounted",)], ids=["empty", "with a file below"])
@pytest.mark.parametrize("how", ["plainly", "lazily"])
def test_unmounted_nothing_is_deleted_and_mounted_again_it_is_in_step(
    watch: Watch, mounts: Mounts, source: Path, home: str, irods: iRODSSession,
    how: str, below: tuple[str, ...], backend: tuple[str, ...],
) -> None:  # fmt: skip
    fill(source, *below)
    mounts.tmpfs(source)
    fill(source, "kept", "gone", "changed", "d/kept", "d/e/gone", "old/gone")
    watching = watch(*backend)
    wait_until(lambda: in_step(irods, source, home))
    before = rows(irods, home)
    with open(source / "kept"):  # what is open keeps a file system alive that is unmounted lazily
        if how == "lazily":
            mounts.unmount(source, lazily=True)
            still_unmounted(watching)
    if how == "plainly":
        mounts.unmount(source)
        still_unmounted(watching)
    assert before.items() <= rows(irods, home).items()
    mounts.tmpfs(source)
    fill(source, "kept", "d/kept", "new/file")
    fill(source, "changed", content="changed")
    wait_until(lambda: in_step(irods, source, home))
    fill(source, "new/afterwards")
    wait_until(lambda: in_step(irods, source, home))
    back_once(watching)


@pytest.mark.parametrize("below", [(), ("not mounted",)], ids=["empty", "with a file below"])
def test_unbound_nothing_is_deleted_though_what_was_bound_is_still_heard(
    watch: Watch, mounts: Mounts, source: Path, home: str, irods: iRODSSession, tmp_path: Path,
    below: tuple[str, ...], backend: tuple[str, ...],
) -> None:  # fmt: skip
    fill(source, *below)
    bound = tmp_path / "bound"  # on the same device as the source
    fill(bound, "kept", "gone", "changed", "d/kept", "d/e/gone", "old")
    mounts.bind(bound, source)
    watching = watch(*backend)
    wait_until(lambda: in_step(irods, source, home))
    before = rows(irods, home)
    mounts.unmount(source)
    (bound / "gone").unlink()
    (bound / "d").rename(bound / "moved")
    fill(bound, "changed", content="changed")
    still_unmounted(watching)
    assert len(rows(irods, home)) == len(before) + len(below)
    shutil.rmtree(bound / "moved/e")
    fill(bound, "new/file")
    mounts.bind(bound, source)
    wait_until(lambda: in_step(irods, source, home))
    fill(bound, "new/afterwards")
    wait_until(lambda: in_step(irods, source, home))
    back_once(watching)


def test_what_was_unmounted_while_a_pass_was_under_way_is_not_taken_for_the_usual(
    watch: Watch,
    mounts: Mounts,
    source: Path,
    home: str,
    irods: iRODSSession,
    handler_file: HandlerFile,
    tmp_path: Path,
) -> None:
    fill(source, "not mounted")
    mounts.tmpfs(source)
    fill(source, *(f"f{number}" for number in range(20)))
    gate = gated(tmp_path, 19).replace("pre_data_obj_create", "post_data_obj_create")
    handler_file(handler("REGISTER_SYNC", more=UNREGISTER + gate))
    watching = watch()
    wait_until(lambda: len(rows(irods, home)) == 20)
    mounts.unmount(source, lazily=True)  # the worker has it open
    (tmp_path / "released").touch()
    still_unmounted(watching)
    assert set(rows(irods, home)) >= {f"f{number}" for number in range(20)}
    mounts.tmpfs(source)
    fill(source, "f1", "new")
    wait_until(lambda: in_step(irods, source, home))
