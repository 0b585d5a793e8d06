"""Real servers for the tests, on loopback: a Kafka broker and a Redis server, started by process id and stopped again.

INGEST_TEST_KAFKA (bootstrap address) and INGEST_TEST_REDIS (URL) name servers that run already; those are left alone.
"""

from __future__ import annotations

import os
import secrets
import shutil
import signal
import socket
import subprocess
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest
import redis

ROOT = Path(__file__).parents[2]
JARS = ROOT / ".cache" / "kafka"
READY_SECONDS = 90
KAFKA_USER, KAFKA_PASSWORD = "ingest", "open-sesame"

_KAFKA_SETTINGS = """
process.roles=broker,controller
node.id=1
controller.quorum.bootstrap.servers=127.0.0.1:{controller}
controller.listener.names=CONTROLLER
listeners=PLAIN://127.0.0.1:{port},GUARDED://127.0.0.1:{guarded},CONTROLLER://127.0.0.1:{controller}
advertised.listeners=PLAIN://127.0.0.1:{port},GUARDED://127.0.0.1:{guarded}
listener.security.protocol.map=PLAIN:PLAINTEXT,GUARDED:SASL_PLAINTEXT,CONTROLLER:PLAINTEXT
inter.broker.listener.name=PLAIN
listener.name.guarded.sasl.enabled.mechanisms=PLAIN
listener.name.guarded.plain.sasl.jaas.config=\
org.apache.kafka.common.security.plain.PlainLoginModule required user_{user}="{password}";
log.dirs={data}
auto.create.topics.enable=false
offsets.topic.replication.factor=1
offsets.topic.num.partitions=4
group.initial.rebalance.delay.ms=0
group.min.session.timeout.ms=300
"""

_REDIS_SETTINGS = """
bind 127.0.0.1
port {port}
dir {folder}
appendonly yes
save ''
requirepass {password}
"""


class Server:
    """A server of the test's own; `stop` and `start` keep its port and its data."""

    def __init__(self, name: str, command: list[str], port: int, folder: Path, environ: dict[str, str]) -> None:
        self.port = port
        self._name = name
        self._command = command
        self._log = folder / f"{name}.log"
        self._environ = environ
        self._process: subprocess.Popen[bytes] | None = None

    def start(self) -> None:
        """Start it and wait until it accepts connections."""
        with self._log.open("ab") as log:
            self._process = subprocess.Popen(
                self._command, stdin=subprocess.DEVNULL, stdout=log, stderr=log, env={**os.environ, **self._environ}
            )
        deadline = time.monotonic() + READY_SECONDS
        while not _accepts(self.port):
            if self._process.poll() is not None or time.monotonic() > deadline:
                self.stop()
                pytest.fail(f"{self._name} does not start:\n{self._log.read_text()[-2000:]}", pytrace=False)
            time.sleep(0.05)

    def ensure_running(self) -> None:
        """Start it if a test has left it stopped."""
        if self._process is None:
            self.start()

    def stop(self, number: int = signal.SIGTERM) -> None:
        """End it; it is gone when this returns."""
        if self._process is not None:
            self._process.send_signal(number)
            try:
                self._process.wait(30)
            except subprocess.TimeoutExpired:
                self._process.kill()
                self._process.wait()
            self._process = None


class Kafka(Server):
    """A broker; `bootstrap` is for everybody, `guarded` wants KAFKA_USER and KAFKA_PASSWORD."""

    def __init__(
        self, folder: Path, template: str = _KAFKA_SETTINGS, *formatting: str, fixed: str = "", standalone: bool = True
    ) -> None:
        """`template` has the ports and the data folder in braces and follows `fixed`, which is taken as it is."""
        if not shutil.which("java") or not any(JARS.glob("kafka_*.jar")):
            pytest.fail("these tests need a Kafka broker: `make services` brings it (with Java 17 and Maven)", False)
        port, guarded, controller = free_ports(3)
        settings, data = folder / "server.properties", folder / "data"
        settings.write_text(
            fixed
            + template.format(
                port=port, guarded=guarded, controller=controller, data=data, user=KAFKA_USER, password=KAFKA_PASSWORD
            )
        )
        java = ["java", "-Xmx512m", "-XX:+UseSerialGC", "-XX:TieredStopAtLevel=1", "-cp", f"{JARS}/*"]
        cluster = [*java, "kafka.tools.StorageTool", "format", "-t", "MkU3OEVBNTcwNTJENDM2Qg", "-c", str(settings)]
        more = [*(["--standalone"] if standalone else []), *formatting]
        subprocess.run([*cluster, *more], check=True, capture_output=True)
        super().__init__("kafka", [*java, "kafka.Kafka", str(settings)], port, folder, {})
        self.bootstrap = f"127.0.0.1:{port}"
        self.guarded = f"127.0.0.1:{guarded}"


