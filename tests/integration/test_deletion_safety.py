"""Deleting what has no source any more, and nothing else: the situations in which others lose data."""

import base64
import os
import shutil
from pathlib import Path

import pytest
from irods.session import iRODSSession

from tests.conftest import CommandLine, HandlerFile
from tests.support.integration import STALE, Storage, collections, deleting, handler, rows

REGISTER = handler("REGISTER_SYNC", more=deleting("UNREGISTER"))
PREFIX = "irods_UnicodeEncodeError_"


@pytest.fixture
def scan(served: CommandLine) -> CommandLine:
    return served


@pytest.fixture
def deletes(handler_file: HandlerFile) -> tuple[str, Path]:
    """The options with which a pass registers and unregisters."""
    return "--event_handler", handler_file(REGISTER)


def make(source: Path, *names: str) -> None:
    """Files with some content, and the directories above them."""
    for name in names:
        (source / name).parent.mkdir(parents=True, exist_ok=True)
        (source / name).write_text(f"content of {name}")


@pytest.mark.parametrize("slashes", ["/", "//"])
def test_a_slash_at_the_end_of_the_target_changes_nothing(
    scan: CommandLine, source: Path, home: str, irods: iRODSSession, deletes: tuple[str, Path], slashes: str
) -> None:
    make(source, "a", "d/b", "d/e/c")
    assert scan.ingest(source, home, *deletes).status == 0
    before = rows(irods, home)
    ran = scan.ingest(f"{source}/", home + slashes, *deletes)  # type: ignore[arg-type]
    assert (ran.status, ran.out.count("3 unchanged"), ran.out.count(" 0 deleted")) == (0, 1, 1), ran
    assert rows(irods, home) == before
    (source / "d" / "b").unlink()
    assert scan.ingest(source, home + slashes, *deletes).status == 0
    assert set(rows(irods, home)) == {"a", "d/e/c"}


@pytest.mark.parametrize(
    "exclude",
    [
        ("--exclude_file_name", ".*/data.*"),
        ("--exclude_directory_name", ".*/data.*"),
        ("--exclude_file_type", "regular"),
        ("--exclude_file_type", "directory"),
        ("--exclude_file_type", "link"),
        ("--exclude", "data*"),
        ("--exclude", "data/"),
        ("--exclude", "*"),
        ("--one_file_system",),
    ],
    ids=" ".join,
)
def test_what_is_excluded_later_stays(
    scan: CommandLine, source: Path, home: str, irods: iRODSSession, deletes: tuple[str, Path],
    exclude: tuple[str, ...],
) -> None:  # fmt: skip
    make(source, "data.txt", "data/f", "data/data/f", "other/data.txt")
    (source / "link").symlink_to("data.txt")
    assert scan.ingest(source, home, *deletes).status == 0
    before, known = rows(irods, home), collections(irods, home)
    assert len(before) == 5
    ran = scan.ingest(source, home, *deletes, *exclude)
    assert (ran.status, ran.out.count(" 0 deleted")) == (0, 1), ran
    assert (rows(irods, home), collections(irods, home)) == (before, known)


def test_a_hidden_directory_and_its_namesake_keep_what_is_theirs(
    scan: CommandLine, source: Path, home: str, irods: iRODSSession, deletes: tuple[str, Path]
) -> None:
    make(source, ".hidden/a", ".hidden/gone", "hidden/b", "hidden/gone", "..hidden/c", "./.d/hidden")
    assert scan.ingest(source, home, *deletes).status == 0
    (source / ".hidden" / "gone").unlink()
    ran = scan.ingest(source, home, *deletes)
    assert (ran.status, ran.out.count(" 1 deleted")) == (0, 1), ran
    assert set(rows(irods, home)) == {".hidden/a", "hidden/b", "hidden/gone", "..hidden/c", ".d/hidden"}


def test_an_emptied_directory_keeps_its_collection_and_so_does_the_one_above(
    scan: CommandLine, source: Path, home: str, irods: iRODSSession, deletes: tuple[str, Path]
) -> None:
    make(source, "a/b/f", "a/c/f", "kept")
    assert scan.ingest(source, home, *deletes).status == 0
    (source / "a" / "b" / "f").unlink()
    shutil.rmtree(source / "a" / "c")
    assert scan.ingest(source, home, *deletes).status == 0
    assert (set(rows(irods, home)), collections(irods, home)) == ({"kept"}, {"a", "a/b"})


