"""REGISTER_SYNC and REGISTER_AS_REPLICA_SYNC: what becomes of the catalog in every state that it can be in."""

import os
import shutil
from pathlib import Path

import pytest
from irods.session import iRODSSession

from tests.conftest import CommandLine, HandlerFile
from tests.support.counting_proxy import CountingProxy
from tests.support.integration import GOOD, STALE, Row, Storage, handler, hooks, logged, only, rows, sha2

both = pytest.mark.parametrize("operation", ["REGISTER_SYNC", "REGISTER_AS_REPLICA_SYNC"])


def row_of(file: Path, hierarchy: str, number: int = 0) -> Row:
    """The row that a registered file must have."""
    stat = file.stat()
    return Row(number, hierarchy, str(file), stat.st_size, stat.st_mtime_ns // 10**9, GOOD, None)


@both
def test_a_new_file_is_registered_on_the_target_resource_with_its_size_and_time(
    served: CommandLine, source: Path, home: str, irods: iRODSSession, storage: Storage, handler_file: HandlerFile,
    operation: str,
) -> None:  # fmt: skip
    resource = storage.resource()
    (source / "d").mkdir()
    for name in ("a", "d/b"):
        (source / name).write_text(name)
        os.utime(source / name, (1_000_000_000.9, 1_000_000_000.9))
    ran = served.ingest(source, home, "--event_handler", handler_file(handler(operation, resource=resource)))
    assert ran.status == 0, ran
    assert rows(irods, home) == {name: [row_of(source / name, resource)] for name in ("a", "d/b")}
    assert only(irods, home, "a").mtime == 1_000_000_000


@both
def test_a_changed_file_updates_its_own_replica_and_makes_the_other_replica_of_that_object_alone_stale(
    served: CommandLine, source: Path, home: str, irods: iRODSSession, storage: Storage, handler_file: HandlerFile,
    operation: str,
) -> None:  # fmt: skip
    resource, second = storage.resource(), storage.resource()
    file = handler_file(handler(operation, resource=resource))
    for name in ("changed", "bystander"):
        (source / name).write_text("old")
    assert served.ingest(source, home, "--event_handler", file).status == 0
    for name in ("changed", "bystander"):
        irods.data_objects.replicate(f"{home}/{name}", resource=second)
    before = rows(irods, home)
    assert [row.hierarchy for row in before["changed"]] == [resource, second]
    (source / "changed").write_text("newer")
    os.utime(source / "changed", (1_500_000_000, 1_500_000_000))
    ran = served.ingest(source, home, "--event_handler", file)
    assert (ran.status, ran.out.count("1 synced")) == (0, 1), ran
    after = rows(irods, home)
    assert after["bystander"] == before["bystander"]
    assert after["changed"] == [row_of(source / "changed", resource), before["changed"][1]._replace(status=STALE)]


@both
def test_what_cannot_be_registered_fails_alone_with_the_reason_and_changes_nothing(
    served: CommandLine, source: Path, home: str, irods: iRODSSession, storage: Storage, handler_file: HandlerFile,
    tmp_path: Path, operation: str,
) -> None:  # fmt: skip
    resource = storage.resource()
    moved = tmp_path / "moved"
    moved.mkdir()
    (moved / "wrong path").write_text("other")
    file = handler_file(handler("REGISTER_SYNC", resource=resource))
    assert served.ingest(moved, home, "--event_handler", file).status == 0
    irods.collections.create(f"{home}/collection")
    before = rows(irods, home)
    for name in ("wrong path", "collection", "fine"):
        (source / name).write_text("new content")
    ran = served.ingest(source, home, "--event_handler", handler_file(handler(operation, resource=resource)))
    assert ran.status == 255, ran
    assert "2 failed" in ran.out
    assert f"wrong resource or path: the replica on {resource} is {moved}/wrong path" in ran.out
    assert "Failed collection: a collection has this name" in ran.out
    assert rows(irods, home) == before | {"fine": [row_of(source / "fine", resource)]}
    assert irods.collections.exists(f"{home}/collection")


@both
def test_an_object_whose_file_is_gone_from_the_source_is_given_the_one_of_its_name(
    served: CommandLine, source: Path, home: str, irods: iRODSSession, storage: Storage, handler_file: HandlerFile,
    operation: str,
) -> None:  # fmt: skip
    resource = storage.resource()
    file = handler_file(handler(operation, resource=resource))
    for name in ("old", "stays"):
        (source / name).write_text(name)
    assert served.ingest(source, home, "--event_handler", file).status == 0
    for old, new in (("old", "new"), ("stays", "taken")):
        irods.data_objects.move(f"{home}/{old}", f"{home}/{new}")
    (source / "old").rename(source / "new")
    (source / "taken").write_text("another")
    before = rows(irods, home)
    ran = served.ingest(source, home, "--event_handler", file, "--ignore_cache")
    assert (ran.status, ran.out.count("1 failed")) == (255, 1), ran
    assert f"wrong resource or path: the replica on {resource} is {source}/stays" in ran.out
    after = rows(irods, home)
    assert after["taken"] == before["taken"]
    assert after["new"] == [row_of(source / "new", resource)]


def test_register_sync_refuses_an_object_without_replica_on_the_target_resource(
    served: CommandLine, source: Path, home: str, irods: iRODSSession, storage: Storage, handler_file: HandlerFile
) -> None:
    first, second = storage.resource(), storage.resource()
    (source / "f").write_text("content")
    on_first = handler_file(handler("REGISTER_SYNC", resource=first))
    assert served.ingest(source, home, "--event_handler", on_first).status == 0
    before = rows(irods, home)
    (source / "f").write_text("new content")
    ran = served.ingest(source, home, "--event_handler", handler_file(handler("REGISTER_SYNC", resource=second)))
    assert ran.status == 255, ran
    assert f"no replica on resource {second}, only on {first}" in ran.out
    assert rows(irods, home) == before


def test_register_as_replica_adds_a_replica_with_the_size_and_time_of_the_file(
    served: CommandLine, source: Path, home: str, irods: iRODSSession, storage: Storage, handler_file: HandlerFile,
    tmp_path: Path,
) -> None:  # fmt: skip
    first, second = storage.resource(), storage.resource()
    for name in ("f", "bystander"):
        (source / name).write_text("content")
    on_first = handler_file(handler("REGISTER_SYNC", resource=first))
    assert served.ingest(source, home, "--event_handler", on_first).status == 0
    before = rows(irods, home)
    copies = tmp_path / "copies"
    copies.mkdir()
    shutil.copy(source / "f", copies / "f")
    os.utime(copies / "f", (1_200_000_000, 1_200_000_000))
    as_replica = handler_file(handler("REGISTER_AS_REPLICA_SYNC", resource=second))
    assert served.ingest(copies, home, "--event_handler", as_replica).status == 0
    after = rows(irods, home)
    assert after["bystander"] == before["bystander"]
    old, new = after["f"]
    assert old._replace(status=GOOD) == before["f"][0]
    assert new == row_of(copies / "f", second, number=1)
    ran = served.ingest(copies, home, "--event_handler", as_replica, "--ignore_cache")
    assert ran.status == 0, ran
    assert len(rows(irods, home)["f"]) == 2


def test_the_root_of_a_hierarchy_stands_for_the_leaf_below_it(
    scan: CommandLine, source: Path, home: str, irods: iRODSSession, storage: Storage, handler_file: HandlerFile,
    tmp_path: Path,
) -> None:  # fmt: skip
    root, leaf = storage.tree()
    file = handler_file(handler("REGISTER_SYNC", resource=root))
    for name in ("changed", "same"):
        (source / name).write_text("old")
    assert scan.ingest(source, home, "--event_handler", file).status == 0
    (source / "changed").write_text("newer")
    scan.state = tmp_path / "empty cache.db"
    ran = scan.ingest(source, home, "--event_handler", file)
    assert "1 synced" in ran.out, ran
    assert "1 unchanged" in ran.out, ran
    expected = {name: [row_of(source / name, f"{root};{leaf}")] for name in ("changed", "same")}
    assert rows(irods, home) == expected


def test_the_checksum_of_old_content_is_cleared_and_with_checksum_computed_anew(
    served: CommandLine, source: Path, home: str, irods: iRODSSession, storage: Storage, handler_file: HandlerFile
) -> None:
    file = handler_file(handler("REGISTER_SYNC", resource=storage.resource()))
    contents = {"first": "--checksum", "the second": "", "and the third": "--checksum"}
    for text, option in contents.items():
        (source / "f").write_text(text)
        ran = served.ingest(source, home, "--event_handler", file, *filter(None, [option]))
        assert ran.status == 0, ran
        assert only(irods, home, "f").checksum == (sha2(text.encode()) if option else None)
        assert only(irods, home, "f").size == len(text)


def test_target_path_is_what_the_catalog_records(
    served: CommandLine, source: Path, home: str, irods: iRODSSession, handler_file: HandlerFile
) -> None:
    (source / "f").write_text("content")
    more = (
        "@staticmethod\ndef target_path(session, meta, **options):\n    return '/mounted/elsewhere/' + meta['path'][-1]"
    )
    file = handler_file(handler("REGISTER_SYNC", more=more))
    assert served.ingest(source, home, "--event_handler", file).status == 0
    assert only(irods, home, "f").path == "/mounted/elsewhere/f"
    (source / "f").write_text("new content")
    assert served.ingest(source, home, "--event_handler", file).status == 0
    row = only(irods, home, "f")
    assert (row.path, row.size) == ("/mounted/elsewhere/f", 11)


def test_a_file_with_an_older_time_is_synced(served: CommandLine, source: Path, home: str, irods: iRODSSession) -> None:
    (source / "f").write_text("content")
    assert served.ingest(source, home).status == 0
    os.utime(source / "f", (1_000_000_000, 1_000_000_000))
    assert "1 synced" in served.ingest(source, home).out
    assert only(irods, home, "f").mtime == 1_000_000_000


def test_a_change_of_ctime_alone_runs_the_modify_hooks_and_touches_no_data(
    scan: CommandLine, calls: CountingProxy, source: Path, home: str, irods: iRODSSession, handler_file: HandlerFile,
    tmp_path: Path,
) -> None:  # fmt: skip
    log = tmp_path / "log"
    names = ("pre_data_obj_create", "post_data_obj_create", "pre_data_obj_modify", "post_data_obj_modify")
    file = handler_file(handler("REGISTER_SYNC", more=hooks(log, *names)))
    for name in ("a", "b"):
        (source / name).write_text("content")
    assert scan.ingest(source, home, "--event_handler", file).status == 0
    assert logged(log, home) == [f"{when}_data_obj_create {name}" for when in ("post", "pre") for name in "ab"]
    before = rows(irods, home)
    log.unlink()
    calls.reset()
    (source / "a").chmod(0o600)
    assert scan.ingest(source, home, "--event_handler", file).status == 0
    assert logged(log, home) == ["post_data_obj_modify a", "pre_data_obj_modify a"]
    assert calls.calls["MOD_DATA_OBJ_META"] == 0
    assert rows(irods, home) == before


def test_ignore_cache_updates_what_looks_unchanged_with_its_hooks(
    scan: CommandLine, calls: CountingProxy, source: Path, home: str, irods: iRODSSession, handler_file: HandlerFile,
    tmp_path: Path,
) -> None:  # fmt: skip
    log = tmp_path / "log"
    file = handler_file(handler("REGISTER_SYNC", more=hooks(log, "pre_data_obj_modify")))
    for name in ("a", "b"):
        (source / name).write_text("content")
    assert scan.ingest(source, home, "--event_handler", file).status == 0
    before = rows(irods, home)
    calls.reset()
    assert "2 synced" in scan.ingest(source, home, "--event_handler", file, "--ignore_cache").out
    assert calls.calls["MOD_DATA_OBJ_META"] == 2
    assert logged(log, home) == ["pre_data_obj_modify a", "pre_data_obj_modify b"]
    assert rows(irods, home) == before


def test_an_object_that_appears_between_listing_and_sync_is_taken_as_it_is(
    served: CommandLine, source: Path, home: str, irods: iRODSSession, handler_file: HandlerFile
) -> None:
    (source / "same").write_text("content")
    (source / "outdated").write_text("content")
    more = """@staticmethod
def pre_data_obj_create(module, logger, session, meta, *args, **options):
    size = 1 if meta['path'].endswith('outdated') else meta['size']
    session.data_objects.register(
        meta['path'], meta['target'], dataSize=str(size), dataModify=f"{int(meta['mtime']):011d}")
"""
    ran = served.ingest(source, home, "--event_handler", handler_file(handler("REGISTER_SYNC", more=more)))
    assert (ran.status, ran.out.count("1 synced"), ran.out.count("1 unchanged")) == (0, 1, 1), ran
    assert {name: row[0].size for name, row in rows(irods, home).items()} == {"same": 7, "outdated": 7}


def test_initial_ingest_copes_with_a_target_that_is_not_empty(
    scan: CommandLine, source: Path, home: str, irods: iRODSSession, tmp_path: Path
) -> None:
    (source / "d").mkdir()
    (source / "d" / "old").write_text("content")
    assert scan.ingest(source, home).status == 0
    (source / "d" / "old").write_text("new content")
    (source / "d" / "new").write_text("new")
    scan.state = tmp_path / "empty cache.db"
    ran = scan.ingest(source, home, "--initial_ingest")
    assert (ran.status, ran.out.count("2 synced")) == (0, 1), ran
    assert {name: row[0].size for name, row in rows(irods, home).items()} == {"d/old": 11, "d/new": 3}


def test_a_path_that_is_too_long_for_irods_fails_alone_and_says_so(
    served: CommandLine, source: Path, home: str, irods: iRODSSession
) -> None:
    directory = source
    while len(os.fsencode(f"{home}{str(directory).removeprefix(str(source))}")) < 850:
        directory /= "x" * 100
    directory.mkdir(parents=True)
    (directory / ("y" * 250)).write_text("too long")
    (directory / "short").write_text("fits")
    ran = served.ingest(source, home)
    assert (ran.status, ran.out.count("1 synced"), ran.out.count("1 failed")) == (255, 1, 1), ran
    assert "the path is longer than the 1087 bytes that iRODS can hold" in ran.out
    assert [name.rpartition("/")[2] for name in rows(irods, home)] == ["short"]
