"""Odd names and odd kinds of entries: they arrive as they are, or as documented, and once."""

import base64
import os
import socket
from pathlib import Path

import pytest
from irods.session import iRODSSession

from tests.conftest import CommandLine, HandlerFile
from tests.support.counting_proxy import START_CALLS, CountingProxy
from tests.support.integration import avus, collections, content, handler, only, rows

ODD = (
    "x' || like '%", "it's a || b", "it's && 'c", "\\' || like '%",
    "it's", "''", 'say "hi"', "this and that", " and ", "tick`tock", "100%", "%41", "under_score", "back\\slash",
    "\\", "new\nline", "\n", " leading", "trailing ", " ", "tab\tbed", "x" * 255, "é" * 127, "\u00e9", "e\u0301",
    "😀", "&amp;", "<name>", "]]>", "{brace}", "star*", "que?stion", "se;mi", "$HOME", "-dash", "~", "#", "ctrl\x01",
    "\x1b[31m", "bell\x07", "\x7f", "\u0085", "\u2028", "\ufeffbom",
)  # fmt: skip
AVU = "irods::automated_ingest::UnicodeEncodeError"
UNITS = "python3.base64.b64encode(full_path_of_source_file)"
PREFIX = "irods_UnicodeEncodeError_"
both = pytest.mark.parametrize("operation", ["REGISTER_SYNC", "PUT_SYNC"])


def rerun(scan: CommandLine, calls: CountingProxy, source: Path, home: str, *options: str | os.PathLike[str]) -> None:
    """Do it again with the cache, then without: nothing is done, nothing fails."""
    calls.reset()
    ran = scan.ingest(source, home, *options)
    assert (ran.status, ran.out.count(" 0 synced")) == (0, 1), ran
    assert calls.total() == START_CALLS
    scan.state = scan.state.with_name("empty cache.db")
    ran = scan.ingest(source, home, *options)
    assert (ran.status, ran.out.count(" 0 failed; 0 collections created")) == (0, 1), ran
    assert set(calls.calls) <= {"GEN_QUERY", "DATA_OBJ_PUT"}, ran


@both
def test_odd_names_of_files_and_directories_arrive_as_they_are_and_once(
    scan: CommandLine, calls: CountingProxy, source: Path, home: str, irods: iRODSSession, handler_file: HandlerFile,
    operation: str,
) -> None:  # fmt: skip
    for number, name in enumerate(ODD):
        (source / "files").mkdir(exist_ok=True)
        (source / "files" / name).write_bytes(b"x" * number)
        (source / "directories" / name).mkdir(parents=True)
        (source / "directories" / name / name[:100]).write_bytes(b"y" * number)
    options = ("--event_handler", handler_file(handler(operation)))
    ran = scan.ingest(source, home, *options)
    assert (ran.status, ran.out.count(f" {2 * len(ODD)} synced")) == (0, 1), ran
    expected = {f"files/{name}": number for number, name in enumerate(ODD)}
    expected |= {f"directories/{name}/{name[:100]}": number for number, name in enumerate(ODD)}
    assert {name: [row.size for row in found] for name, found in rows(irods, home).items()} == {
        name: [size] for name, size in expected.items()
    }
    assert collections(irods, home) == {"files", "directories", *(f"directories/{name}" for name in ODD)}
    rerun(scan, calls, source, home, *options)
    assert {name: len(found) for name, found in rows(irods, home).items()} == dict.fromkeys(expected, 1)


def test_a_carriage_return_in_a_name_fails_no_other_file_in_any_run(
    scan: CommandLine, source: Path, home: str, irods: iRODSSession
) -> None:
    for name in ("carriage\rreturn", "plain"):
        (source / name).write_text(name)
    for state in ("one.db", "other.db"):  # a real server gives the name back with a newline in it
        scan.state = scan.state.with_name(state)
        ran = scan.ingest(source, home)
        assert " 2 files" in ran.out, ran
        assert "plain:" not in ran.out, ran
        assert len(rows(irods, home)["plain"]) == 1
        assert len(rows(irods, home)) == 2


