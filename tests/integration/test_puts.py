"""PUT, PUT_SYNC and PUT_APPEND: what becomes of the content in every state that the catalog can be in."""

import os
import stat
from pathlib import Path

import pytest
from irods.session import iRODSSession

from tests.conftest import CommandLine, HandlerFile
from tests.support.counting_proxy import START_CALLS, CountingProxy
from tests.support.integration import GOOD, Storage, content, handler, hooks, logged, only, rows, sha2

WRITES = ("DATA_OBJ_PUT", "DATA_OBJ_OPEN", "DATA_OBJ_CREATE", "DATA_OBJ_WRITE", "REPLICA_OPEN", "TOUCH")
PUTS = ("PUT", "PUT_SYNC", "PUT_APPEND")
every = pytest.mark.parametrize("operation", PUTS)


def settle(file: Path) -> None:
    """Make a file look as if it was written long ago, as far as its mtime goes."""
    os.utime(file, (1_000_000_000, 1_000_000_000))


@every
def test_a_new_file_is_put_in_one_call_and_not_again(
    scan: CommandLine, calls: CountingProxy, source: Path, home: str, irods: iRODSSession, handler_file: HandlerFile,
    operation: str,
) -> None:  # fmt: skip
    file = handler_file(handler(operation))
    for name, text in (("empty", ""), ("text", "some content\n")):
        (source / name).write_text(text)
    ran = scan.ingest(source, home, "--event_handler", file)
    assert (ran.status, ran.out.count("2 synced (13 B)")) == (0, 1), ran
    assert calls.total(*WRITES) == calls.calls["DATA_OBJ_PUT"] == 2
    assert {name: [row.size for row in found] for name, found in rows(irods, home).items()} == {
        "empty": [0],
        "text": [13],
    }
    assert content(irods, f"{home}/text") == b"some content\n"
    calls.reset()
    assert "2 unchanged" in scan.ingest(source, home, "--event_handler", file).out
    assert calls.total() == START_CALLS


def test_put_leaves_a_changed_file_alone_even_with_ignore_cache(
    served: CommandLine, source: Path, home: str, irods: iRODSSession, handler_file: HandlerFile
) -> None:
    file = handler_file(handler("PUT"))
    (source / "f").write_text("old")
    assert served.ingest(source, home, "--event_handler", file).status == 0
    (source / "f").write_text("newer")
    for options in ((), ("--ignore_cache",)):
        ran = served.ingest(source, home, "--event_handler", file, *options)
        assert ran.status == 0, ran
        assert content(irods, f"{home}/f") == b"old"


def test_put_sync_overwrites_a_changed_file_in_one_call_and_with_its_hooks(
    scan: CommandLine, calls: CountingProxy, source: Path, home: str, irods: iRODSSession, handler_file: HandlerFile,
    tmp_path: Path,
) -> None:  # fmt: skip
    log = tmp_path / "log"
    file = handler_file(handler("PUT_SYNC", more=hooks(log, "pre_data_obj_modify", "post_data_obj_modify")))
    for name in ("changed", "emptied", "same"):
        (source / name).write_text("old content")
    assert scan.ingest(source, home, "--event_handler", file).status == 0
    before = rows(irods, home)
    (source / "changed").write_text("new content")
    (source / "emptied").write_text("")
    calls.reset()
    ran = scan.ingest(source, home, "--event_handler", file)
    assert "2 synced" in ran.out, ran
    assert calls.total(*WRITES) == calls.calls["DATA_OBJ_PUT"] == 2
    assert content(irods, f"{home}/changed") == b"new content"
    assert content(irods, f"{home}/emptied") == b""
    after = rows(irods, home)
    assert after["same"] == before["same"]
    assert [(row.size, row.status) for row in after["emptied"]] == [(0, GOOD)]
    assert logged(log, home) == [
        f"{when}_data_obj_modify {name}" for when in ("post", "pre") for name in ("changed", "emptied")
    ]


def test_put_append_writes_the_new_tail_only_and_overwrites_what_has_none(
    scan: CommandLine, calls: CountingProxy, source: Path, home: str, irods: iRODSSession, handler_file: HandlerFile
) -> None:
    file = handler_file(handler("PUT_APPEND"))
    for name in ("longer", "shorter", "as long"):
        (source / name).write_text("0123456789")
    (source / "was empty").write_text("")
    assert scan.ingest(source, home, "--event_handler", file).status == 0
    calls.reset()
    for name in ("longer", "was empty"):
        with (source / name).open("a") as out:
            out.write("abc")
    (source / "shorter").write_text("tiny")
    (source / "as long").write_text("9876543210")
    ran = scan.ingest(source, home, "--event_handler", file)
    assert (ran.status, ran.out.count("4 synced (20 B)")) == (0, 1), ran
    assert "shorter than the data object: overwritten" in ran.err
    assert "as long as the data object: overwritten" in ran.err
    assert calls.calls["DATA_OBJ_PUT"] == 2
    found = {name: content(irods, f"{home}/{name}") for name in rows(irods, home)}
    assert found == {"longer": b"0123456789abc", "shorter": b"tiny", "was empty": b"abc", "as long": b"9876543210"}
    assert all(len(replicas) == 1 for replicas in rows(irods, home).values())


