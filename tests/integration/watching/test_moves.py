"""Moves that follow each other faster than the catalog is told of them, and moves that the catalog refuses."""

from __future__ import annotations

import shutil
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
from irods.meta import iRODSMeta
from irods.models import Collection, DataObject
from irods.session import iRODSSession

from tests.conftest import CommandLine, HandlerFile
from tests.support.integration import avus, collections, content, deleting, handler, rows, wait_until
from tests.support.watching import UNREGISTER, Watching, at_rest, in_step, job

Watch = Callable[..., Watching]


@pytest.fixture
def watch(
    scan: CommandLine, source: Path, home: str, handler_file: HandlerFile, irods: iRODSSession, tmp_path: Path
) -> Iterator[Watch]:
    """Watches `source`, which has some files and directories, with a handler of this body, until all is in step."""
    for path in ("a", "b", "c", "d/e/f", "other/g"):
        (source / path).parent.mkdir(parents=True, exist_ok=True)
        (source / path).write_text(path)
    started: list[Watching] = []

    def start(body: str, *more: str) -> Watching:
        options: list[str | Path] = ["--event_handler", handler_file(body), "--workers", "2", "--quiet", "0.3", *more]
        started.append(Watching(scan, source, home, *options, log=tmp_path / "log"))
        wait_until(at_rest(started[0]))  # a scan may come across a new name before the move is made
        there = {str(each.relative_to(source)) for each in source.rglob("*") if each.is_file()}
        assert set(rows(irods, home)) == there
        return started[0]

    yield start
    assert started[0].end()[0] == 0


@pytest.fixture
def watched(watch: Watch, home: str, irods: iRODSSession) -> Watching:
    """Watches with REGISTER_SYNC; each object and collection has its name in an AVU."""
    watching = watch(handler("REGISTER_SYNC", more=UNREGISTER))
    for path in ("a", "b", "c", "d/e/f"):
        irods.metadata.add(DataObject, f"{home}/{path}", iRODSMeta("was", path))
    for path in ("d", "d/e"):
        irods.metadata.add(Collection, f"{home}/{path}", iRODSMeta("was", path))
    return watching


MOVES_ON = """
@staticmethod
def target_path(session, meta, **options):
    import os, signal
    if "/moved/" in meta["path"]:
        event_handler.seen = getattr(event_handler, "seen", 0) + 1
        if event_handler.seen == 1100 and not os.path.exists({flag!r}):
            open({flag!r}, "w").close()
            os.kill(os.getpid(), signal.SIGKILL)
    return meta["path"]
"""
"""A handler that kills the worker once, at the 1100th file that it asks about below the directory `moved`."""


def names(irods: iRODSSession, home: str) -> dict[str, str]:
    """What everything that has its name in an AVU is called now."""
    found = [*avus(irods, home), *avus(irods, home, of="collection")]
    return {was: path for path, _, was, _ in found}


@pytest.mark.usefixtures("watched")
def test_chains_and_swaps_of_files_and_directories_keep_avus(source: Path, home: str, irods: iRODSSession) -> None:
    for old, new in (
        *[("a", "x"), ("x", "y"), ("y", "other/z")],
        *[("b", "aside"), ("c", "b"), ("aside", "c")],
        *[("d", "D"), ("D/e", "other/E"), ("other/E/f", "other/F"), ("D", "other/E/D")],
    ):
        (source / old).rename(source / new)
    wait_until(lambda: in_step(irods, source, home) and collections(irods, home) == {"other", "other/E", "other/E/D"})
    files = {"a": "other/z", "b": "c", "c": "b", "d/e/f": "other/F"}
    assert names(irods, home) == {**files, "d": "other/E/D", "d/e": "other/E"}


@pytest.mark.usefixtures("watched")
def test_what_is_renamed_and_then_removed_or_moved_away_is_gone(
    source: Path, home: str, irods: iRODSSession, tmp_path: Path
) -> None:
    (source / "a").rename(source / "x")
    (source / "x").unlink()
    (source / "d").rename(source / "other/d")
    (source / "other").rename(tmp_path / "away")
    wait_until(lambda: in_step(irods, source, home) and not collections(irods, home))
    assert names(irods, home) == {"b": "b", "c": "c"}


