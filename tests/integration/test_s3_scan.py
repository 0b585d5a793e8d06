"""Buckets as sources: what arrives, under which names, how often, and with which hooks."""

from __future__ import annotations

import http.client
from pathlib import Path
from urllib.parse import quote

import pytest
from irods.session import iRODSSession

from tests.conftest import CommandLine, HandlerFile
from tests.scanner.buckets.test_source import ODD_KEYS
from tests.support.integration import collections, content, handler, hooks, logged, only, rows, sha2, wait_until
from tests.support.s3_jobs import ingest, put_all, summary
from tests.support.s3_servers import BOTH_S3, REAL, Bucket, S3Server


@pytest.mark.usefixtures("two_workers")
@pytest.mark.parametrize(
    ("s3", "flat", "nested"),
    [
        ("minio", 1200, 800),  # more than a page has, and many prefixes
        ("versitygw", 100, 400),
        *(pytest.param(name, 1200, 4000, marks=pytest.mark.slow) for name in REAL),
    ],
    indirect=["s3"],
)
def test_thousands_of_objects_arrive_with_their_contents_and_once(
    scan: CommandLine, bucket: Bucket, home: str, irods: iRODSSession, handler_file: HandlerFile, flat: int, nested: int
) -> None:
    objects = {f"run/{number % 50}/{number}.dat": f"content of {number}".encode() for number in range(nested)}
    objects |= {f"run/flat/{number:05}": b"%d" % number for number in range(flat)}
    objects |= {f"run/odd/{key}": key.encode() for key in ODD_KEYS}
    put_all(bucket, objects | {"running/other": b"not below the prefix", "run2": b"nor this"})
    file = handler_file(handler("PUT_SYNC"))
    ran = ingest(scan, bucket, home, "--event_handler", file, "--checksum", prefix="run")
    assert summary(ran, f"{len(objects)} synced", "0 skipped, 0 failed") == (0, True), ran
    found = {f"run/{path}": replicas for path, replicas in rows(irods, home).items()}
    assert {key: [replica.checksum for replica in found[key]] for key in found} == {
        key: [sha2(data)] for key, data in objects.items()
    }
    for key in ODD_KEYS:
        assert content(irods, f"{home}/odd/{key}") == key.encode()
    again = ingest(scan, bucket, home, "--event_handler", file, "--checksum", prefix="run")
    assert summary(again, "0 synced", f"{len(objects)} unchanged", "0 collections created") == (0, True), again
    assert {f"run/{path}": replicas for path, replicas in rows(irods, home).items()} == found


@BOTH_S3
def test_registered_objects_have_bucket_and_key_as_their_path_and_are_kept_in_step(
    served_s3: CommandLine, bucket: Bucket, home: str, irods: iRODSSession
) -> None:
    bucket.put("a/b/c", b"12345")
    bucket.put("a/bc/d", b"of another prefix")
    assert summary(ingest(served_s3, bucket, home, prefix="a/b"), "1 synced") == (0, True)
    modified = bucket.client.stat_object(bucket.name, "a/b/c").last_modified
    assert modified is not None
    row = only(irods, home, "c")
    assert (row.path, row.size, row.mtime) == (f"/{bucket.name}/a/b/c", 5, int(modified.timestamp()))
    assert set(rows(irods, home)) == {"c"}
    assert summary(ingest(served_s3, bucket, home, prefix="a/b"), "0 synced", "1 unchanged") == (0, True)
    bucket.put("a/b/c", b"1234567")
    for synced in (1, 0):
        assert summary(ingest(served_s3, bucket, home, prefix="a/b"), f"{synced} synced") == (0, True)
        assert only(irods, home, "c").size == 7


def test_automated_ingests_form_of_a_source_works_with_a_keypair(
    scan: CommandLine, bucket: Bucket, home: str, irods: iRODSSession, tmp_path: Path
) -> None:
    bucket.put("path/to/x", b"x")
    pair = tmp_path / "keypair"
    pair.write_text(f"{bucket.server.key}\n{bucket.server.secret}\n")
    options = ["--s3_keypair", str(pair), "--s3_region_name", "us-east-1", *bucket.server.options()]
    for source in (f"/{bucket.name}/path/", f"{bucket.name}/path/to"):
        ran = scan("start", source, f"{home}/{source.count('to')}", "--synchronous", *options)
        assert summary(ran, "1 synced") == (0, True), ran
    assert {path: replicas[0].path for path, replicas in rows(irods, home).items()} == {
        "0/to/x": f"/{bucket.name}/path/to/x", "1/x": f"/{bucket.name}/path/to/x"
    }  # fmt: skip