def test_put_append_with_checksum_overwrites_a_file_whose_head_has_changed(
    scan: CommandLine, source: Path, home: str, irods: iRODSSession, handler_file: HandlerFile
) -> None:
    file = handler_file(handler("PUT_APPEND"))
    for name in ("replaced", "grown"):
        (source / name).write_text("0123456789")
    assert scan.ingest(source, home, "--event_handler", file, "--checksum").status == 0
    (source / "replaced").write_text("entirely different")
    (source / "grown").write_text("0123456789 and more")
    ran = scan.ingest(source, home, "--event_handler", file, "--checksum")
    assert ran.status == 0, ran
    assert "the file does not begin with what was put before: overwritten" in ran.err
    for name in ("replaced", "grown"):
        data = (source / name).read_bytes()
        assert content(irods, f"{home}/{name}") == data
        assert only(irods, home, name).checksum == sha2(data)


def test_a_file_above_32_mib_goes_in_parallel_streams_and_is_verified(
    scan: CommandLine, calls: CountingProxy, source: Path, home: str, irods: iRODSSession, handler_file: HandlerFile
) -> None:
    data = os.urandom(1 << 20) * 40
    (source / "large").write_bytes(data)
    file = handler_file(handler("PUT_SYNC"))
    ran = scan.ingest(source, home, "--event_handler", file, "--checksum", "--workers", "1")
    assert (ran.status, ran.out.count("1 synced (40.0 MiB)")) == (0, 1), ran
    assert calls.calls["DATA_OBJ_PUT"] == 0
    assert calls.logins > 2  # the check at the start, the worker's own session, and further streams
    assert (only(irods, home, "large").size, only(irods, home, "large").checksum) == (len(data), sha2(data))
    shorter = b"x" + data[1 : 36 << 20]
    (source / "large").write_bytes(shorter)
    ran = scan.ingest(source, home, "--event_handler", file, "--checksum")
    assert ran.status == 0, ran
    assert (only(irods, home, "large").size, only(irods, home, "large").checksum) == (len(shorter), sha2(shorter))
    assert content(irods, f"{home}/large") == shorter


@pytest.mark.parametrize("operation", ["PUT", "PUT_SYNC"])
def test_preserve_mtime_costs_one_more_call_and_tells_what_is_unchanged(
    scan: CommandLine, calls: CountingProxy, source: Path, home: str, irods: iRODSSession, handler_file: HandlerFile,
    tmp_path: Path, operation: str,
) -> None:  # fmt: skip
    file = handler_file(handler(operation))
    (source / "f").write_text("content")
    settle(source / "f")
    assert scan.ingest(source, home, "--event_handler", file, "--preserve-mtime").status == 0
    assert only(irods, home, "f").mtime == 1_000_000_000
    assert {name: calls.calls[name] for name in WRITES if calls.calls[name]} == {"DATA_OBJ_PUT": 1, "TOUCH": 1}
    calls.reset()
    scan.state = tmp_path / "empty cache.db"
    assert "1 unchanged" in scan.ingest(source, home, "--event_handler", file, "--preserve-mtime").out
    assert calls.total(*WRITES) == 0


def test_with_checksum_the_catalog_has_the_digest_of_the_content(
    served: CommandLine, source: Path, home: str, irods: iRODSSession, handler_file: HandlerFile
) -> None:
    file = handler_file(handler("PUT_SYNC"))
    for data in (b"first", b"the second"):
        (source / "f").write_bytes(data)
        assert served.ingest(source, home, "--event_handler", file, "--checksum").status == 0
        assert only(irods, home, "f").checksum == sha2(data)


