"""The example settings are what real servers and the real commands take."""

from __future__ import annotations

import os
import re
import socket
import subprocess
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import click
import pytest
import redis
import yaml

from ingest.broker import Outgoing
from ingest.broker.kafka.broker import KafkaBroker
from ingest.store.redis import RedisStore
from landingzone.consume import cli as consume
from landingzone.options import common
from tests.conftest import CommandLine
from tests.ingest.broker.contract import behind, read, values
from tests.ingest.store.support import child, make_job
from tests.support.services import ROOT, Kafka, Redis, running

CONFIG = ROOT / "config"
_KAFKA_PLACES = """
controller.quorum.voters=1@127.0.0.1:{controller}
listeners=PLAINTEXT://127.0.0.1:{port},CONTROLLER://127.0.0.1:{controller}
advertised.listeners=PLAINTEXT://127.0.0.1:{port}
log.dirs={data}
"""
_REDIS_PLACES = "\nport {port}\ndir {folder}\nrequirepass {password}\n"


@pytest.fixture
def kafka(tmp_path: Path) -> Iterator[Kafka]:
    """A broker with the example settings, but ports and paths of its own."""
    fixed = (CONFIG / "kafka" / "server.properties").read_text()
    server = Kafka(tmp_path, _KAFKA_PLACES, fixed=fixed, standalone=False)
    with running(server):
        yield server


@pytest.fixture
def store_server(tmp_path: Path) -> Iterator[Redis]:
    """The same for Redis."""
    server = Redis(tmp_path, _REDIS_PLACES, fixed=(CONFIG / "redis" / "redis.conf").read_text())
    with running(server):
        yield server


def test_kafka_runs_with_its_example_and_keeps_what_it_has(kafka: Kafka, capsys: pytest.CaptureFixture[str]) -> None:
    broker = KafkaBroker(kafka.bootstrap, partitions=2)
    assert broker.ensure_topics(["file"]) == {"file": 2}
    broker.publish([Outgoing("file", 0, b"before"), Outgoing("file", 0, b"after")])
    with broker.join("ingest", ["file"]) as member:
        member.commit(behind(read(member, 2)[:1]))
    kafka.stop()
    kafka.start()
    again = KafkaBroker(kafka.bootstrap, partitions=2)
    again.ensure_topics(["file"])
    with again.join("ingest", ["file"]) as member:
        assert values(read(member, 1)) == [b"after"]
    assert "not as it should be" not in "".join(capsys.readouterr())
    broker.close()
    again.close()


def test_redis_runs_with_its_example_and_keeps_what_it_has(store_server: Redis) -> None:
    store = RedisStore(store_server.url)
    store.jobs.create(make_job(), child("x").message)
    number = store.store_id
    store_server.stop()
    store_server.start()
    again = RedisStore(store_server.url)
    assert again.store_id == number
    assert len(again.outbox.oldest(10)) == 1
    with store_server.client() as client:
        settings: dict[str, str] = client.config_get("*")
    assert {name: settings[name] for name in ("appendonly", "appendfsync", "save", "maxmemory-policy")} == {
        "appendonly": "yes", "appendfsync": "everysec", "save": "", "maxmemory-policy": "noeviction",
    }  # fmt: skip
    assert settings["bind"] == "127.0.0.1 -::1"
    store.close()
    again.close()


def test_the_account_in_the_comment_may_do_what_the_store_does(store_server: Redis) -> None:
    line = re.search(r"^# (user ingest .*)$", (CONFIG / "redis" / "redis.conf").read_text(), re.MULTILINE)
    assert line is not None
    with store_server.client() as client:
        client.execute_command("ACL", "SETUSER", *line[1].replace("THE-PASSWORD", "sesame").split()[1:])
    url = f"redis://ingest:sesame@127.0.0.1:{store_server.port}/0"
    store = RedisStore(url)
    store.jobs.create(make_job(), child("x").message)
    assert len(store.outbox.oldest(10)) == 1
    store.close()
    with redis.Redis.from_url(url) as client, pytest.raises(redis.exceptions.NoPermissionError):
        client.flushall()


def test_the_redis_of_the_compose_file_starts_and_wants_the_password(tmp_path: Path) -> None:
    service = yaml.safe_load((ROOT / "docker-compose.yml").read_text())["services"]["redis"]
    with socket.create_server(("127.0.0.1", 0)) as free:
        port = free.getsockname()[1]
    script = service["command"][-1].replace("$$", "$")
    moved = {"/etc/redis.conf": str(CONFIG / "redis" / "redis.conf"), "/tmp/redis.conf": str(tmp_path / "redis.conf"),
             "dir /data": f"dir {tmp_path}", "bind *": f"bind 127.0.0.1\\nport {port}"}  # fmt: skip
    for there, here in moved.items():
        assert there in script
        script = script.replace(there, here)
    environ = {**os.environ, "REDIS_PASSWORD": "sesame"}
    command = [*service["command"][:-1], script]
    process = subprocess.Popen(command, env=environ, stdout=subprocess.PIPE, text=True)
    try:
        assert process.stdout is not None
        assert any("Ready to accept connections" in line for line in process.stdout)
        with redis.Redis(port=port, password="sesame") as client:
            assert client.ping()
        with redis.Redis(port=port) as client, pytest.raises(redis.exceptions.AuthenticationError):
            client.ping()
        assert b"sesame" not in Path(f"/proc/{process.pid}/cmdline").read_bytes()
    finally:
        process.terminate()
        process.communicate(timeout=30)


def all_settings(file: str) -> dict[str, Any]:
    """What the example has, with the lines that show defaults, too."""
    text = re.sub(r"^#(?=\w+:)", "", (CONFIG / file).read_text(), flags=re.MULTILINE)
    return dict(yaml.safe_load(text))


def names(command: click.Command) -> set[str]:
    """The options that a settings file may have."""
    found = {each.name for each in command.params if isinstance(each, click.Option) and each.expose_value}
    return {str(name) for name in found} - {"config"}


def test_the_examples_show_every_option() -> None:
    shared = names(click.command()(common(lambda **_: None)))
    assert all_settings("settings.yaml").keys() == shared
    aliases = {"redis_host", "redis_port", "redis_db", "state"} | {name for name in shared if name.startswith("log_")}
    assert all_settings("consumer.yaml").keys() == names(consume) - aliases | {"log_level"}


@pytest.fixture
def fleet(scan: CommandLine, kafka_bootstrap: str, redis_url: str) -> dict[str, str]:
    """The environment that names the servers under test instead of those of the examples."""
    return {"INGEST_KAFKA": kafka_bootstrap, "INGEST_REDIS": redis_url, "INGEST_REPLICATION_FACTOR": "1"}


@pytest.mark.parametrize("whole", [False, True])
def test_the_commands_read_their_settings(
    scan: CommandLine, fleet: dict[str, str], tmp_path: Path, *, whole: bool
) -> None:
    shared, own = CONFIG / "settings.yaml", CONFIG / "consumer.yaml"
    if whole:
        shared, own = tmp_path / "settings.yaml", tmp_path / "consumer.yaml"
        places = {"log_filename": str(tmp_path / "log"), "profile_filename": str(tmp_path / "profile")}
        for file in (shared, own):
            settings = all_settings(file.name)
            file.write_text(yaml.safe_dump(settings | {name: places[name] for name in settings.keys() & places.keys()}))
    listed = scan("list", "--config", shared, **fleet)
    assert (listed.status, listed.err) == (0, "")
    scan.environment = Path(os.devnull)
    told = scan("--config", own, "--topics", "", program="consumer", **fleet)
    assert told.err == "ingest-consume: --topics names no topic\n"
