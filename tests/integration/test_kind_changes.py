"""A name that becomes one of the other kind: file to directory, directory to file, right after one pass."""

import os
import shutil
from pathlib import Path

import pytest
from irods.session import iRODSSession

from tests.conftest import CommandLine, HandlerFile
from tests.support.integration import collections, content, deleting, handler, rows

DELETING = [("REGISTER_SYNC", "UNREGISTER"), ("PUT_SYNC", "NO_TRASH"), ("PUT_SYNC", "TRASH")]
every = pytest.mark.parametrize(("operation", "mode"), DELETING)


@pytest.fixture
def scan(served: CommandLine) -> CommandLine:
    return served


def make(source: Path, *names: str | bytes) -> None:
    """Files that contain their names; what is in the way goes first."""
    for name in names:
        path = Path(os.fsdecode(os.path.join(os.fsencode(source), os.fsencode(name))))
        for above in reversed(path.relative_to(source).parents[:-1]):
            if (source / above).is_file():
                (source / above).unlink()
        if path.is_dir():
            shutil.rmtree(path)
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(os.fsencode(name))


@every
def test_files_and_directories_take_each_others_names_in_one_pass(
    scan: CommandLine, source: Path, home: str, irods: iRODSSession, handler_file: HandlerFile, operation: str,
    mode: str,
) -> None:  # fmt: skip
    options = ("--event_handler", handler_file(handler(operation, more=deleting(mode))))
    first = {"to file/x", "to file/y", "d/to file/x", "to directory", "d/to directory", "d/kept"}
    second = {"to file", "d/to file", "to directory/x", "to directory/a/b/y", "d/to directory/d/to directory", "d/kept"}
    for there in (first, second):
        make(source, *there)
        ran = scan.ingest(source, home, *options)
        assert (ran.status, ran.out.count(" 0 failed")) == (0, 1), ran
        assert {name: row[0].size for name, row in rows(irods, home).items()} == {each: len(each) for each in there}
        assert collections(irods, home) == {
            str(path) for name in there for path in Path(name).parents if path != Path()
        }
    assert " 0 synced" in scan.ingest(source, home, *options).out
    if operation == "PUT_SYNC":
        assert {content(irods, f"{home}/{name}").decode() for name in second} == second


def test_a_whole_tree_makes_way_for_a_file_and_the_file_for_a_tree(
    scan: CommandLine, source: Path, home: str, irods: iRODSSession, handler_file: HandlerFile
) -> None:
    options = ("--event_handler", handler_file(handler("REGISTER_SYNC", more=deleting("UNREGISTER"))))
    trees = [{"a/b/c/d", "a/b/x", "a/y/z"}, {"a"}, {"a/b/c"}, {"a/b"}, {"a/b/c/d/e"}]
    for there in trees:
        make(source, *there)
        for path in sorted(source.rglob("*"), reverse=True):
            name = str(path.relative_to(source))
            if path.is_file() and name not in there:
                path.unlink()
            elif path.is_dir() and not any(path.iterdir()):
                path.rmdir()
        ran = scan.ingest(source, home, *options)
        assert (ran.status, set(rows(irods, home))) == (0, there), ran
        assert collections(irods, home) == {
            str(path) for name in there for path in Path(name).parents if path != Path()
        }


def test_a_folder_that_a_zone_keeps_in_its_vault_fails_the_file_alone_and_says_so(
    scan: CommandLine, source: Path, home: str, irods: iRODSSession, handler_file: HandlerFile
) -> None:
    options = ("--event_handler", handler_file(handler("PUT_SYNC", more=deleting("NO_TRASH"))))
    make(source, "a/b/x", "kept")
    assert scan.ingest(source, home, *options).status == 0
    make(source, "a", "new")
    ran = scan.ingest(source, home, *options)
    assert (ran.status, ran.out.count("1 synced"), ran.out.count("1 failed")) == (255, 1, 1), ran
    assert "Failed a: UNIX_FILE_CREATE_ERR" in ran.out
    assert "hint: the vault has something in its place" in ran.out
    assert set(rows(irods, home)) == {"kept", "new"}


@every
def test_undecodable_names_change_their_kind_as_well(
    scan: CommandLine, source: Path, home: str, irods: iRODSSession, handler_file: HandlerFile, operation: str,
    mode: str,
) -> None:  # fmt: skip
    options = ("--event_handler", handler_file(handler(operation, more=deleting(mode))))
    # Of three such names at least one has base64 that differs between the alphabets, whatever the length of the path.
    names = [b"x" * number + b"\xfb\xef\xbe\xfb\xef\xbe" for number in range(3)]
    for directory in (True, False, True):
        make(source, *(name + b"/f" if directory else name for name in names))
        ran = scan.ingest(source, home, *options)
        assert (ran.status, ran.out.count("3 synced")) == (0, 1), ran
        assert len(collections(irods, home)) == (3 if directory else 0)
        assert [name.count("/") for name in rows(irods, home)] == [int(directory)] * 3


def test_what_may_not_be_deleted_fails_the_files_that_want_its_name_and_counts_are_exact(
    scan: CommandLine, source: Path, home: str, irods: iRODSSession, handler_file: HandlerFile
) -> None:
    options = ("--event_handler", handler_file(handler("REGISTER_SYNC", more=deleting("UNREGISTER"))))
    make(source, "to file/x", "to directory", "kept")
    assert scan.ingest(source, home, *options).status == 0
    before = rows(irods, home)
    make(source, "to file", "to directory/x", "new")
    ran = scan.ingest(source, home, *options, "--max-delete", "1")
    assert ran.status == 255, ran
    assert ran.out.count("is of another kind and was not deleted") == 2
    assert set(rows(irods, home)) == set(before) | {"new"}
    files = scan.last()["files"]
    assert files == {"total": 3, "done": 1, "unchanged": 1, "skipped": 0, "failed": 1, "remaining": 0}
    ran = scan.ingest(source, home, *options, "--max-delete", "3")
    assert (ran.status, set(rows(irods, home))) == (0, {"to file", "to directory/x", "kept", "new"}), ran
