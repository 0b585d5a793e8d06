"""`ingest-scan verify` finds what differs between source and catalog, and nothing else."""

from __future__ import annotations

import csv
import json
import os
import signal
from collections.abc import Callable, Mapping
from concurrent.futures import ThreadPoolExecutor
from functools import partial
from pathlib import Path
from typing import NamedTuple

import pytest
from irods.session import iRODSSession

from consumer.verify.directory import PAGE_ROWS
from tests.conftest import CommandLine, HandlerFile
from tests.support.counting_proxy import CountingProxy
from tests.support.devzone_process import running_zone
from tests.support.integration import Storage, deleting, handler, rows, wait_until
from tests.support.s3_servers import Bucket
from tests.support.verify import change_replica, verify

MAP = "@staticmethod\ndef character_map():\n    import re\n    return {re.compile('[^a-zA-Z0-9]'): '_'}\n"


@pytest.fixture
def report(tmp_path: Path) -> Path:
    return tmp_path / "report.jsonl"


def make_tree(source: Path, directories: int, files: int) -> None:
    """A tree of `directories` directories on two levels, each with `files` files."""
    for number in range(directories):
        directory = source / f"d{number % 5}" / f"e{number}"
        directory.mkdir(parents=True)
        for each in range(files):
            (directory / f"f{each}").write_bytes(b"x" * (each % 7 + 1))


def test_a_registered_tree_is_right_and_costs_two_queries_per_directory(
    scan: CommandLine, calls: CountingProxy, source: Path, home: str, report: Path
) -> None:
    make_tree(source, 20, 10)
    assert scan.ingest(source, home).status == 0
    calls.reset()
    found = verify(scan, report, source, home)
    assert (found.status, found.wrong) == (0, {}), found.ran
    assert (found.summary["files"], found.summary["directories"], found.summary["differ"]) == (200, 26, 0)
    assert len(found.rows) == 226
    assert {name: count for name, count in calls.calls.items() if count} == {"GEN_QUERY": 2 * 26}


def plant_in_catalog(irods: iRODSSession, home: str, source: Path) -> dict[str, str]:
    """Damage in a registered tree; logical path → what verify ought to say."""
    remove = irods.data_objects.unregister
    remove(f"{home}/d0/e0/f0")
    irods.data_objects.register(str(source / "d0/e0/f1"), f"{home}/d0/e0/more")
    change_replica(irods, f"{home}/d0/e5/f1", dataSize=99)
    change_replica(irods, f"{home}/d0/e5/f2", dataModify="01000000000")
    change_replica(irods, f"{home}/d0/e5/f3", replStatus=0)
    change_replica(irods, f"{home}/d1/e1/f4", filePath="/elsewhere/f4")
    change_replica(irods, f"{home}/d1/e1/f5", dataSize=98, dataModify="01000000001")
    irods.collections.remove(f"{home}/d2/e2", recurse=True, force=True, unregister=True)
    remove(f"{home}/d1/e1/f6")
    irods.collections.create(f"{home}/d1/e1/f6")
    irods.data_objects.register(str(source / "d0/e0/f1"), f"{home}/d1/e1/f6/inside")
    irods.collections.remove(f"{home}/d3/e3", recurse=True, force=True, unregister=True)
    irods.data_objects.register(str(source / "d0/e0/f1"), f"{home}/d3/e3")
    irods.collections.create(f"{home}/extra/deep")
    irods.data_objects.register(str(source / "d0/e0/f1"), f"{home}/extra/deep/object")
    missing = {f"{home}/{name}/f{each}": "missing" for name in ("d2/e2", "d3/e3") for each in range(10)}
    return {
        f"{home}/d0/e0/f0": "missing",
        f"{home}/d0/e0/more": "extra",
        f"{home}/d0/e5/f1": "other-size",
        f"{home}/d0/e5/f2": "other-mtime",
        f"{home}/d0/e5/f3": "stale-replica",
        f"{home}/d1/e1/f4": "other-physical-path",
        f"{home}/d1/e1/f5": "other-size other-mtime",
        f"{home}/d1/e1/f6": "other-kind",
        f"{home}/d1/e1/f6/inside": "extra",
        f"{home}/d2/e2": "missing-collection",
        f"{home}/d3/e3": "other-kind",
        f"{home}/extra": "extra",
        f"{home}/extra/deep": "extra",
        f"{home}/extra/deep/object": "extra",
        **missing,
    }


