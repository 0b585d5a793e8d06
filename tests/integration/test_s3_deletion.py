"""What a bucket has no more is deleted in each way, and never because it cannot be seen."""

from __future__ import annotations

import signal
from pathlib import Path

import pytest
from irods.session import iRODSSession

from tests.conftest import CommandLine, HandlerFile
from tests.support.integration import collections, deleting, handler, hooks, logged, rows, wait_until
from tests.support.s3_jobs import ingest, summary
from tests.support.s3_servers import BOTH_S3, Bucket


def _hooks(log: Path) -> str:
    """Those of deletions, which get no logger."""
    names = [f"{when}_{what}_delete" for when in ("pre", "post") for what in ("data_obj", "coll")]
    return hooks(log, *names).replace("(module, logger, ", "(module, ")


@pytest.mark.parametrize(
    ("operation", "mode"),
    [("REGISTER_SYNC", "UNREGISTER"), ("PUT_SYNC", "TRASH"), ("PUT_SYNC", "NO_TRASH"), ("PUT_SYNC", "DO_NOT_DELETE")],
)
def test_each_mode_deletes_what_is_gone_and_nothing_else_and_a_second_pass_nothing(
    served_s3: CommandLine, bucket: Bucket, home: str, irods: iRODSSession, handler_file: HandlerFile, tmp_path: Path,
    operation: str, mode: str,
) -> None:  # fmt: skip
    log = tmp_path / "log"
    file = handler_file(handler(operation, more=deleting(mode) + _hooks(log)))
    keys = ("p/keep", "p/gone", "p/d/keep", "p/d/gone", "p/e/f/gone", "p/e/gone", "p/skip.tmp")
    for key in keys:
        bucket.put(key, key.encode())
    assert ingest(served_s3, bucket, home, "--event_handler", file, prefix="p").status == 0
    bucket.remove(*(key for key in keys if key.endswith("gone")))
    kept = {"keep", "d/keep", "skip.tmp"} if mode != "DO_NOT_DELETE" else {key.removeprefix("p/") for key in keys}
    for deleted in (6 if mode != "DO_NOT_DELETE" else 0, 0):
        ran = ingest(served_s3, bucket, home, "--event_handler", file, "--exclude", "*.tmp", prefix="p")
        assert summary(ran, f"{deleted} deleted", "0 failed") == (0, True), ran
        assert set(rows(irods, home)) == kept
        assert collections(irods, home) == ({"d"} if mode != "DO_NOT_DELETE" else {"d", "e", "e/f"})
    gone = [key.removeprefix("p/") for key in keys if key.endswith("gone")] if mode != "DO_NOT_DELETE" else []
    assert logged(log, home) == sorted(f"{when}_data_obj_delete {path}" for when in ("pre", "post") for path in gone)
    trash = home.replace("/home/", "/trash/home/", 1)
    assert irods.collections.exists(trash) == (mode == "TRASH")
    if mode == "TRASH":
        irods.collections.remove(trash, recurse=True, force=True)


@BOTH_S3
def test_an_object_and_a_prefix_may_take_each_others_place(
    served_s3: CommandLine, bucket: Bucket, home: str, irods: iRODSSession, handler_file: HandlerFile
) -> None:
    file = handler_file(handler("PUT_SYNC", more=deleting("NO_TRASH")))
    for before, after in (("a", "a/b/c"), ("a/b", "a")):
        bucket.put("other")
        bucket.put(before)
        assert ingest(served_s3, bucket, home, "--event_handler", file).status == 0
        bucket.remove(before, "a/")
        bucket.put(after)
        for _ in range(2):
            ran = ingest(served_s3, bucket, home, "--event_handler", file)
            assert summary(ran, "0 failed") == (0, True), ran
            assert set(rows(irods, home)) == {after, "other"}
        bucket.remove(after, "a/b/", "a/")


def test_an_empty_bucket_or_prefix_deletes_nothing_and_says_so(
    served_s3: CommandLine, bucket: Bucket, home: str, irods: iRODSSession, handler_file: HandlerFile
) -> None:
    file = handler_file(handler("REGISTER_SYNC", more=deleting("UNREGISTER")))
    bucket.put("p/d/x")
    for prefix in ("p", ""):
        target = f"{home}/{len(prefix)}"
        assert ingest(served_s3, bucket, target, "--event_handler", file, prefix=prefix).status == 0
    before = rows(irods, home)
    bucket.remove("p/d/x", "p/d/", "p/")
    for prefix in ("p", ""):
        ran = ingest(served_s3, bucket, f"{home}/{len(prefix)}", "--event_handler", file, prefix=prefix)
        assert (ran.status, "the source is empty and the target is not" in ran.out) == (255, True), ran
        assert "warning: there are no objects in" in ran.err
    assert rows(irods, home) == before