class Redis(Server):
    """A server that appends to a file, so that a restart loses nothing."""

    def __init__(self, folder: Path, template: str = _REDIS_SETTINGS, fixed: str = "") -> None:
        """`template` has port, folder and password in braces and follows `fixed`, which is taken as it is."""
        program = shutil.which("redis-server")
        if program is None:
            pytest.fail("these tests need redis-server: `make services` installs it", False)
        (port,) = free_ports(1)
        self.password = secrets.token_hex(8)
        settings = folder / "redis.conf"
        settings.write_text(fixed + template.format(port=port, folder=folder, password=self.password))
        super().__init__("redis", [program, str(settings)], port, folder, {})
        self._folder = folder
        self.url = f"redis://:{self.password}@127.0.0.1:{port}/0"

    def start(self) -> None:
        """Start it and wait until it has read what it had."""
        super().start()
        deadline = time.monotonic() + READY_SECONDS
        with self.client() as client:
            while True:
                try:
                    client.ping()
                except redis.exceptions.BusyLoadingError:
                    assert time.monotonic() < deadline, "redis does not come to an end with its file"
                    time.sleep(0.02)
                else:
                    return

    def forget(self) -> None:
        """Lose what it had; for one that is stopped."""
        shutil.rmtree(self._folder / "appendonlydir")

    def keep_copy(self) -> None:
        """Keep a copy of what it has, for `restore`."""
        self.stop()
        shutil.copytree(self._folder / "appendonlydir", self._folder / "copy")
        self.start()

    def restore(self) -> None:
        """Have again what it had when the copy was made; for one that is stopped."""
        self.forget()
        shutil.copytree(self._folder / "copy", self._folder / "appendonlydir")

    def client(self) -> redis.Redis:
        """A client that may do everything."""
        return redis.Redis.from_url(self.url)


@contextmanager
def running(server: Server) -> Iterator[Server]:
    """The server while it runs."""
    server.start()
    try:
        yield server
    finally:
        server.stop()


@pytest.fixture(scope="session")
def kafka_broker(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Kafka]:
    """A broker of this run's own."""
    server = Kafka(tmp_path_factory.mktemp("kafka"))
    with running(server):
        yield server


@pytest.fixture(scope="session")
def kafka_bootstrap(request: pytest.FixtureRequest) -> str:
    """The address of the Kafka broker under test."""
    named = os.environ.get("INGEST_TEST_KAFKA")
    return named or str(request.getfixturevalue("kafka_broker").bootstrap)


@pytest.fixture(scope="session")
def redis_server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Redis]:
    """A Redis server of this run's own."""
    server = Redis(tmp_path_factory.mktemp("redis"))
    with running(server):
        yield server


@pytest.fixture(scope="session")
def redis_url(request: pytest.FixtureRequest) -> str:
    """The URL of the Redis server under test."""
    named = os.environ.get("INGEST_TEST_REDIS")
    return named or str(request.getfixturevalue("redis_server").url)


def free_ports(count: int) -> list[int]:
    """Ports of this host that nobody listens on."""
    sockets = [socket.create_server(("127.0.0.1", 0)) for _ in range(count)]
    ports = [int(each.getsockname()[1]) for each in sockets]
    for each in sockets:
        each.close()
    return ports


def _accepts(port: int) -> bool:
    try:
        socket.create_connection(("127.0.0.1", port), timeout=1).close()
    except OSError:
        return False
    return True