def test_each_kind_of_damage_in_a_registered_tree_is_found_and_nothing_else(
    scan: CommandLine, source: Path, home: str, irods: iRODSSession, report: Path
) -> None:
    make_tree(source, 20, 10)
    assert scan.ingest(source, home, "--job-name", "tree").status == 0
    planted = plant_in_catalog(irods, home, source)
    before = rows(irods, home)
    found = verify(scan, report, source, home)
    assert (found.status, found.wrong) == (255, planted), found.ran
    assert found.summary["differ"] == len(planted)
    assert found.summary["kinds"]["missing"] == 21
    assert rows(irods, home) == before
    again = verify(scan, report, "tree", "--workers", "3")
    assert (again.status, again.wrong) == (255, planted), again.ran
    one_way = verify(scan, report, source, home, "--one-way")
    assert one_way.wrong == {target: what for target, what in planted.items() if what != "extra"}


def test_put_objects_are_compared_by_size_and_status_and_with_checksums_by_content(
    scan: CommandLine, source: Path, home: str, irods: iRODSSession, handler_file: HandlerFile, report: Path
) -> None:
    make_tree(source, 4, 8)
    options = ("--event_handler", handler_file(handler("PUT")))
    assert scan.ingest(source, home, *options, "--checksum").status == 0
    quick = verify(scan, report, source, home, *options)
    assert (quick.status, quick.wrong) == (0, {}), quick.ran
    both = verify(scan, report, source, home, *options, "--checksum", "--server-checksum")
    assert (both.status, both.wrong, both.summary["bytes_read"]) == (0, {}, 4 * 29), both.ran

    where = f"{home}/d0/e0"
    (source / "d0/e0/f1").write_bytes(b"yy")  # other content of the same size
    (source / "d0/e0/f2").write_bytes(b"longer")
    vault = Path(rows(irods, home)["d0/e0/f3"][0].path)
    vault.write_bytes(b"y" * vault.stat().st_size)  # bit rot
    Path(rows(irods, home)["d0/e0/f4"][0].path).unlink()
    change_replica(irods, f"{where}/f5", replStatus=0)
    change_replica(irods, f"{where}/f6", chksum="")
    change_replica(irods, f"{where}/f7", dataModify="00000000000")  # how we mark wrong content without rights

    plain = {f"{where}/f2": "other-size", f"{where}/f5": "stale-replica", f"{where}/f7": "stale-replica"}
    assert verify(scan, report, source, home, *options).wrong == plain
    content = plain | {f"{where}/f1": "other-checksum", f"{where}/f6": "no-checksum"}
    found = verify(scan, report, source, home, *options, "--checksum")
    assert (found.status, found.wrong) == (255, content), found.ran
    found = verify(scan, report, source, home, *options, "--server-checksum")
    at_rest = {f"{where}/f3": "other-checksum", f"{where}/f4": "other-checksum", f"{where}/f6": "no-checksum"}
    assert (found.status, found.wrong) == (255, plain | at_rest), found.ran


def test_replicas_are_expected_where_the_handler_wants_them(
    scan: CommandLine, source: Path, home: str, irods: iRODSSession, storage: Storage, handler_file: HandlerFile,
    report: Path,
) -> None:  # fmt: skip
    for name in ("a", "b", "c"):
        (source / name).write_text(name)
    root, _ = storage.tree()
    put = ("--event_handler", handler_file(handler("PUT_SYNC", resource=root)))
    assert scan.ingest(source, home, *put).status == 0
    assert verify(scan, report, source, home, *put).wrong == {}
    irods.data_objects.unlink(f"{home}/a", force=True)
    irods.data_objects.put(str(source / "a"), f"{home}/a")
    os.utime(source / "b", (4_000_000_000, 4_000_000_000))
    found = verify(scan, report, source, home, *put)
    assert found.wrong == {f"{home}/a": "missing-replica", f"{home}/b": "newer-source"}

    resource = storage.resource()
    further = ("--event_handler", handler_file(handler("REGISTER_AS_REPLICA_SYNC", resource=resource)))
    assert scan.ingest(source, home, *further).status == 0
    assert verify(scan, report, source, home, *further).wrong == {}  # registering makes the first replicas stale
    change_replica(irods, f"{home}/c", number=1, replStatus=0)
    assert verify(scan, report, source, home, *further).wrong == {f"{home}/c": "stale-replica"}
    for name in ("a", "b", "c"):
        irods.data_objects.unregister(f"{home}/{name}", resource=resource)


