"""Real S3 servers for the tests, on loopback: MinIO and VersityGW; and moto's, which takes keys that those two refuse.

They are started by process id and stopped again. `make services` builds the first two into .cache/bin.
"""

from __future__ import annotations

import io
import secrets
import sys
import time
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

import pytest
import urllib3
from minio import Minio
from minio.deleteobjects import DeleteObject
from minio.error import MinioException

from tests.support.services import READY_SECONDS, ROOT, Server, free_ports, running

PROGRAMS = ROOT / ".cache" / "bin"
REAL = ("minio", "versitygw")
BOTH_S3 = pytest.mark.parametrize("s3", REAL, indirect=True)
"""A test runs on each of the real servers, although `s3` gives it one of them only."""


class S3Server(Server):
    """A server with credentials of its own; `endpoint` is what clients need beside them."""

    def __init__(self, name: str, folder: Path, more: Mapping[str, str] | None = None) -> None:
        """`more` is added to the environment of the server."""
        self.name = name
        self.data = folder / "data"
        self.key, self.secret = f"key{secrets.token_hex(6)}", f"secret{secrets.token_hex(12)}"
        (port,) = free_ports(1)
        self.endpoint = f"127.0.0.1:{port}"
        command, environ = _COMMANDS[name](self, folder)
        if not Path(command[0]).exists():
            pytest.fail(f"these tests need {name}: `make services` builds it", False)
        super().__init__(name, command, port, folder, {**environ, **(more or {})})

    @property
    def environ(self) -> dict[str, str]:
        """The credentials, as commands take them from their environment."""
        return {"AWS_ACCESS_KEY_ID": self.key, "AWS_SECRET_ACCESS_KEY": self.secret}

    def options(self) -> list[str]:
        """What `ingest-scan start` needs to reach it."""
        return ["--s3_endpoint_domain", self.endpoint, "--s3_insecure_connection"]

    def client(self, connections: urllib3.PoolManager | None = None) -> Minio:
        """A client of the test's own."""
        return Minio(self.endpoint, self.key, self.secret, secure=False, region="us-east-1", http_client=connections)

    def start(self) -> None:
        """Start it and wait until it answers."""
        super().start()
        deadline = time.monotonic() + READY_SECONDS
        impatient = self.client(urllib3.PoolManager(timeout=1, retries=False))
        while True:
            try:  # MinIO now and then leaves a request of its first moments without an answer for a minute
                impatient.list_buckets()
            except (MinioException, urllib3.exceptions.HTTPError):
                assert time.monotonic() < deadline, f"{self.name} does not answer"
                time.sleep(0.05)
            else:
                return


def _minio(server: S3Server, folder: Path) -> tuple[list[str], dict[str, str]]:
    environ = {"MINIO_ROOT_USER": server.key, "MINIO_ROOT_PASSWORD": server.secret, "MINIO_BROWSER": "off"}
    return [str(PROGRAMS / "minio"), "server", "--quiet", "--address", server.endpoint, str(folder / "data")], environ


def _versitygw(server: S3Server, folder: Path) -> tuple[list[str], dict[str, str]]:
    data = folder / "data"
    data.mkdir(exist_ok=True)
    environ = {"ROOT_ACCESS_KEY": server.key, "ROOT_SECRET_KEY": server.secret, "VGW_KEEP_ALIVE": "true"}
    return [str(PROGRAMS / "versitygw"), "--quiet", "--port", server.endpoint, "posix", str(data)], environ


def _moto(server: S3Server, _folder: Path) -> tuple[list[str], dict[str, str]]:
    host, _, port = server.endpoint.partition(":")
    return [sys.executable, "-m", "moto.server", "-H", host, "-p", port], {}


_COMMANDS = {"minio": _minio, "versitygw": _versitygw, "moto": _moto}


class Bucket:
    """A bucket of the test's own."""

    def __init__(self, server: S3Server) -> None:
        self.server = server
        self.client = server.client()
        self.name = f"test-{secrets.token_hex(6)}"
        self.client.make_bucket(self.name)

    def put(self, key: str, data: bytes = b"", **more: Any) -> str:
        """Write an object; its ETag."""
        return str(self.client.put_object(self.name, key, io.BytesIO(data), len(data), **more).etag)

    def remove(self, *keys: str) -> None:
        """Remove objects."""
        for error in self.client.remove_objects(self.name, [DeleteObject(key) for key in keys]):
            raise AssertionError(error)

    def url(self, prefix: str = "") -> str:
        """The bucket as a source."""
        return f"s3://{self.name}/{prefix}".rstrip("/")


def _running(name: str, factory: pytest.TempPathFactory) -> Iterator[S3Server]:
    server = S3Server(name, factory.mktemp(name))
    with running(server):
        yield server


@pytest.fixture(scope="session")
def minio_server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[S3Server]:
    """A MinIO server of this run's own."""
    yield from _running("minio", tmp_path_factory)


@pytest.fixture(scope="session")
def versitygw_server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[S3Server]:
    """A VersityGW server of this run's own."""
    yield from _running("versitygw", tmp_path_factory)


@pytest.fixture(scope="session")
def moto_server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[S3Server]:
    """A moto server of this run's own."""
    yield from _running("moto", tmp_path_factory)


@pytest.fixture(params=REAL)
def s3(request: pytest.FixtureRequest) -> S3Server:
    """Each of the real servers in turn."""
    server: S3Server = request.getfixturevalue(f"{request.param}_server")
    return server


@pytest.fixture
def bucket(s3: S3Server) -> Bucket:
    """A bucket on each of the real servers in turn."""
    return Bucket(s3)
