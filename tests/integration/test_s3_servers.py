"""Buckets as servers of all sorts have them: throttled, archived, encrypted, behind a certificate of one's own."""

from __future__ import annotations

import base64
import os
from collections.abc import Iterator
from pathlib import Path

import pytest
import urllib3
from irods.session import iRODSSession
from minio import Minio
from minio.sse import SseCustomerKey
from minio.sseconfig import Rule, SSEConfig

from tests.conftest import CommandLine, HandlerFile
from tests.support.integration import GOOD, content, handler, only, rows
from tests.support.s3_jobs import ingest, put_all, summary
from tests.support.s3_proxy import Answer, Asked, PassOn, proxy, refusal
from tests.support.s3_servers import Bucket, S3Server
from tests.support.secured import Authority
from tests.support.services import running

MIB = 1 << 20
REGION = "eu-west-9"


@pytest.fixture(scope="module")
def encrypting_server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[S3Server]:
    """MinIO with a key of its own for what it encrypts."""
    key = base64.b64encode(os.urandom(32)).decode()
    with running(S3Server("minio", tmp_path_factory.mktemp("kms"), {"MINIO_KMS_SECRET_KEY": f"key:{key}"})) as server:
        assert isinstance(server, S3Server)
        yield server


class TlsServer(S3Server):
    """MinIO with a certificate of an authority that nobody knows, and in a region of its own."""

    def __init__(self, folder: Path) -> None:
        self.authority = Authority(folder / "authority")
        certificates = folder / ".minio" / "certs"
        certificates.mkdir(parents=True)
        key, begin, chain = self.authority.server().read_text().partition("-----BEGIN CERTIFICATE")
        (certificates / "private.key").write_text(key)
        (certificates / "public.crt").write_text(begin + chain)
        super().__init__("minio", folder, {"HOME": str(folder), "MINIO_SITE_REGION": REGION})

    @property
    def environ(self) -> dict[str, str]:
        """The credentials, and whom to trust."""
        return {**super().environ, "SSL_CERT_FILE": str(self.authority.file)}

    def options(self) -> list[str]:
        """What `ingest-scan start` needs to reach it."""
        return ["--s3_endpoint_domain", self.endpoint, "--s3_region_name", REGION]

    def client(self, connections: urllib3.PoolManager | None = None) -> Minio:
        """A client of the test's own."""
        trusting = connections or urllib3.PoolManager()
        trusting.connection_pool_kw["ca_certs"] = str(self.authority.file)
        return Minio(self.endpoint, self.key, self.secret, region=REGION, http_client=trusting)


@pytest.fixture
def tls_bucket(tmp_path: Path) -> Iterator[Bucket]:
    """A bucket on a server that speaks TLS only."""
    with running(TlsServer(tmp_path)) as server:
        assert isinstance(server, TlsServer)
        yield Bucket(server)


def test_a_busy_server_fails_no_file_and_all_is_put_when_it_has_time_again(
    scan: CommandLine, bucket: Bucket, home: str, irods: iRODSSession, handler_file: HandlerFile
) -> None:
    objects = {f"{number}": b"%d" % number for number in range(20)} | {"large": b"x" * (33 * MIB)}
    put_all(bucket, objects)
    refused: list[str] = []

    def bend(asked: Asked, pass_on: PassOn) -> Answer:
        if not asked.lists and len(refused) < 20:  # each request is tried four times before it has failed
            refused.append(asked.method)
            return refusal(503, "SlowDown")
        return pass_on(asked)

    with proxy(bend) as between:
        options = ("--event_handler", handler_file(handler("PUT")), "--s3_proxy_url", between.url)
        ran = ingest(scan, bucket, home, *options)
    assert summary(ran, "21 synced", "0 skipped, 0 failed") == (0, True), ran
    assert len(refused) == 20
    assert {path: (row.size, row.status) for path, (row,) in rows(irods, home).items()} == {
        key: (len(data), GOOD) for key, data in objects.items()
    }


def test_what_is_archived_is_left_alone_with_its_reason_and_so_is_what_was_put_of_it_before(
    scan: CommandLine, moto_server: S3Server, home: str, irods: iRODSSession, handler_file: HandlerFile
) -> None:
    bucket = Bucket(moto_server)
    options = ("--event_handler", handler_file(handler("PUT_SYNC")))
    sizes = {"small": 5, "large": 33 * MIB}
    for name, size in sizes.items():
        bucket.put(f"old {name}", b"x" * size, part_size=64 * MIB)
    assert summary(ingest(scan, bucket, home, *options), "2 synced") == (0, True)
    before = rows(irods, home)
    for age in ("old", "new"):
        for name, size in sizes.items():
            cold = {"x-amz-storage-class": "GLACIER"}
            bucket.put(f"{age} {name}", b"y" * size, part_size=64 * MIB, metadata=cold)
    for _ in range(2):
        ran = ingest(scan, bucket, home, *options)
        assert summary(ran, "0 synced", "4 skipped, 0 failed", "InvalidObjectState") == (0, True), ran
        assert rows(irods, home) == before


@pytest.mark.parametrize("rule", [Rule.new_sse_kms_rule("key"), Rule.new_sse_s3_rule()])
def test_encrypted_objects_of_any_size_are_put_once(
    scan: CommandLine,
    encrypting_server: S3Server,
    home: str,
    irods: iRODSSession,
    handler_file: HandlerFile,
    rule: Rule,
) -> None:
    bucket = Bucket(encrypting_server)
    bucket.client.set_bucket_encryption(bucket.name, SSEConfig(rule))
    objects = {"empty": b"", "small": b"12345", "large": os.urandom(33 * MIB)}
    for key, data in objects.items():
        bucket.put(key, data, part_size=64 * MIB)
    options = ("--event_handler", handler_file(handler("PUT_SYNC")), "--checksum")
    for synced in (3, 0):
        ran = ingest(scan, bucket, home, *options)
        assert summary(ran, f"{synced} synced", "0 skipped, 0 failed") == (0, True), ran
    assert {key: content(irods, f"{home}/{key}") for key in objects} == objects


def test_a_server_with_a_certificate_of_its_own_in_another_region_is_scanned(
    scan: CommandLine, tls_bucket: Bucket, home: str, irods: iRODSSession, handler_file: HandlerFile
) -> None:
    tls_bucket.put("d/x", b"content")
    tls_bucket.put("secret", b"content", sse=SseCustomerKey(os.urandom(32)))
    options = ("--event_handler", handler_file(handler("PUT_SYNC")))
    ran = ingest(scan, tls_bucket, home, *options)
    assert summary(ran, "1 synced", "1 skipped, 0 failed", "(SSE-C)") == (0, True), ran
    assert set(rows(irods, home)) == {"d/x"}
    assert (content(irods, f"{home}/d/x"), only(irods, home, "d/x").status) == (b"content", GOOD)
    server = tls_bucket.server
    for environ, arguments, words in (
        ({"SSL_CERT_FILE": ""}, server.options(), "certificate verify failed"),
        ({}, server.options()[:2], "AuthorizationHeaderMalformed"),
    ):
        ran = scan("start", tls_bucket.url(), home, *arguments, **(server.environ | environ))
        assert (ran.status, words in ran.err, ran.err.count("\n")) == (1, True, 1), ran