def test_mapped_and_undecodable_names_and_special_files_are_right_where_the_sync_has_brought_them(
    scan: CommandLine, source: Path, home: str, irods: iRODSSession, handler_file: HandlerFile, report: Path
) -> None:
    (source / "a b").mkdir()
    for name in (b"a b/x-y", b"a b/\xff", b"plain", b"it's", b"x' || like '%", b"a b/odd\n"):
        Path(os.fsdecode(os.path.join(os.fsencode(source), name))).write_text("content")
    (source / "link").symlink_to("plain")
    (source / "broken").symlink_to("nowhere")
    (source / "out").symlink_to("/etc/hostname")
    os.mkfifo(source / "pipe")
    options = ("--event_handler", handler_file(handler("PUT_SYNC", more=MAP)))
    assert scan.ingest(source, home, *options).status == 0
    found = verify(scan, report, source, home, *options)
    assert (found.status, found.wrong) == (0, {}), found.ran
    assert found.summary["kinds"] == {"skipped": 3}
    without = verify(scan, report, source, home, "--event_handler", handler_file(handler("PUT_SYNC")))
    assert without.status == 255

    plain = f"{home}-plain"
    try:
        assert scan.ingest(source, plain).status == 0
        found = verify(scan, report, source, plain)
        assert (found.status, found.wrong) == (0, {}), found.ran
    finally:
        irods.collections.remove(plain, recurse=True, force=True, unregister=True)


def test_filters_and_no_op_leave_out_what_the_sync_leaves_out(
    scan: CommandLine, source: Path, home: str, irods: iRODSSession, handler_file: HandlerFile, report: Path
) -> None:
    for name in ("a.txt", "b.log", "c.tmp", "d/x.log"):
        (source / name).parent.mkdir(exist_ok=True)
        (source / name).write_text(name)
    body = (
        "@staticmethod\ndef operation(session, meta, **options):\n"
        "    return Operation.NO_OP if meta['path'].endswith('.tmp') else Operation.REGISTER_SYNC\n"
    )
    options = ("--event_handler", handler_file(body), "--exclude", "*.log")
    assert scan.ingest(source, home, *options).status == 0
    found = verify(scan, report, source, home, *options)
    assert (found.status, found.wrong, found.summary["kinds"]) == (0, {}, {"skipped": 1}), found.ran
    assert verify(scan, report, source, home, *options[:2]).wrong == {
        f"{home}/b.log": "missing",
        f"{home}/d/x.log": "missing",
    }


def test_what_cannot_be_read_or_asked_is_named(
    unprivileged: CommandLine, source: Path, home: str, handler_file: HandlerFile, report: Path
) -> None:
    for name in ("open", "closed", "closed directory/file", "strange"):
        (source / name).parent.mkdir(exist_ok=True)
        (source / name).write_text(name)
    body = (
        "@staticmethod\ndef to_resource(session, meta, **options):\n"
        "    if meta['path'].endswith('strange'): raise ValueError('not that one')\n"
    )
    assert unprivileged.ingest(source, home).status == 0
    (source / "closed").chmod(0)
    (source / "closed directory").chmod(0)
    try:
        found = verify(unprivileged, report, source, home, "--event_handler", handler_file(body))
    finally:
        (source / "closed directory").chmod(0o700)
    assert (found.status, found.wrong) == (
        255,
        {f"{home}/closed": "unreadable", f"{home}/closed directory": "unreadable", f"{home}/strange": "unchecked"},
    ), found.ran
    (row,) = [row for row in found.rows if row["result"] == "unchecked"]
    assert row["detail"] == "to_resource() of the event handler: ValueError: not that one"


