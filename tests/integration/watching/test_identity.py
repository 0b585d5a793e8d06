"""An object has the content of the file of its name, although a file of equal size and times had the name before."""

from __future__ import annotations

import os
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
from irods.exception import iRODSException
from irods.meta import iRODSMeta
from irods.models import DataObject
from irods.session import iRODSSession

from tests.conftest import CommandLine, HandlerFile
from tests.support.integration import avus, content, handler, rows, wait_until
from tests.support.watching import UNREGISTER, Watching, at_rest

FRAMES = ("a", "b", "c", "d/e")
TIME = 1_700_000_000
TRASH = UNREGISTER.replace("UNREGISTER", "NO_TRASH")

Change = Callable[[Path], None]


def frame(file: Path, text: str) -> None:
    """Write a frame of a camera: all have the same size and the same times."""
    file.parent.mkdir(parents=True, exist_ok=True)
    file.write_text(text)
    os.utime(file, (TIME, TIME))


def moved_and_rewritten(source: Path) -> None:
    (source / "a").rename(source / "d/x")
    (source / "d/x").write_text("X")


def replaced(source: Path) -> None:
    (source / "a").unlink()
    (source / "b").rename(source / "a")


def replaced_by_rename(source: Path) -> None:
    (source / "b").rename(source / "a")


def swapped(source: Path) -> None:
    for old, new in (("a", "aside"), ("b", "a"), ("aside", "b")):
        (source / old).rename(source / new)


def passed_on(source: Path) -> None:
    (source / "a").rename(source / "f")
    (source / "f").rename(source / "g")
    frame(source / "f", "F")


def passed_on_with_the_directory(source: Path) -> None:
    (source / "a").rename(source / "d/a")
    (source / "d").rename(source / "D")
    frame(source / "d/a", "A")


def turned_round(source: Path) -> None:
    for old, new in (("a", "aside"), ("c", "a"), ("b", "c"), ("aside", "b")):
        (source / old).rename(source / new)
    (source / "b").rename(source / "d/b")
    frame(source / "b", "B")


CHANGES = [
    moved_and_rewritten,
    replaced,
    replaced_by_rename,
    swapped,
    passed_on,
    passed_on_with_the_directory,
    turned_round,
]


def texts(source: Path) -> dict[str, str]:
    return {str(each.relative_to(source)): each.read_text() for each in source.rglob("*") if each.is_file()}


@pytest.fixture
def watching(
    scan: CommandLine, source: Path, home: str, handler_file: HandlerFile, irods: iRODSSession, tmp_path: Path
) -> Iterator[Watching]:
    """Watches the frames; each object has its name in an AVU."""
    for name in FRAMES:
        frame(source / name, name[-1])
    options: list[str | Path] = [
        "--event_handler",
        handler_file(handler("PUT_SYNC", more=TRASH)),
        "--workers",
        "2",
        "--quiet",
        "0.3",
    ]
    watching = Watching(scan, source, home, *options, log=tmp_path / "log")
    wait_until(at_rest(watching))
    for name in FRAMES:
        irods.metadata.add(DataObject, f"{home}/{name}", iRODSMeta("was", name))
    yield watching
    assert watching.end()[0] == 0


@pytest.mark.parametrize("lags", [True, False], ids=["while the queue lags", "at once"])
@pytest.mark.parametrize("change", CHANGES, ids=lambda change: change.__name__.replace("_", " "))
def test_content_follows_its_name(
    watching: Watching, scan: CommandLine, source: Path, home: str, irods: iRODSSession, change: Change, *, lags: bool
) -> None:
    job = watching.job["job_name"]
    if lags:
        assert scan("pause", job).status == 0
        change(source)
        wait_until(lambda: not watching.job["watcher"]["settling"] and not watching.job["watcher"]["spooled"])
        assert scan("resume", job).status == 0
    else:
        change(source)
    wait_until(lambda: content_of(irods, home) == texts(source), watching.alive)
    wait_until(at_rest(watching))
    assert content_of(irods, home) == texts(source)
    assert watching.job["live"]["failed"] == 0


def content_of(irods: iRODSSession, home: str) -> dict[str, str]:
    try:
        return {path: content(irods, f"{home}/{path}").decode() for path in rows(irods, home)}
    except iRODSException:  # one of them was renamed or removed a moment ago
        return {}


@pytest.mark.parametrize("keeps", ["removes", "keeps"])
def test_a_program_that_saves_by_rename_keeps_the_object(
    watching: Watching, source: Path, home: str, irods: iRODSSession, keeps: str
) -> None:
    before = irods.data_objects.get(f"{home}/a").id
    (source / "a").rename(source / "a~")
    frame(source / "a", "A")
    if keeps == "removes":
        (source / "a~").unlink()
    wait_until(lambda: content_of(irods, home) == texts(source), watching.alive)
    wait_until(at_rest(watching))
    assert irods.data_objects.get(f"{home}/a").id == before
    assert {path: was for path, _, was, _ in avus(irods, home)}["a"] == "a"


@pytest.mark.parametrize("operation", ["PUT_SYNC", "PUT_APPEND"])
@pytest.mark.parametrize("change", CHANGES, ids=lambda change: change.__name__.replace("_", " "))
def test_a_scan_finds_what_a_rename_put_in_a_place(
    scan: CommandLine,
    source: Path,
    home: str,
    handler_file: HandlerFile,
    irods: iRODSSession,
    operation: str,
    change: Change,
) -> None:
    for name in FRAMES:
        frame(source / name, name[-1])
    command: list[str | Path] = ["start", source, home, "--event_handler", handler_file(handler(operation, more=TRASH))]
    assert scan(*command).status == 0
    change(source)
    assert scan(*command).status == 0
    assert content_of(irods, home) == texts(source)


def test_a_longer_file_that_took_a_name_is_not_appended(
    scan: CommandLine, source: Path, home: str, handler_file: HandlerFile, irods: iRODSSession
) -> None:
    frame(source / "log", "old")
    command: list[str | Path] = ["start", source, home, "--event_handler", handler_file(handler("PUT_APPEND"))]
    assert scan(*command).status == 0
    frame(source / "new", "another beginning")
    (source / "new").rename(source / "log")
    assert scan(*command).status == 0
    assert content_of(irods, home) == {"log": "another beginning"}


def test_the_object_of_a_link_has_the_content_that_the_link_leads_to(
    scan: CommandLine, source: Path, home: str, handler_file: HandlerFile, irods: iRODSSession
) -> None:
    frame(source / "target", "one")
    (source / "link").symlink_to(source / "target")
    command: list[str | Path] = ["start", source, home, "--event_handler", handler_file(handler("PUT_SYNC"))]
    assert scan(*command).status == 0
    (source / "target").write_text("two")
    assert scan(*command).status == 0
    assert content_of(irods, home) == {"target": "two", "link": "two"}