@both
def test_undecodable_names_arrive_under_a_readable_name_that_an_avu_explains(
    scan: CommandLine, calls: CountingProxy, source: Path, home: str, irods: iRODSSession, handler_file: HandlerFile,
    operation: str,
) -> None:  # fmt: skip
    root = os.fsencode(source)
    standard, urlsafe = base64.b64encode, base64.urlsafe_b64encode
    top = next(name for n in range(9) if b"/" not in standard(path := root + b"/" + (name := b"a" * n + b"\xff")))
    slashed = next(name for n in range(9) if b"/" in standard(root + b"/" + (name := b"a" * n + b"\xff\xff\xff")))
    bad_directory = root + b"/dir\xfe"
    files = {
        root + b"/" + top: PREFIX + standard(root + b"/" + top).decode(),
        root + b"/" + slashed: PREFIX + urlsafe(root + b"/" + slashed).decode(),
        root + b"/one/two/\xffdeep": None,
        bad_directory + b"/plain": PREFIX + urlsafe(bad_directory).decode() + "/plain",
    }
    deep = root + b"/one/two/\xffdeep"
    name = standard(deep) if b"/" not in standard(deep) else urlsafe(deep)
    files[deep] = f"one/two/{PREFIX}{name.decode()}"
    for path in files:
        os.makedirs(os.path.dirname(path), exist_ok=True)
        with open(path, "wb") as file:
            file.write(b"content")
    options = ("--event_handler", handler_file(handler(operation)))
    ran = scan.ingest(source, home, *options)
    assert (ran.status, ran.out.count(" 4 synced")) == (0, 1), ran
    assert set(rows(irods, home)) == set(files.values())
    explained = sorted((str(name), AVU, standard(path).decode(), UNITS) for path, name in files.items())
    assert avus(irods, home) == explained
    collection = PREFIX + urlsafe(bad_directory).decode()
    assert avus(irods, home, of="collection") == [(collection, AVU, standard(bad_directory).decode(), UNITS)]
    if operation == "REGISTER_SYNC":
        for path, logical in files.items():
            assert only(irods, home, str(logical)).path == f"{source}/{logical}", path
    rerun(scan, calls, source, home, *options)
    assert avus(irods, home) == explained


@both
def test_a_link_arrives_with_the_size_of_its_target_and_an_avu_and_one_that_leaves_the_source_does_not(
    scan: CommandLine, calls: CountingProxy, source: Path, home: str, irods: iRODSSession, handler_file: HandlerFile,
    tmp_path: Path, operation: str,
) -> None:  # fmt: skip
    (tmp_path / "outside").write_text("private")
    (source / "d").mkdir()
    (source / "d" / "target").write_text("twelve bytes")
    (source / "link").symlink_to("d/target")
    (source / "absolute").symlink_to(source / "d" / "target")
    (source / "out").symlink_to(tmp_path / "outside")
    (source / "to directory").symlink_to("d")
    options = ("--event_handler", handler_file(handler(operation)))
    ran = scan.ingest(source, home, *options)
    assert (ran.status, ran.out.count("3 synced"), ran.out.count("2 skipped")) == (0, 1, 1), ran
    assert "Skipped out: " in ran.out
    assert "Skipped to directory: " in ran.out
    sizes = {name: [row.size for row in found] for name, found in rows(irods, home).items()}
    assert sizes == {"absolute": [12], "d/target": [12], "link": [12]}
    target = f"{source}/d/target"
    expected = [(name, "link_target", target, "automated_ingest") for name in ("absolute", "link")]
    assert avus(irods, home) == expected
    if operation == "PUT_SYNC":
        assert content(irods, f"{home}/link") == b"twelve bytes"
    rerun(scan, calls, source, home, *options)
    assert avus(irods, home) == expected


def test_follow_symlinks_takes_what_links_lead_to_and_ends_in_spite_of_a_cycle(
    served: CommandLine, source: Path, home: str, irods: iRODSSession, tmp_path: Path
) -> None:
    outside = tmp_path / "outside"
    outside.mkdir()
    (outside / "f").write_text("content")
    (source / "link").symlink_to(outside)
    (source / "d").mkdir()
    (source / "d" / "cycle").symlink_to(source)
    ran = served.ingest(source, home, "--follow-symlinks")
    assert ran.status == 0, ran
    assert set(rows(irods, home)) == {"link/f"}
    assert "Skipped d/cycle: " in ran.out


def test_a_socket_is_registered_with_an_avu_and_a_fifo_without_being_opened(
    scan: CommandLine, calls: CountingProxy, source: Path, home: str, irods: iRODSSession
) -> None:
    with socket.socket(socket.AF_UNIX) as server:
        server.bind(os.fspath(source / "s"))
    os.mkfifo(source / "fifo")
    ran = scan.ingest(source, home)
    assert (ran.status, ran.out.count("2 synced")) == (0, 1), ran
    assert avus(irods, home) == [("s", "socket_target", "socket", "automated_ingest")]
    assert {name: row[0].size for name, row in rows(irods, home).items()} == {"s": 0, "fifo": 0}
    rerun(scan, calls, source, home)


def test_empty_directories_and_an_empty_source_become_collections(
    scan: CommandLine, calls: CountingProxy, source: Path, home: str, irods: iRODSSession
) -> None:
    ran = scan.ingest(source, f"{home}/nothing/at all")
    assert (ran.status, ran.out.count("collections created")) == (0, 1), ran
    (source / "a" / "b").mkdir(parents=True)
    (source / "c").mkdir()
    assert "3 collections created" in scan.ingest(source, f"{home}/nothing/at all").out
    assert collections(irods, home) == {"nothing", *(f"nothing/at all{name}" for name in ("", "/a", "/a/b", "/c"))}
    rerun(scan, calls, source, f"{home}/nothing/at all")