def test_a_directory_that_cannot_be_checked_does_not_end_the_verification(
    scan: CommandLine, source: Path, home: str, irods: iRODSSession, handler_file: HandlerFile, report: Path
) -> None:
    make_tree(source, 4, 2)
    assert scan.ingest(source, home).status == 0
    irods.collections.remove(f"{home}/d1/e1", recurse=True, force=True, unregister=True)
    deep = source
    for _ in range(6):
        deep = deep / ("x" * 200)
        deep.mkdir()
    (deep / "file").touch()
    body = (
        "@staticmethod\ndef operation(session, meta, **options):\n"
        "    if meta['path'].endswith('e1'): raise ValueError('not that one')\n"
    )
    found = verify(scan, report, source, home, "--event_handler", handler_file(body))
    wrong = found.wrong
    assert (found.status, wrong.pop(f"{home}/d1/e1")) == (255, "unchecked"), found.ran
    assert all("/xxx" in target for target in wrong)
    assert wrong[f"{home}/{deep.relative_to(source)}/file"] == "missing"


def test_a_flat_directory_of_several_pages(
    scan: CommandLine, source: Path, home: str, irods: iRODSSession, report: Path
) -> None:
    number = 2 * PAGE_ROWS + 500
    for each in range(number):
        (source / f"f{each:05}").touch()
    assert scan.ingest(source, home, "--bulk").status == 0
    irods.data_objects.unregister(f"{home}/f04000")
    irods.data_objects.register(str(source / "f00000"), f"{home}/more")
    found = verify(scan, report, source, home)
    assert found.wrong == {f"{home}/f04000": "missing", f"{home}/more": "extra"}, found.ran
    assert (found.summary["files"], len(found.rows)) == (number + 1, number + 2)


class Archive(NamedTuple):
    """A source of 50 files in each of its directories, and how it is ingested and verified."""

    source: str
    options: list[str]
    environ: Mapping[str, str]
    write: Callable[[str, bytes], object]
    remove: Callable[[str], object]


@pytest.fixture(params=["directory", "bucket"])
def archive(request: pytest.FixtureRequest, source: Path) -> Archive:
    if request.param == "directory":
        return Archive(str(source), [], {}, partial(write_file, source), lambda name: (source / name).unlink())
    bucket = Bucket(request.getfixturevalue("minio_server"))
    return Archive(bucket.url(), bucket.server.options(), bucket.server.environ, bucket.put, bucket.remove)


def write_file(source: Path, name: str, data: bytes) -> None:
    (source / name).parent.mkdir(parents=True, exist_ok=True)
    (source / name).write_bytes(data)


def plant_in_put_objects(irods: iRODSSession, home: str, archive: Archive) -> dict[str, str]:
    """Damage in a tree that was put with checksums and modification times."""
    where = f"{home}/d1/e1"
    irods.data_objects.unlink(f"{where}/f0", force=True)
    archive.remove("d1/e1/f1")
    change_replica(irods, f"{where}/f2", dataSize=99)
    change_replica(irods, f"{where}/f3", dataModify="01000000000")
    change_replica(irods, f"{where}/f4", replStatus=0)
    change_replica(irods, f"{where}/f5", chksum="sha2:" + "A" * 43 + "=")
    change_replica(irods, f"{where}/f6", chksum="")
    vault = Path(rows(irods, f"{home}/d1")["e1/f7"][0].path)
    vault.write_bytes(b"y" * vault.stat().st_size)
    Path(rows(irods, f"{home}/d1")["e1/f8"][0].path).unlink()
    irods.data_objects.unlink(f"{where}/f9", force=True)
    irods.collections.create(f"{where}/f9")
    irods.collections.remove(f"{home}/d2/e2", recurse=True, force=True)
    irods.collections.remove(f"{home}/d3/e3", recurse=True, force=True)
    with irods.data_objects.open(f"{home}/d3/e3", "w") as out:
        out.write(b"an object")
    irods.collections.create(f"{home}/extra/deep")
    with irods.data_objects.open(f"{home}/extra/deep/object", "w") as out:
        out.write(b"an object")
    below = {f"{home}/{name}/f{each}": "missing" for name in ("d2/e2", "d3/e3") for each in range(50)}
    return below | {
        f"{where}/f0": "missing",
        f"{where}/f1": "extra",
        f"{where}/f2": "other-size other-checksum",  # the server reads as many bytes as the catalog says
        f"{where}/f3": "other-mtime",
        f"{where}/f4": "stale-replica",
        f"{where}/f5": "other-checksum",
        f"{where}/f6": "no-checksum",
        f"{where}/f7": "other-checksum",
        f"{where}/f8": "other-checksum",
        f"{where}/f9": "other-kind",
        f"{home}/d2/e2": "missing-collection",
        f"{home}/d3/e3": "other-kind",
        f"{home}/extra": "extra",
        f"{home}/extra/deep": "extra",
        f"{home}/extra/deep/object": "extra",
    }