def test_the_target_itself_is_never_deleted(
    scan: CommandLine, source: Path, home: str, irods: iRODSSession, deletes: tuple[str, Path]
) -> None:
    make(source, "a", "d/b")
    assert scan.ingest(source, f"{home}/target", *deletes).status == 0
    make(source.with_name("beside"), "x")
    irods.data_objects.register(str(source.with_name("beside") / "x"), f"{home}/x")
    for path in (source / "a", source / "d" / "b"):
        path.unlink()
    (source / "d").rmdir()
    (source / "pipe").symlink_to("nowhere")  # not empty, and yet nothing
    ran = scan.ingest(source, f"{home}/target", "--exclude_file_type", "link", *deletes)
    assert (ran.status, ran.out.count(" 3 deleted")) == (0, 1), ran
    assert (set(rows(irods, home)), collections(irods, home)) == ({"x"}, {"target"})


def test_undecodable_names_stay_while_they_are_there_and_go_when_they_are_gone(
    scan: CommandLine, source: Path, home: str, irods: iRODSSession, deletes: tuple[str, Path]
) -> None:
    root = os.fsencode(source)
    for directory in (b"kept\xff", b"gone\xfe", b"plain"):
        for name in (b"kept\xff", b"gone\xff\xff\xfe", b"x", b"\xfb\xff\xfe>>>???"):
            os.makedirs(root + b"/" + directory, exist_ok=True)
            Path(os.fsdecode(root + b"/" + directory + b"/" + name)).write_text("content")
    assert scan.ingest(source, home, *deletes).status == 0
    before = rows(irods, home)
    assert len(before) == 12
    ran = scan.ingest(source, home, *deletes)
    assert (ran.status, ran.out.count(" 0 deleted")) == (0, 1), ran
    assert rows(irods, home) == before
    shutil.rmtree(root + b"/gone\xfe")
    for directory in (b"/kept\xff", b"/plain"):
        os.unlink(root + directory + b"/gone\xff\xff\xfe")
    ran = scan.ingest(source, home, *deletes)
    assert (ran.status, ran.out.count(" 7 deleted")) == (0, 1), ran
    after, gone = rows(irods, home), {
        PREFIX + base64.urlsafe_b64encode(root + b"/gone\xfe").decode(),
        f"plain/{encoded(root + b'/plain/' + b'gone' + bytes([255, 255, 254]))}",
    }  # fmt: skip
    kept = {name for name in before if name.split("/")[0] not in gone and name not in gone}
    assert len(after) == 6
    assert set(after) < kept
    assert all(after[name] == before[name] for name in after)
    assert len(collections(irods, home)) == 2


def encoded(path: bytes) -> str:
    """The name of an undecodable file."""
    standard = base64.b64encode(path).decode()
    return PREFIX + (base64.urlsafe_b64encode(path).decode() if "/" in standard else standard)


MAPPED = "@staticmethod\ndef character_map():\n    return {' ': '_', '(': '', 'é': 'e'}\n"


def test_mapped_names_stay_while_they_are_there_and_go_when_they_are_gone(
    scan: CommandLine, source: Path, home: str, irods: iRODSSession, handler_file: HandlerFile
) -> None:
    options = ("--event_handler", handler_file(REGISTER + MAPPED))
    make(source, "a b", "a_b", "gone (1)", "d é/x y", "d é/gone é", "g o/n e")
    assert scan.ingest(source, home, *options).status == 0
    before = rows(irods, home)
    assert len(before) == 6
    assert not any(" " in name for name in before)
    ran = scan.ingest(source, home, *options)
    assert (ran.status, ran.out.count(" 0 deleted")) == (0, 1), ran
    assert rows(irods, home) == before
    for name in ("gone (1)", "d é/gone é", "g o/n e"):
        (source / name).unlink()
    (source / "g o").rmdir()
    ran = scan.ingest(source, home, *options)
    assert (ran.status, ran.out.count(" 4 deleted")) == (0, 1), ran
    assert {row[0].path for row in rows(irods, home).values()} == {
        str(source / name) for name in ("a b", "a_b", "d é/x y")
    }