@pytest.mark.usefixtures("watched")
def test_a_directory_that_takes_the_name_of_an_empty_one_keeps_its_avus(
    source: Path, home: str, irods: iRODSSession
) -> None:
    (source / "empty").mkdir()
    wait_until(lambda: "empty" in collections(irods, home))
    (source / "d").rename(source / "empty")
    wait_until(lambda: in_step(irods, source, home) and collections(irods, home) == {"empty", "empty/e", "other"})
    files = {each: each for each in ("a", "b", "c")}
    assert names(irods, home) == {**files, "d": "empty", "d/e": "empty/e", "d/e/f": "empty/e/f"}


@pytest.mark.usefixtures("watched")
def test_a_directory_that_takes_the_name_of_a_file_takes_its_place(
    source: Path, home: str, irods: iRODSSession, scan: CommandLine
) -> None:
    (source / "a").unlink()
    (source / "a").mkdir()
    (source / "a/new").write_text("1")
    (source / "b").unlink()
    (source / "d").rename(source / "b")
    wait_until(lambda: in_step(irods, source, home) and collections(irods, home) == {"a", "b", "b/e", "other"})
    assert names(irods, home) == {"c": "c", "d": "b", "d/e": "b/e", "d/e/f": "b/e/f"}
    assert job(scan)["live"]["failed"] == 0


@pytest.mark.usefixtures("watched")
def test_a_file_that_takes_the_name_of_a_directory_takes_its_place(
    source: Path, home: str, irods: iRODSSession, scan: CommandLine
) -> None:
    shutil.rmtree(source / "d")
    (source / "d").write_text("1")
    shutil.rmtree(source / "other")
    (source / "a").rename(source / "other")
    wait_until(lambda: in_step(irods, source, home) and not collections(irods, home))
    assert job(scan)["live"]["failed"] == 0


def test_a_file_whose_object_is_gone_overwrites_the_one_whose_name_it_takes(
    watch: Watch, source: Path, home: str, irods: iRODSSession
) -> None:
    watch(handler("PUT_SYNC", more=deleting("NO_TRASH")))
    (source / "a").write_text("longer than it was")
    wait_until(lambda: content(irods, f"{home}/a") == b"longer than it was")
    irods.data_objects.unlink(f"{home}/a", force=True)
    (source / "a").replace(source / "b")
    wait_until(lambda: content(irods, f"{home}/b") == b"longer than it was")


def test_moved_files_keep_the_paths_that_the_handler_gives_them(
    watch: Watch, source: Path, home: str, irods: iRODSSession, tmp_path: Path
) -> None:
    (tmp_path / "server").symlink_to(source)
    seen = f"meta['path'].replace({str(source)!r}, {str(tmp_path / 'server')!r}, 1)"
    watching = watch(
        handler("REGISTER_SYNC", more=UNREGISTER)
        + f"@staticmethod\ndef target_path(session, meta, **options):\n    return {seen}\n"
    )
    for old, new in (("a", "x"), ("d", "D")):
        irods.metadata.add(Collection if old == "d" else DataObject, f"{home}/{old}", iRODSMeta("was", old))
        (source / old).rename(source / new)
    wait_until(lambda: set(rows(irods, home)) == {"b", "c", "D/e/f", "other/g", "x"})
    wait_until(at_rest(watching))
    assert names(irods, home) == {"a": "x", "d": "D"}
    physical = {path: replica.path for path, (replica,) in rows(irods, home).items()}
    assert physical == {path: f"{tmp_path}/server/{path}" for path in physical}


def test_a_move_goes_on_where_its_worker_died(
    watch: Watch, source: Path, home: str, irods: iRODSSession, tmp_path: Path
) -> None:
    (source / "many").mkdir()
    for number in range(1200):
        (source / f"many/{number}").touch()
    flag = tmp_path / "killed"
    watching = watch(handler("REGISTER_SYNC", more=UNREGISTER + MOVES_ON.format(flag=str(flag))), "--bulk", "no-mtime")
    irods.metadata.add(DataObject, f"{home}/many/7", iRODSMeta("was", "many/7"))
    (source / "many").rename(source / "moved")
    wait_until(lambda: watching.job["live"]["moved"] == 1)
    assert flag.exists()
    wait_until(at_rest(watching))
    assert {replica.path for (replica,) in rows(irods, home).values()} == {
        str(each) for each in source.rglob("*") if each.is_file()
    }
    assert (names(irods, home), watching.job["live"]["failed"]) == ({"many/7": "moved/7"}, 0)
    assert watching.job["live"]["done"] == 0, "nothing was synced anew"
