"""What fails while a source is watched is told as long as it holds, and tried again."""

from __future__ import annotations

import json
import shutil
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
from irods.session import iRODSSession

from tests.conftest import CommandLine, HandlerFile
from tests.support.integration import collections, handler, rows, wait_until
from tests.support.watching import UNREGISTER, Watching, at_rest, in_step, job

Watch = Callable[..., Watching]
HEAD = "module, logger, session, meta, *args, **options"
NOT_THE_BAD = f"@staticmethod\ndef pre_data_obj_create({HEAD}):\n    assert meta['size'] != 3, 'a bad one'\n"


@pytest.fixture
def watch(scan: CommandLine, source: Path, home: str, handler_file: HandlerFile, tmp_path: Path) -> Iterator[Watch]:
    """Starts a watcher on `source`, in which there is a file `kept`, with more in its handler."""
    (source / "kept").write_text("x")
    started: list[Watching] = []

    def start(more: str = "") -> Watching:
        handlers = handler_file(handler("REGISTER_SYNC", more=UNREGISTER + more))
        options: list[str | Path] = ["--event_handler", handlers, "--workers", "4", "--quiet", "0.2"]
        started.append(Watching(scan, source, home, *options, log=tmp_path / "log"))
        return started[-1]

    yield start
    for each in started:
        each.kill()


def failures(scan: CommandLine) -> list[str]:
    """The paths that `failures` tells of."""
    told = scan("failures", job(scan)["job_name"], "--json").out
    return [json.loads(line)["path"] for line in told.splitlines()]


def test_files_that_become_directories_do_so_without_a_failure(
    watch: Watch, scan: CommandLine, source: Path, home: str, irods: iRODSSession
) -> None:
    files = [source / f"a{number}" for number in range(40)]
    for each in files:
        each.write_text("x")
    watching = watch()
    wait_until(lambda: in_step(irods, source, home))
    wait_until(at_rest(watching))
    for each in files:
        each.unlink()
        each.mkdir()
        (each / "file").write_text("x")
    wait_until(lambda: in_step(irods, source, home) and len(collections(irods, home)) == len(files))
    wait_until(at_rest(watching))
    shown = job(scan)
    assert (shown["live"]["failed_tasks"], shown["failed_tasks"], failures(scan)) == (0, 0, [])


def test_a_directory_that_cannot_be_made_is_among_the_failed_tasks(
    watch: Watch, scan: CommandLine, source: Path
) -> None:
    watching = watch(f"@staticmethod\ndef pre_coll_create({HEAD}):\n    assert not meta['path'].endswith('d'), 'no'\n")
    wait_until(at_rest(watching))
    (source / "d").mkdir()
    wait_until(lambda: job(scan)["live"]["failed_tasks"] == 1)
    assert job(scan)["live"]["failed"] == 0


def test_a_failure_is_forgotten_when_the_file_was_synced_or_has_gone(
    watch: Watch, scan: CommandLine, source: Path, home: str, irods: iRODSSession
) -> None:
    watching = watch(NOT_THE_BAD)
    wait_until(at_rest(watching))
    for name in ("mended", "removed", "left"):
        (source / name).write_text("bad")
    wait_until(lambda: set(failures(scan)) == {"mended", "removed", "left"})
    (source / "mended").write_text("good")
    (source / "removed").unlink()
    wait_until(lambda: failures(scan) == ["left"])
    assert set(rows(irods, home)) == {"kept", "mended"}


@pytest.mark.parametrize("first", [True, False], ids=["the first scan", "another scan"])
def test_a_scan_that_could_not_begin_is_made_up_for(
    watch: Watch, scan: CommandLine, source: Path, home: str, irods: iRODSSession, tmp_path: Path, first: bool
) -> None:
    flag = tmp_path / "not now"
    (source / "d").mkdir()
    if first:
        flag.touch()
    watching = watch(
        "@staticmethod\ndef pre_job(module, logger, meta):\n    import os\n"
        f"    assert not os.path.exists({str(flag)!r}), 'not now'\n"
    )
    wait_until(at_rest(watching))
    if not first:
        flag.touch()
        shutil.rmtree(source / "d")
    wait_until(lambda: "not now" in (job(scan)["error"] or ""))
    flag.unlink()
    wait_until(lambda: collections(irods, home) == ({"d"} if first else set()))
    wait_until(lambda: job(scan)["error"] is None)