def test_a_name_that_the_catalog_gives_back_otherwise_is_not_taken_for_gone(
    scan: CommandLine, source: Path, home: str, irods: iRODSSession, deletes: tuple[str, Path]
) -> None:
    make(source, "carriage\rreturn", "both\r\n", "plain")
    for _ in range(2):
        scan.ingest(source, home, *deletes)
    known = rows(irods, home)
    ran = scan.ingest(source, home, *deletes)
    assert " 0 deleted" in ran.out, ran
    assert set(rows(irods, home)) == set(known)


def test_a_directory_that_is_away_for_one_pass_is_there_again_after_the_next(
    scan: CommandLine, source: Path, home: str, irods: iRODSSession, deletes: tuple[str, Path], tmp_path: Path
) -> None:
    make(source, "d/a", "d/e/b", "d/e/f/c", "kept")
    assert scan.ingest(source, home, *deletes).status == 0
    before, known = rows(irods, home), collections(irods, home)
    (source / "d").rename(tmp_path / "away")
    assert scan.ingest(source, home, *deletes).status == 0
    assert set(rows(irods, home)) == {"kept"}
    (tmp_path / "away").rename(source / "d")
    ran = scan.ingest(source, home, *deletes)
    assert (ran.status, ran.out.count("3 synced")) == (0, 1), ran
    assert (rows(irods, home), collections(irods, home)) == (before, known)


def test_an_update_and_a_deletion_change_nothing_else_in_the_zone(
    scan: CommandLine, source: Path, home: str, irods: iRODSSession, storage: Storage, handler_file: HandlerFile
) -> None:
    resource, second = storage.resource(), storage.resource()
    options = (
        "--event_handler",
        handler_file(handler("REGISTER_SYNC", resource=resource, more=deleting("UNREGISTER"))),
    )
    make(source, "changed", "gone", "bystander", "d/bystander")
    for target in ("target", "another"):
        assert scan.ingest(source, f"{home}/{target}", *options).status == 0
    for path in rows(irods, home):
        irods.data_objects.replicate(f"{home}/{path}", resource=second)
    before = rows(irods, home)
    assert {len(replicas) for replicas in before.values()} == {2}
    (source / "changed").write_text("other content")
    (source / "gone").unlink()
    ran = scan.ingest(source, f"{home}/target", *options)
    assert (ran.status, ran.out.count("1 synced"), ran.out.count("1 deleted")) == (0, 1, 1), ran
    after = rows(irods, home)
    del before["target/gone"]
    first, other = before.pop("target/changed")
    new, stale = after.pop("target/changed")
    assert after == before
    assert (new.size, stale) == (13, other._replace(status=STALE))
    assert first.size != 13


@pytest.mark.parametrize("name", ["x' || like '%", "it's a || b", "' || = '"])
def test_a_directory_whose_name_looks_like_a_condition_deletes_its_own_only(
    scan: CommandLine, source: Path, home: str, irods: iRODSSession, deletes: tuple[str, Path], name: str
) -> None:
    irods.collections.create(f"{home}/others")
    irods.data_objects.create(f"{home}/others/object")
    make(source, f"{name}/f", f"{name}/d/g", "x/h")
    assert scan.ingest(source, f"{home}/target", *deletes).status == 0
    ran = scan.ingest(source, f"{home}/target", *deletes, "--ignore_cache")
    assert (ran.status, ran.out.count(" 0 failed; 0 collections created, 0 deleted")) == (0, 1), ran
    (source / name / "f").unlink()
    shutil.rmtree(source / "x")
    ran = scan.ingest(source, f"{home}/target", *deletes)
    assert (ran.status, ran.out.count(" 3 deleted")) == (0, 1), ran
    assert set(rows(irods, f"{home}/target")) == {f"{name}/d/g"}
    assert set(rows(irods, f"{home}/others")) == {"object"}
