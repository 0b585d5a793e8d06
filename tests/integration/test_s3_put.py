"""Contents of objects in iRODS: large and small, changed, appended to, and never taken for right when they are not."""

from __future__ import annotations

import os
from pathlib import Path

import pytest
from irods.session import iRODSSession

from tests.conftest import CommandLine, HandlerFile
from tests.support.counting_proxy import CountingProxy
from tests.support.integration import GOOD, Storage, content, handler, only, rows, sha2, wait_until
from tests.support.s3_jobs import ingest, summary
from tests.support.s3_servers import BOTH_S3, Bucket, S3Server

MIB = 1 << 20


@pytest.mark.parametrize("operation", ["PUT", "PUT_SYNC"])
def test_a_large_object_goes_in_parallel_and_is_verified_and_a_second_pass_leaves_it(
    scan: CommandLine, calls: CountingProxy, bucket: Bucket, home: str, irods: iRODSSession, handler_file: HandlerFile,
    operation: str,
) -> None:  # fmt: skip
    data = b"".join(os.urandom(MIB) * 20 for _ in range(10)) + b"and a rest"
    bucket.put("large", data, part_size=16 * MIB)
    options = ("--event_handler", handler_file(handler(operation)), "--checksum", "--workers", "1")
    ran = ingest(scan, bucket, home, *options)
    assert summary(ran, "1 synced (200.0 MiB)") == (0, True), ran
    assert calls.calls["DATA_OBJ_PUT"] == 0
    assert calls.calls["REPLICA_CLOSE"] == 3  # and the fourth stream finishes the replica
    row = only(irods, home, "large")
    assert (row.size, row.checksum, row.status) == (len(data), sha2(data), GOOD)
    again = ingest(scan, bucket, home, *options)
    assert summary(again, "0 synced", "1 unchanged") == (0, True), again
    assert only(irods, home, "large") == row


@BOTH_S3
def test_objects_of_all_sizes_are_put_where_a_hook_lets_servers_redirect(
    served_s3: CommandLine, bucket: Bucket, home: str, irods: iRODSSession, handler_file: HandlerFile
) -> None:
    redirect = (
        "@staticmethod\ndef pre_data_obj_create(module, logger, session, meta, *args, **options):\n"
        "    options['allow_redirect'] = True\n"
    )
    for key, data in (("empty", b""), ("small", b"x")):
        bucket.put(key, data)
    ran = ingest(served_s3, bucket, home, "--event_handler", handler_file(handler("PUT_SYNC", more=redirect)))
    assert summary(ran, "2 synced (1 B)") == (0, True), ran
    assert (content(irods, f"{home}/empty"), content(irods, f"{home}/small")) == (b"", b"x")


def test_a_changed_object_is_put_again_to_the_resource_where_it_was(
    served_s3: CommandLine, bucket: Bucket, home: str, irods: iRODSSession, storage: Storage, handler_file: HandlerFile
) -> None:
    root, leaf = storage.tree()
    file = handler_file(handler("PUT_SYNC", resource=root))
    for data in (b"old", b"new", b"a longer one", os.urandom(MIB) * 40, os.urandom(MIB) * 33, b"short"):
        bucket.put("object", data, part_size=64 * MIB)
        for synced in (1, 0):
            ran = ingest(served_s3, bucket, home, "--event_handler", file)
            assert summary(ran, f"{synced} synced") == (0, True), ran
        row = only(irods, home, "object")
        assert (row.hierarchy, row.size, row.status) == (f"{root};{leaf}", len(data), GOOD)
        assert content(irods, f"{home}/object") == data


@pytest.mark.parametrize("options", [(), ("--checksum",)])
def test_an_object_is_never_appended_to_but_replaced_as_it_was_in_the_bucket(
    scan: CommandLine, calls: CountingProxy, bucket: Bucket, home: str, irods: iRODSSession, handler_file: HandlerFile,
    options: tuple[str, ...],
) -> None:  # fmt: skip
    file = handler_file(handler("PUT_APPEND"))
    first = os.urandom(5 * MIB)
    for data in (first, first + b"more", first[::-1] + b"most", os.urandom(5 * MIB + 9), b"shorter", b"another"):
        bucket.put("log", data, part_size=64 * MIB)
        calls.reset()
        ran = ingest(scan, bucket, home, "--event_handler", file, *options)
        assert summary(ran, "1 synced", "(7 B)" if len(data) == 7 else "(5.0 MiB)") == (0, True), ran
        assert calls.calls["DATA_OBJ_PUT"] == 1
        assert content(irods, f"{home}/log") == data
        assert only(irods, home, "log").checksum == (sha2(data) if options else None)


@pytest.mark.parametrize("size", [1000, 40 * MIB])
def test_an_object_that_changes_before_it_is_read_fails_and_the_next_pass_puts_it(
    served_s3: CommandLine, bucket: Bucket, home: str, irods: iRODSSession, handler_file: HandlerFile, tmp_path: Path,
    size: int,
) -> None:  # fmt: skip
    done = tmp_path / "done"
    server = bucket.server
    hook = (
        "@staticmethod\ndef pre_data_obj_create(module, logger, session, meta, *args, **options):\n"
        "    import io, os\n    from minio import Minio\n"
        f"    if not os.path.exists({str(done)!r}):\n"
        f"        open({str(done)!r}, 'w').close()\n"
        f"        client = Minio({server.endpoint!r}, {server.key!r}, {server.secret!r}, secure=False)\n"
        f"        client.put_object({bucket.name!r}, 'object', io.BytesIO(b'y' * {size}), {size},"
        f" part_size={64 * MIB})\n"
    )
    bucket.put("object", b"x" * size, part_size=64 * MIB)
    file = handler_file(handler("PUT", more=hook))
    ran = ingest(served_s3, bucket, home, "--event_handler", file)
    assert (ran.status, "the object changed while it was read" in ran.out) == (255, True), ran
    # The server learns from the end of the connection that nothing more will come.
    wait_until(lambda: all(row.status != GOOD for found in rows(irods, home).values() for row in found))
    ran = ingest(served_s3, bucket, home, "--event_handler", file)
    assert summary(ran, "1 synced") == (0, True), ran
    assert (content(irods, f"{home}/object"), only(irods, home, "object").status) == (b"y" * size, GOOD)


@pytest.mark.parametrize("size", [1000, 40 * MIB])
def test_what_is_not_what_its_etag_says_fails_and_is_not_taken_for_good(
    scan: CommandLine, versitygw_server: S3Server, home: str, irods: iRODSSession, handler_file: HandlerFile, size: int
) -> None:
    bucket = Bucket(versitygw_server)
    for name in ("right", "rotten"):
        bucket.put(name, b"x" * size, part_size=64 * MIB)
    with (versitygw_server.data / bucket.name / "rotten").open("r+b") as file:
        file.seek(size // 2)
        file.write(b"y")
    options = ("--event_handler", handler_file(handler("PUT")))
    for _ in range(2):
        ran = ingest(scan, bucket, home, *options)
        assert (ran.status, ran.out.count("rotten"), "does not match the ETag" in ran.out) == (255, 1, True), ran
        found = rows(irods, home)
        assert found["right"][0].status == GOOD
        assert [row.status for row in found.get("rotten", [])] in ([], ["0"])