def test_excluded_keys_stay_out(served_s3: CommandLine, bucket: Bucket, home: str, irods: iRODSSession) -> None:
    for key in ("keep", "x.tmp", "raw/a", "old/b", "old/c.log"):
        bucket.put(key)
    options = ("--exclude", "*.tmp", "--exclude_directory_name", ".*/raw$", "--exclude_file_name", r".*\.log$")
    assert summary(ingest(served_s3, bucket, home, *options), "2 synced") == (0, True)
    assert set(rows(irods, home)) == {"keep", "old/b"}
    assert collections(irods, home) == {"old"}


def test_handlers_see_what_automated_ingests_do_and_no_hooks_of_directories_but_their_creation(
    scan: CommandLine, bucket: Bucket, home: str, irods: iRODSSession, handler_file: HandlerFile, tmp_path: Path
) -> None:
    names = [f"{when}_{what}" for when in ("pre", "post") for what in ("data_obj_create", "coll_create", "coll_modify")]
    seen, log = tmp_path / "seen", tmp_path / "log"
    more = (
        "@staticmethod\ndef to_resource(session, meta, **options):\n"
        f"    with open({str(seen)!r}, 'w') as out:\n"
        "        out.write(repr({key: meta[key] for key in ('path', 'root', 's3_prefix', 's3_endpoint_domain',"
        " 's3_region_name', 's3_keypair', 's3_secure_connection', 'mtime')}))\n"
    )
    file = handler_file(handler("PUT_SYNC", more=hooks(log, *names) + more))
    bucket.put("p/d/x")
    assert ingest(scan, bucket, home, "--event_handler", file, prefix="p").status == 0
    bucket.put("p/d/y")
    scan.state = tmp_path / "empty cache.db"
    assert ingest(scan, bucket, home, "--event_handler", file, prefix="p").status == 0
    calls = [*(f"{when}_coll_create d" for when in ("pre", "post")),
             *(f"{when}_data_obj_create d/{name}" for when in ("pre", "post") for name in "xy")]  # fmt: skip
    assert [line for line in logged(log, home) if " /" not in line] == sorted(calls)
    assert not [line for line in logged(log, home) if "modify" in line]
    modified = bucket.client.stat_object(bucket.name, "p/d/y").last_modified
    assert modified is not None
    assert seen.read_text() == repr({
        "path": f"/{bucket.name}/p/d/y", "root": bucket.name, "s3_prefix": "p",
        "s3_endpoint_domain": bucket.server.endpoint, "s3_region_name": "us-east-1", "s3_keypair": None,
        "s3_secure_connection": False, "mtime": modified.timestamp(),
    })  # fmt: skip


def test_dry_run_and_why_tell_of_objects(scan: CommandLine, bucket: Bucket, home: str) -> None:
    bucket.put("d/x", b"123")
    ran = ingest(scan, bucket, home, "--dry-run")
    assert (ran.status, ran.out.count('"action": "register"')) == (0, 1), ran
    assert ingest(scan, bucket, home).status == 0
    told = scan("why", f"{bucket.url()}/d/x", **bucket.server.environ)
    assert (told.status, "regular, 3 bytes" in told.out, "the next pass: nothing" in told.out) == (0, True, True), told