@pytest.mark.parametrize("change", ["lost", "wrong"])
def test_without_credentials_a_job_waits_and_no_file_fails_and_nothing_is_deleted(
    scan: CommandLine, bucket: Bucket, home: str, irods: iRODSSession, handler_file: HandlerFile, tmp_path: Path,
    change: str,
) -> None:  # fmt: skip
    pair, aside, log = tmp_path / "keypair", tmp_path / "aside", tmp_path / "log"
    pair.write_text(f"{bucket.server.key}\n{bucket.server.secret}\n")
    for key in ("gone", "kept", "d/kept"):
        bucket.put(key, key.encode())
    delete = handler("PUT_SYNC", more=deleting("NO_TRASH"))
    options = ["--s3_keypair", str(pair), *bucket.server.options(), "--log_filename", str(log)]
    first = scan("start", bucket.url(), home, "--synchronous", "--event_handler", handler_file(delete), *options)
    assert first.status == 0, first
    before = rows(irods, home)
    bucket.remove("gone")
    bucket.put("new", b"new")
    aside.write_text(pair.read_text())
    body = "os.unlink(pair)" if change == "lost" else "open(pair, 'w').write('nobody\\nsesame\\n')"
    lose = (
        "@staticmethod\ndef pre_job(module, logger, meta, **options):\n"
        f"    import os\n    pair = {str(pair)!r}\n    {body}\n"
    )
    file = handler_file(delete + lose)
    environ = {"AWS_SHARED_CREDENTIALS_FILE": "/nonexistent"}
    process = scan.process("start", bucket.url(), home, "--synchronous", "--event_handler", file, *options, **environ)
    try:
        wait_until(lambda: "out of reach, waiting" in log.read_text(), lambda: process.poll() is None)
        assert rows(irods, home) == before
        aside.rename(pair)
        out, err = process.communicate(timeout=60)
    finally:
        process.kill()
    words = "no S3 credentials on this host" if change == "lost" else f"this host does not see /{bucket.name}"
    assert words in log.read_text()
    assert "sesame" not in log.read_text() + out + err
    assert (process.returncode, "1 synced" in out, "0 failed" in out, " 1 deleted" in out) == (0, True, True, True), out
    assert set(rows(irods, home)) == {"kept", "d/kept", "new"}


def test_a_server_that_goes_away_is_waited_for_and_nothing_is_deleted(
    scan: CommandLine, bucket: Bucket, home: str, irods: iRODSSession, handler_file: HandlerFile, tmp_path: Path
) -> None:
    stop, log = tmp_path / "stop", tmp_path / "log"
    for key in ("a", "b", "gone"):
        bucket.put(key, key.encode())
    hook = (
        "@staticmethod\ndef pre_job(module, logger, meta, **options):\n    import os, time\n"
        f"    open({str(stop)!r}, 'w').close()\n"
        f"    while os.path.exists({str(stop)!r}):\n        time.sleep(0.02)\n"
    )
    delete = handler("PUT_SYNC", more=deleting("NO_TRASH"))
    assert ingest(scan, bucket, home, "--event_handler", handler_file(delete)).status == 0
    bucket.remove("gone")
    options = ["--log_filename", str(log), "--event_handler", str(handler_file(delete + hook))]
    arguments = ("start", bucket.url(), home, "--synchronous", *bucket.server.options(), *options)
    process = scan.process(*arguments, **bucket.server.environ)
    try:
        wait_until(stop.exists, lambda: process.poll() is None)
        bucket.server.stop(signal.SIGKILL)
        try:
            stop.unlink()
            wait_until(lambda: log.exists() and "does not answer" in log.read_text(), lambda: process.poll() is None)
            assert set(rows(irods, home)) == {"a", "b", "gone"}
        finally:
            bucket.server.start()
        out, err = process.communicate(timeout=90)
    finally:
        process.kill()
    assert (process.returncode, "0 failed" in out, " 1 deleted" in out) == (0, True, True), (out, err)
    assert set(rows(irods, home)) == {"a", "b"}