@pytest.mark.parametrize("directories", [6, pytest.param(400, marks=[pytest.mark.slow, pytest.mark.timeout(1200)])])
def test_each_kind_of_damage_in_an_archive_is_found_and_nothing_else(
    scan: CommandLine, archive: Archive, home: str, irods: iRODSSession, handler_file: HandlerFile, report: Path,
    directories: int,
) -> None:  # fmt: skip
    scan.workers = 2
    files = {f"d{number % 9}/e{number}/f{each}": b"x" * each for number in range(directories) for each in range(50)}
    with ThreadPoolExecutor(8) as pool:
        list(pool.map(archive.write, files, files.values()))
    file = str(handler_file(handler("PUT_SYNC")))
    options = [*archive.options, "--event_handler", file, "--preserve-mtime"]
    ran = scan("start", archive.source, home, "--synchronous", *options, "--checksum", **archive.environ)
    assert ran.status == 0, ran
    content = ("--checksum", "--server-checksum")
    found = verify(scan, report, archive.source, home, *options, *content, **archive.environ)
    assert (found.status, found.wrong, found.summary["files"]) == (0, {}, len(files)), found.ran
    planted = plant_in_put_objects(irods, home, archive)
    found = verify(scan, report, archive.source, home, *options, *content, **archive.environ)
    assert (found.status, found.wrong, found.summary["differ"]) == (255, planted, len(planted)), found.ran


def waiting_at(log: Path, name: str, gate: Path) -> str:
    """A handler that writes down each file that it is asked about, and waits at one until the gate exists."""
    return (
        "@staticmethod\ndef to_resource(session, meta, **options):\n"
        "    import os, time\n"
        f"    with open({str(log)!r}, 'a') as out:\n"
        "        print(meta['target'], file=out)\n"
        f"    while meta['target'].endswith({name!r}) and not os.path.exists({str(gate)!r}):\n"
        "        time.sleep(0.05)\n"
    )


@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGKILL])
def test_an_interrupted_verification_resumes_where_it_was(
    scan: CommandLine, source: Path, home: str, irods: iRODSSession, handler_file: HandlerFile, report: Path,
    tmp_path: Path, number: signal.Signals,
) -> None:  # fmt: skip
    make_tree(source, 10, 10)
    log, gate = tmp_path / "log", tmp_path / "gate"
    assert scan.ingest(source, home).status == 0
    irods.data_objects.unregister(f"{home}/d0/e0/f0")
    options = ("--event_handler", handler_file(waiting_at(log, "d3/e3/f5", gate)), "--workers", "1")
    process = scan.process("verify", source, home, *options, "--report", report)
    wait_until(lambda: log.exists() and "d3/e3/f5\n" in log.read_text(), alive=lambda: process.poll() is None)
    busy = scan("verify", source, home, *options)
    assert (busy.status, "another process verifies" in busy.err) == (1, True), busy
    process.send_signal(number)
    gate.touch()
    _, err = process.communicate(timeout=60)
    if number == signal.SIGTERM:
        assert (process.returncode, "interrupted: the same command with --resume continues" in err) == (1, True)
    found = verify(scan, report, source, home, *options, "--resume")
    assert (found.status, found.wrong) == (255, {f"{home}/d0/e0/f0": "missing"}), found.ran
    assert (found.summary["files"], found.summary["directories"], found.summary["complete"]) == (100, 16, True)
    assert len({row["target"] for row in found.rows}) == 116
    asked = log.read_text().splitlines()
    if number == signal.SIGTERM:
        assert (len(found.rows), sorted(asked)) == (116, sorted(set(asked)))
    else:
        assert {asked.count(each) for each in asked if "/d3/e3/" not in each} == {1}
    anew = verify(scan, report, source, home, *options, "--resume")
    assert ("begins anew" in anew.ran.err, anew.summary["files"]) == (True, 100), anew.ran