def test_why_says_of_each_job_what_keeps_it_from_telling_more(
    scan: CommandLine, bucket: Bucket, home: str, tmp_path: Path
) -> None:
    pair = tmp_path / "keypair"
    pair.write_text(f"{bucket.server.key}\n{bucket.server.secret}\n")
    bucket.put("d/x", b"123")
    assert ingest(scan, bucket, home).status == 0
    assert ingest(scan, bucket, f"{home}/again", "--s3_keypair", pair).status == 0
    nobody = {"AWS_ACCESS_KEY_ID": "", "AWS_SECRET_ACCESS_KEY": "", "AWS_SHARED_CREDENTIALS_FILE": "/nonexistent"}
    told = scan("why", f"{bucket.url()}/d/x", **nobody)
    assert (told.status, told.err, told.out.count("Job "), told.out.count("regular, 3 bytes")) == (0, "", 2, 1), told
    assert "\n  no S3 credentials on this host: " in told.out
    told = scan("why", f"{bucket.url()}/a//b", **bucket.server.environ)
    assert (told.status, told.err, told.out.count("not a path below a source: 'a//b'")) == (0, "", 2), told


@pytest.mark.parametrize("operation", ["REGISTER_SYNC", "PUT_SYNC"])
def test_no_key_can_write_outside_the_target(
    scan: CommandLine, moto_server: S3Server, home: str, irods: iRODSSession, handler_file: HandlerFile, operation: str
) -> None:
    bucket = Bucket(moto_server)
    keys = (
        "../up",
        "a/../../up",
        "a/..",
        "..",
        ".",
        "./x",
        "a/./x",
        "/lead",
        "//",
        "a//x",
        "a/",
        "..//..",
        "fine",
        "d/x",
    )
    for key in keys:
        connection = http.client.HTTPConnection(moto_server.endpoint)
        connection.request("PUT", f"/{bucket.name}/p/{quote(key, safe='/')}", b"x", {"Authorization": "AWS key:x"})
        assert connection.getresponse().status == 200, key
        connection.close()
    target = f"{home}/deep/target"
    for _ in range(2):
        ran = ingest(scan, bucket, target, "--event_handler", handler_file(handler(operation)), prefix="p")
        assert summary(ran, "0 failed", "Skipped ") == (0, True), ran
        assert set(rows(irods, home)) == {"deep/target/fine", "deep/target/d/x"}
        assert collections(irods, home) == {"deep", "deep/target", "deep/target/a", "deep/target/d"}


def test_what_cannot_be_reached_is_refused_in_a_sentence(scan: CommandLine, bucket: Bucket, home: str) -> None:
    server = bucket.server
    nobody = {"AWS_ACCESS_KEY_ID": "", "AWS_SHARED_CREDENTIALS_FILE": "/nonexistent"}
    for source, environ, words in (
        ("s3://no-such-bucket-here/p", server.environ, "NoSuchBucket"),
        (bucket.url(), server.environ | {"AWS_SECRET_ACCESS_KEY": "wrong-sesame"}, "SignatureDoesNotMatch"),
        (bucket.url(), server.environ | nobody, "no S3 credentials on this host"),
    ):
        ran = scan("start", source, home, *server.options(), **environ)
        assert (ran.status, ran.out, words in ran.err, ran.err.count("\n")) == (1, "", True, 1), ran
        assert "sesame" not in ran.err


def test_a_proxy_that_cannot_be_one_is_refused_and_a_consumer_with_it_waits(
    scan: CommandLine, minio_server: S3Server, home: str, irods: iRODSSession
) -> None:
    bucket = Bucket(minio_server)
    bucket.put("x", b"x")
    wrong = {"http_proxy": "socks5h://user:sesame@127.0.0.1:9", "no_proxy": "", "NO_PROXY": ""}
    arguments, environ = ("start", bucket.url(), home, *minio_server.options()), minio_server.environ
    ran = scan(*arguments, **(environ | wrong))
    assert (ran.status, "http_proxy in the environment" in ran.err, ran.err.count("\n")) == (1, True, 1), ran
    said = ran.err
    for more in (wrong, {}):
        process = scan.process("--workers", "1", program="consumer", **(environ | more))
        try:
            assert process.stderr is not None
            assert "Serving" in process.stderr.readline()
            if more:
                assert scan(*arguments, **environ).status == 0
                said += process.stderr.readline()
            else:
                wait_until(lambda: set(rows(irods, home)) == {"x"})
        finally:
            process.terminate()
            process.communicate(timeout=60)
    assert ("sesame" in said, said.count("http_proxy in the environment")) == (False, 2), said
    assert scan.last()["failed_tasks"] == 0
