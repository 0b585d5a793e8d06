"""What a watcher of a bucket must not do: write outside the target, tell a secret, fail files for an outage."""

from __future__ import annotations

import http.client
from pathlib import Path
from urllib.parse import quote

import pytest
from irods.session import iRODSSession

from tests.integration.watching.buckets import S3Watching, Watch, watch
from tests.integration.watching.notified import SECRET, TOKEN, Notified, by_kafka, by_sqs, by_webhook
from tests.support.integration import children, collections, deleting, handler, rows, running, wait_until
from tests.support.s3_servers import Bucket, S3Server
from tests.support.services import KAFKA_PASSWORD, KAFKA_USER, Kafka

__all__ = ["watch"]

LISTEN = ("--notifications", "listen")
ODD = ("../up", "a/../../up", "a/..", "..", "./x", "a/./x", "/lead", "//", "a//x", "..//..", "a\0b", "x" * 1020)


@pytest.mark.parametrize("operation", ["REGISTER_SYNC", "PUT_SYNC"])
def test_no_key_that_is_told_of_can_write_outside_the_target(
    moto_server: S3Server, watch: Watch, irods: iRODSSession, home: str, operation: str, tmp_path: Path
) -> None:
    notified, log = by_sqs(moto_server), tmp_path / "log"
    bucket = notified.bucket
    body = handler(operation, more=deleting("NO_TRASH" if operation == "PUT_SYNC" else "UNREGISTER"))
    options = (*notified.options, "--log_filename", str(log))
    watching = watch(bucket, *options, body=body, target=f"{home}/deep/target")
    for method in ("PUT", "DELETE"):
        for key in (*ODD, "fine", "d/x", "last"):
            connection = http.client.HTTPConnection(moto_server.endpoint)
            connection.request(method, f"/{bucket.name}/p/{quote(key, safe='/')}", b"x", {"Authorization": "AWS key:x"})
            assert connection.getresponse().status in (200, 204), key
            connection.close()
        bucket.put(f"p/{method}")
        _wait_for(irods, home, f"deep/target/{method}")
        wait_until(lambda: watching.job["live"]["remaining"] == 0)
        arrived = {"fine", "d/x", "last", "PUT"} if method == "PUT" else {"PUT", "DELETE"}
        assert {each for each in rows(irods, home) if "x" * 99 not in each} == {
            f"deep/target/{each}" for each in arrived
        }
        found = collections(irods, home) - {"deep/target/a"}  # which is there if the first scan saw its keys
        assert found == {"deep", "deep/target"} | ({"deep/target/d"} if method == "PUT" else set())
    assert log.read_text().count("a key is skipped: no path of iRODS can have its name") >= len(ODD) - 2


def _wait_for(irods: iRODSSession, target: str, path: str) -> None:
    wait_until(lambda: path in rows(irods, target))


def test_an_object_gives_way_to_a_prefix_of_its_name(minio_server: S3Server, watch: Watch, irods: iRODSSession) -> None:
    bucket = Bucket(minio_server)
    watching = watch(bucket, *LISTEN)
    bucket.put("p/stays")
    bucket.put("p/a/b")
    watching.wait_in_step(irods)
    for before, after in (("c", "c/d/e"), ("a/b", "a/b/c")):
        bucket.put(f"p/{before}")
        watching.wait_in_step(irods)
        bucket.remove(f"p/{before}")  # MinIO has no room for both
        bucket.put(f"p/{after}")
        watching.wait_in_step(irods)
    assert (watching.job["passes"], watching.job["live"]["failed"]) == (1, 0)


def test_without_credentials_a_watch_job_waits_and_no_file_fails(
    minio_server: S3Server, watch: Watch, irods: iRODSSession, tmp_path: Path
) -> None:
    bucket, pair, log = Bucket(minio_server), tmp_path / "keypair", tmp_path / "log"
    pair.write_text(f"{minio_server.key}\n{minio_server.secret}\n")
    nobody = {"AWS_ACCESS_KEY_ID": "", "AWS_SECRET_ACCESS_KEY": "", "AWS_SHARED_CREDENTIALS_FILE": "/nonexistent"}
    bucket.put("p/gone")
    bucket.put("p/stays")
    options = ("--s3_keypair", str(pair), "--log_filename", str(log))
    watching = watch(bucket, *LISTEN, *options, environ=nobody)
    watching.wait_in_step(irods)
    pair.rename(tmp_path / "aside")
    bucket.put("p/new", b"new")
    bucket.remove("p/gone")
    wait_until(lambda: "no S3 credentials on this host" in log.read_text())
    assert set(rows(irods, watching.target)) == {"gone", "stays"}
    (tmp_path / "aside").rename(pair)
    watching.wait_in_step(irods)
    wait_until(lambda: watching.job["live"]["remaining"] == 0)
    assert watching.job["live"]["failed"] == 0


@pytest.mark.parametrize("way", ["kafka", "webhook", "sqs"])
def test_no_secret_is_told_by_a_watcher(
    way: str, request: pytest.FixtureRequest, tmp_path: Path, watch: Watch, irods: iRODSSession
) -> None:
    folder, log = tmp_path / "server", tmp_path / "log"
    folder.mkdir()
    if way == "sqs":
        _tells_no_secret(by_sqs(request.getfixturevalue("moto_server")), watch, irods, log)
        return
    broker: Kafka | None = request.getfixturevalue("kafka_broker") if way == "kafka" else None
    with by_kafka("minio", folder, broker.bootstrap) if broker else by_webhook("minio", folder) as found:
        if broker:
            options = tuple(broker.guarded if each == broker.bootstrap else each for each in found.options)
            names = {"SECURITY": "SASL_PLAINTEXT", "USERNAME": KAFKA_USER, "PASSWORD": KAFKA_PASSWORD}
            environ = {f"INGEST_NOTIFICATIONS_KAFKA_{name}": value for name, value in names.items()}
            _tells_no_secret(found._replace(options=options, environ=environ), watch, irods, log)
        else:
            _tells_no_secret(found, watch, irods, log)


def _tells_no_secret(notified: Notified, watch: Watch, irods: iRODSSession, log: Path) -> None:
    bucket, options = notified.bucket, ("--log_level", "DEBUG", "--log_filename", str(log))
    bucket.put("p/stays")
    watching = watch(bucket, *notified.options, *options, environ=notified.environ)
    notified.tell()
    watching.wait_in_step(irods)
    for key in ("a", "d/b"):
        bucket.put(f"p/{key}", key.encode())
    watching.wait_in_step(irods)
    commands = _command_lines(watching)
    listed = watching.command("list").out
    status, said = watching.end()
    assert status == 0
    everything = (said + listed + commands).encode()
    files = [each for each in (*watching.command.state.parent.iterdir(), log) if each.is_file()]
    assert len(files) >= 3, "state, spool and log"
    everything += b"".join(each.read_bytes() for each in files)
    assert b"consumer.worker" in everything
    for secret in (bucket.server.secret, TOKEN, SECRET, KAFKA_PASSWORD):
        assert secret.encode() not in everything


def _command_lines(watching: S3Watching) -> str:
    """What `ps` shows of a watcher and its workers."""
    pids = [watching.process.pid, *children(watching.process.pid)]
    return "\n".join(Path(f"/proc/{pid}/cmdline").read_text().replace("\0", " ") for pid in pids if running(pid))