@pytest.mark.parametrize("operation", ["PUT_SYNC", "PUT_APPEND"])
def test_a_put_over_a_registered_replica_is_refused_and_the_registered_file_untouched(
    served: CommandLine, source: Path, home: str, irods: iRODSSession, handler_file: HandlerFile, tmp_path: Path,
    operation: str,
) -> None:  # fmt: skip
    precious = tmp_path / "precious"
    precious.write_bytes(b"precious")
    more = (
        "@staticmethod\ndef target_path(session, meta, **options):\n"
        f"    return {str(precious)!r} if meta['path'].endswith('other') else None\n"
    )
    for name in ("own", "other"):
        (source / name).write_bytes(b"registered")
    assert served.ingest(source, home, "--event_handler", handler_file(handler("REGISTER_SYNC", more=more))).status == 0
    before = rows(irods, home)
    for name in ("own", "other"):
        (source / name).write_bytes(b"registered and then appended to")
    ran = served.ingest(source, home, "--event_handler", handler_file(handler(operation)), "--ignore_cache")
    assert (ran.status, ran.out.count("2 failed")) == (255, 1), ran
    assert f"is the registered file {source}/own, outside the vault" in ran.out
    assert f"is the registered file {precious}, outside the vault" in ran.out
    assert (source / "own").read_bytes() == b"registered and then appended to"
    assert precious.read_bytes() == b"precious"
    assert rows(irods, home) == before


def test_a_put_where_the_object_has_no_replica_on_the_resource_is_refused(
    served: CommandLine, source: Path, home: str, irods: iRODSSession, storage: Storage, handler_file: HandlerFile
) -> None:
    first, second = storage.resource(), storage.resource()
    for operation in PUTS:
        (source / operation).write_text("old")
    assert served.ingest(source, home, "--event_handler", handler_file(handler("PUT", resource=first))).status == 0
    before = rows(irods, home)
    for operation in PUTS:
        (source / operation).write_text("newer")
    by_name = handler("__members__.get(meta['path'].rpartition('/')[2], Operation.PUT)", resource=second)
    ran = served.ingest(source, home, "--event_handler", handler_file(by_name))
    reason = f"the data object has no replica on resource {second}, only on {first}"
    assert (ran.status, ran.out.count(reason)) == (255, 3), ran
    assert rows(irods, home) == before


@pytest.mark.parametrize("operation", ["PUT_SYNC", "PUT_APPEND"])
def test_content_goes_to_the_resource_that_the_handler_names_and_stays_there(
    served: CommandLine, source: Path, home: str, irods: iRODSSession, storage: Storage, handler_file: HandlerFile,
    tmp_path: Path, operation: str,
) -> None:  # fmt: skip
    root, leaf = storage.tree()
    file = handler_file(handler(operation, resource=root))
    for text in ("old", "old and new"):
        (source / "f").write_text(text)
        assert served.ingest(source, home, "--event_handler", file).status == 0
        row = only(irods, home, "f")
        assert (row.hierarchy, row.size, row.status) == (f"{root};{leaf}", len(text), GOOD)
        assert row.path.startswith(f"{tmp_path}/vaults/{leaf}/")
        assert content(irods, f"{home}/f") == text.encode()


def test_what_has_no_content_is_skipped_with_the_reason_and_never_blocks(
    served: CommandLine, source: Path, home: str, irods: iRODSSession, handler_file: HandlerFile
) -> None:
    os.mkfifo(source / "fifo")
    (source / "broken").symlink_to(source / "nothing")
    (source / "f").write_text("content")
    ran = served.ingest(source, home, "--event_handler", handler_file(handler("PUT_SYNC")))
    assert (ran.status, ran.out.count("1 synced"), ran.out.count("2 skipped")) == (0, 1, 1), ran
    assert "Skipped fifo: a pipe has no content to put" in ran.out
    assert "Skipped broken: a broken link has no content to put" in ran.out
    assert set(rows(irods, home)) == {"f"}
    assert stat.S_ISFIFO((source / "fifo").stat().st_mode)


def test_a_file_that_the_account_cannot_read_is_skipped_and_the_others_arrive(
    unprivileged: CommandLine, source: Path, home: str, irods: iRODSSession, handler_file: HandlerFile
) -> None:
    for name in ("a", "secret", "z"):
        (source / name).write_text(name)
    (source / "secret").chmod(0)
    (source / "closed").mkdir()
    (source / "closed").chmod(0)
    for operation in ("REGISTER_SYNC", "PUT_SYNC"):
        file = handler_file(handler(operation))
        ran = unprivileged.ingest(source, f"{home}/{operation}", "--event_handler", file)
        assert (ran.status, ran.out.count("2 synced"), ran.out.count("2 skipped")) == (0, 1, 1), ran
        assert "Skipped secret: not readable for this account" in ran.out
        assert "Skipped closed: " in ran.out
        assert set(rows(irods, f"{home}/{operation}")) == {"a", "z"}