def test_a_time_limit_stops_at_a_safe_point_and_says_so(scan: CommandLine, source: Path, home: str) -> None:
    make_tree(source, 2, 2)
    assert scan.ingest(source, home).status == 0
    ran = scan("verify", source, home, "--max-duration", "0s")
    assert (ran.status, "Stopped before the end: 1 known directories remain" in ran.out) == (0, True), ran
    ran = scan("verify", source, home, "--resume", "--max-duration", "1h")
    assert (ran.status, "4 files and 5 directories checked" in ran.out, "Stopped" in ran.out) == (0, True, False), ran


def test_what_was_found_right_recently_is_left_out_and_what_was_wrong_is_not(
    scan: CommandLine, calls: CountingProxy, source: Path, home: str, irods: iRODSSession, report: Path
) -> None:
    make_tree(source, 10, 2)
    assert scan.ingest(source, home).status == 0
    irods.data_objects.unregister(f"{home}/d0/e0/f0")
    wrong = {f"{home}/d0/e0/f0": "missing"}
    assert verify(scan, report, source, home, "--max-age", "4w").summary["directories"] == 16
    calls.reset()
    found = verify(scan, report, source, home, "--max-age", "4w")
    assert (found.status, found.wrong, found.summary["files"]) == (255, wrong, 2), found.ran
    assert calls.calls["GEN_QUERY"] == 2
    assert scan.ingest(source, home, "--ignore_cache").status == 0
    assert verify(scan, report, source, home, "--max-age", "4w").status == 0
    assert verify(scan, report, source, home, "--max-age", "4w").summary["files"] == 0
    irods.data_objects.unregister(f"{home}/d0/e0/f0")
    (source / "d0/e0/new").touch()
    assert verify(scan, report, source, home, "--max-age", "1h").status == 0
    found = verify(scan, report, source, home, "--max-age", "0s")
    assert found.wrong == wrong | {f"{home}/d0/e0/new": "missing"}
    assert found.summary["directories"] == 16


def test_a_missing_collection_is_found_from_above_although_it_was_found_right_recently(
    scan: CommandLine, source: Path, home: str, irods: iRODSSession, report: Path
) -> None:
    make_tree(source, 2, 2)
    assert scan.ingest(source, home).status == 0
    irods.data_objects.unregister(f"{home}/d0/e0/f0")
    (source / "d0" / "new").touch()
    assert verify(scan, report, source, home).status == 255
    irods.collections.remove(f"{home}/d0/e0", recurse=True, force=True, unregister=True)
    irods.collections.remove(f"{home}/d1", recurse=True, force=True, unregister=True)
    found = verify(scan, report, source, home, "--max-age", "4w")
    assert found.wrong.keys() == {f"{home}/d0/{each}" for each in ("new", "e0", "e0/f0", "e0/f1")}


def test_the_report_can_be_a_table_or_go_to_stdout(
    scan: CommandLine, source: Path, home: str, irods: iRODSSession, tmp_path: Path
) -> None:
    (source / 'a, "b"\n').write_text("one")
    Path(os.fsdecode(os.fsencode(source) + b"/\xff")).write_text("two")
    (source / "gone").write_text("three")
    assert scan.ingest(source, home).status == 0
    irods.data_objects.unregister(f"{home}/gone")
    table = tmp_path / "report.csv"
    ran = scan("verify", source, home, "--report", table)
    assert (ran.status, f"missing {home}/gone" in ran.out) == (255, True), ran
    with table.open(newline="") as lines:
        found = {row["path"]: row for row in csv.DictReader(lines)}
    assert found.keys() == {"", 'a, "b"\n', "\\xff", "gone"}
    assert (found["gone"]["result"], found["gone"]["size"], found["gone"]["catalog_size"]) == ("missing", "5", "")
    assert (found["\\xff"]["result"], found["\\xff"]["catalog_size"]) == ("right", "3")
    ran = scan("verify", source, home, "--report", "-")
    assert {json.loads(line)["path"] for line in ran.out.splitlines()} == found.keys()
    assert "3 files and 1 directories checked" in ran.err


@pytest.mark.parametrize(
    ("arguments", "status", "sentence"),
    [
        (["nobody"], 1, "there is no job nobody"),
        (["/nowhere/at/all"], 1, "to verify a source, name its TARGET too"),
        (["/nowhere/at/all", "/tempZone/home"], 1, "the source /nowhere/at/all does not exist"),
        (["SOURCE", "relative"], 1, "must be an absolute path"),
        (["SOURCE", "HOME", "--report", "/tmp/report.txt"], 1, "must end in .csv or .jsonl"),
        (["SOURCE", "HOME", "--report", "/nowhere/report.csv"], 1, "cannot write the report"),
        (["SOURCE", "HOME", "--resume", "--max-age", "1h"], 1, "exclude each other"),
        (["SOURCE", "HOME", "--max-duration", "soon"], 2, "soon is no time like"),
        (["SOURCE", "HOME", "--max-age", "99w"], 2, "is not in the range"),
        (["SOURCE", "HOME", "--repair"], 1, "--repair needs a JOB"),
        (["JOB", "--exclude", "x"], 1, "--exclude is an option of SOURCE and TARGET: job JOB has its own"),
    ],
)
def test_what_makes_no_sense_is_refused_with_a_sentence(
    scan: CommandLine, source: Path, home: str, arguments: list[str], status: int, sentence: str
) -> None:
    ran = scan("verify", *[{"SOURCE": str(source), "HOME": home}.get(each, each) for each in arguments])
    assert (ran.status, sentence in ran.err, ran.err.count("\n"), ran.out) == (status, True, 1, ""), ran


def test_a_zone_that_does_not_answer_is_no_difference(
    scan: CommandLine, source: Path, home: str, tmp_path: Path, handler_file: HandlerFile, report: Path
) -> None:
    make_tree(source, 3, 3)
    log, gate, data = tmp_path / "log", tmp_path / "gate", tmp_path / "zone"
    options = ("--event_handler", handler_file(waiting_at(log, "d1/e1/f1", gate)), "--workers", "1")
    with running_zone(data) as zone:
        scan.environment = zone.environment
        assert scan.ingest(source, home).status == 0
        process = scan.process("verify", source, home, *options, "--report", report)
        wait_until(lambda: log.exists() and "d1/e1/f1\n" in log.read_text(), alive=lambda: process.poll() is None)
    gate.touch()
    out, err = process.communicate(timeout=120)
    assert (process.returncode, out, "--resume continues" in err, "Traceback" in err) == (1, "", True, False), err
    with running_zone(data, port=zone.port):
        found = verify(scan, report, source, home, *options, "--resume")
        assert (found.status, found.wrong, found.summary["files"]) == (0, {}, 9), found.ran


def test_a_repair_syncs_what_differs_as_the_job_would(
    scan: CommandLine, source: Path, home: str, irods: iRODSSession, handler_file: HandlerFile, report: Path
) -> None:
    make_tree(source, 10, 10)
    options = ("--event_handler", handler_file(handler("REGISTER_SYNC", more=deleting("UNREGISTER"))))
    assert scan.ingest(source, home, *options, "--job-name", "tree").status == 0
    before = rows(irods, home)
    assert "100 unchanged" in scan.ingest(source, home, *options, "--job-name", "again").out
    irods.data_objects.unregister(f"{home}/d0/e0/f0")
    irods.data_objects.register(str(source / "d0/e0/f1"), f"{home}/d0/e0/more")
    irods.collections.create(f"{home}/extra/deep")
    change_replica(irods, f"{home}/d1/e6/f1", dataSize=99)
    change_replica(irods, f"{home}/d1/e6/f2", replStatus=0)
    irods.collections.remove(f"{home}/d2", recurse=True, force=True, unregister=True)
    ran = scan("verify", "tree", "--repair", "--json")
    assert ran.status == 255, ran
    assert "Job tree finished" in ran.out, ran
    assert rows(irods, home) == before
    found = verify(scan, report, "tree")
    assert (found.status, found.wrong) == (0, {}), found.ran
    assert scan("verify", "tree", "--repair").status == 0
