"""A job over Kafka and Redis that both want TLS and an account, with DEBUG logs; no secret is anywhere afterwards."""

from __future__ import annotations

import base64
import secrets
import signal
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest
from irods.session import iRODSSession
from kafka import KafkaConsumer, TopicPartition

from ingest.job import DEFAULT_TOPICS
from tests.conftest import CommandLine, Ran
from tests.support.integration import children, handler, rows, wait_until
from tests.support.secured import Authority, SecuredKafka, SecuredRedis
from tests.support.services import running

FILES = 20
HOOK = (
    "@staticmethod\ndef pre_data_obj_create(module, logger, session, meta, *args, **options):\n"
    "    logger.info('hook', meta={**meta}, session=repr(session))\n"
    "    if meta['path'].endswith('bad'):\n        raise ValueError('this file is bad')\n"
)
START = ("--job_name", "guarded", "--files_per_task", "5", "--log_level", "DEBUG")


class Deployment(CommandLine):
    """Commands that know both servers, and every secret, from their environment."""

    def __init__(self, zone: Path, folder: Path, kafka: SecuredKafka, redis: SecuredRedis) -> None:
        super().__init__(folder / "state" / "state.db", zone)
        self.folder, self.kafka, self.redis = folder, kafka, redis
        self.more: dict[str, str] = {}

    @property
    def environ(self) -> dict[str, str]:
        """The environment of a command."""
        return super().environ | self.kafka.environ | self.redis.environ | {"INGEST_PARTITIONS": "4"} | self.more

    @property
    def secrets(self) -> set[str]:
        """What must be nowhere, as it is and as base64."""
        plain = {value for name, value in self.more.items() if name.endswith(("PASSWORD", "KEY", "TOKEN"))}
        plain |= {self.kafka.password, self.redis.password, self.redis.user_password}
        return plain | {base64.b64encode(each.encode()).decode().rstrip("=") for each in plain}


@pytest.fixture(scope="module")
def deployment(zone_environment: Path, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Deployment]:
    """Both servers with certificates of one authority, and no job yet."""
    folder = tmp_path_factory.mktemp("secured")
    authority = Authority(folder / "authority")
    for each in ("kafka", "redis", "written"):
        (folder / each).mkdir()
    kafka, redis = SecuredKafka(folder / "kafka", authority), SecuredRedis(folder / "redis", authority)
    with running(kafka), running(redis):
        yield Deployment(zone_environment, folder, kafka, redis)


@pytest.fixture(scope="module")
def account(irods: iRODSSession) -> Iterator[dict[str, str]]:
    """An administrator whose password is like no other text."""
    name, password = f"ingesttest{secrets.token_hex(4)}", secrets.token_hex(10)
    irods.users.create(name, "rodsadmin")
    irods.users.modify(name, "password", password)
    yield {
        "IRODS_HOST": irods.host, "IRODS_PORT": str(irods.port), "IRODS_ZONE_NAME": irods.zone,
        "IRODS_USER_NAME": name, "IRODS_PASSWORD": password,
    }  # fmt: skip
    irods.users.remove(name)


class Evidence:
    """What a job over the secured servers has left behind."""

    def __init__(self, deployment: Deployment, ran: Ran, target: str, commands: str) -> None:
        self.deployment, self.ran, self.target, self.commands = deployment, ran, target, commands
        self.secrets = deployment.secrets


@pytest.fixture(scope="module")
def evidence(deployment: Deployment, account: dict[str, str]) -> Iterator[Evidence]:
    """A job of 20 good files and a bad one has been done by a consumer, with all secrets in the environment."""
    folder, written = deployment.folder, deployment.folder / "written"
    deployment.more = account | {
        "INGEST_HANDLER_KEY": secrets.token_hex(10),
        "AWS_ACCESS_KEY_ID": "not-secret",
        "AWS_SECRET_ACCESS_KEY": secrets.token_hex(10),
        "AWS_SESSION_TOKEN": secrets.token_hex(10),
    }
    source, code = folder / "source", folder / "handler.py"
    source.mkdir()
    for name in [*(f"f{number}" for number in range(FILES)), "bad"]:
        (source / name).write_text(name)
    head = "from ingest import Core, DeleteMode, Operation\n\nclass event_handler(Core):\n"
    code.write_text(head + "".join(f"    {line}\n" for line in handler("PUT_SYNC", more=HOOK).splitlines()))
    target = f"/{account['IRODS_ZONE_NAME']}/home/{account['IRODS_USER_NAME']}/data"
    options = ["--workers", "2", "--log_level", "DEBUG", "--log_filename", str(written / "consumer.log"), "--profile"]
    with (written / "consumer.out").open("wb") as out:
        consumer = subprocess.Popen(
            [sys.executable, "-m", "consumer", *options, "--profile_filename", str(written / "profile")],
            env=deployment.environ, stdin=subprocess.DEVNULL, stdout=out, stderr=out,
        )  # fmt: skip
    try:
        wait_until(lambda: len(children(consumer.pid)) == 2, lambda: consumer.poll() is None)
        commands = command_lines()
        more = ["--event_handler", str(code), "--log_filename", str(written / "job.log")]
        ran = deployment("start", source, target, "--synchronous", *START, *more)
        for name, words in {"list": "--include-stopped-jobs --json", "failures": "guarded",
                            "why": f"{source}/bad --log_level DEBUG"}.items():  # fmt: skip
            told = deployment(name, *words.split())
            assert told.status == 0, told.err
            (written / name).write_text(told.out + told.err)
        (written / "start").write_text(ran.out + ran.err)
        yield Evidence(deployment, ran, target, commands + command_lines())
    finally:
        consumer.send_signal(signal.SIGTERM)
        assert consumer.wait(60) == 0


def command_lines() -> str:
    """What `ps` shows to everybody."""
    found = []
    for each in Path("/proc").glob("[0-9]*/cmdline"):
        try:
            found.append(each.read_bytes().replace(b"\0", b" ").decode(errors="replace"))
        except (FileNotFoundError, ProcessLookupError):
            continue
    return "\n".join(found)


def found_in(text: bytes, evidence: Evidence) -> set[str]:
    """The secrets that are there."""
    return {each for each in evidence.secrets if each.encode() in text}


def test_the_job_is_done_over_both_servers(evidence: Evidence, irods: iRODSSession) -> None:
    assert evidence.ran.status == 255, evidence.ran.err  # the bad file
    assert set(rows(irods, evidence.target)) == {f"f{number}" for number in range(FILES)}


def test_no_secret_is_in_logs_profile_output_or_state(evidence: Evidence) -> None:
    texts = {
        path.name: path.read_bytes()
        for folder in ("written", "state")
        for path in (evidence.deployment.folder / folder).rglob("*")
        if path.is_file()
    }
    assert {"consumer.log", "consumer.out", "job.log", "profile", "start", "list", "failures", "why"} <= set(texts)
    assert b"this file is bad" in texts["failures"]
    assert b'"level": "debug"' in texts["consumer.log"] + texts["job.log"]
    assert b'"event": "hook"' in texts["consumer.log"] + texts["job.log"]
    assert {name: found for name, text in texts.items() if (found := found_in(text, evidence))} == {}


def test_no_secret_is_on_a_command_line(evidence: Evidence) -> None:
    assert "-m consumer" in evidence.commands
    assert "consumer.worker" in evidence.commands
    assert found_in(evidence.commands.encode(), evidence) == set()


def test_no_secret_is_in_redis(evidence: Evidence) -> None:
    readers = {b"string": "GET {}", b"hash": "HGETALL {}", b"set": "SMEMBERS {}", b"list": "LRANGE {} 0 -1",
               b"zset": "ZRANGE {} 0 -1 WITHSCORES"}  # fmt: skip
    with evidence.deployment.redis.client() as client:
        keys = list(client.scan_iter(count=1000))
        said = []
        for key in keys:
            words = readers[client.type(key)].split()
            said.append(repr(client.execute_command(*(key if word == "{}" else word for word in words))))
    assert any("this file is bad" in each for each in said)
    files = [path for path in (evidence.deployment.folder / "redis").rglob("*.aof") if path.is_file()]
    history = b"".join(path.read_bytes() for path in files)  # every write that there ever was
    assert b"guarded" in history
    assert found_in(repr(keys).encode() + "".join(said).encode() + history, evidence) == set()


def test_no_secret_is_in_kafka(evidence: Evidence) -> None:
    settings = {"bootstrap_servers": evidence.deployment.kafka.bootstrap, "auto_offset_reset": "earliest"}
    with KafkaConsumer(**settings) as consumer:
        partitions = [
            TopicPartition(topic, number) for topic in DEFAULT_TOPICS for number in consumer.partitions_for_topic(topic)
        ]
        ends = consumer.end_offsets(partitions)
        consumer.assign(partitions)
        records = []
        while any(consumer.position(each) < ends[each] for each in partitions):
            for found in consumer.poll(1000).values():
                records += [(each.key, each.value, each.headers) for each in found]
    assert any(b"guarded" in value for _, value, _ in records)
    assert found_in(repr(records).encode(), evidence) == set()


WRONG = {
    "kafka password": ({"INGEST_KAFKA_PASSWORD": "wrong-secret"}, "are INGEST_KAFKA_USERNAME and its password right?"),
    "kafka authority": ({"INGEST_KAFKA_CA_FILE": "OTHER"}, "certificate verify failed"),
    "kafka name": ({"INGEST_KAFKA": "localhost:KAFKA"}, "certificate is not valid for 'localhost'"),
    "redis password": ({"INGEST_REDIS_PASSWORD": "wrong-secret"}, "refuses: invalid username-password pair"),
    "redis account": ({"INGEST_REDIS_USERNAME": "nobody"}, "refuses: invalid username-password pair"),
    "redis authority": ({"INGEST_REDIS_CA_FILE": "OTHER"}, "certificate verify failed"),
    "redis name": ({"INGEST_REDIS": "rediss://localhost:REDIS/0"}, "certificate is not valid for 'localhost'"),
    "redis without tls": ({"INGEST_REDIS": "redis://127.0.0.1:REDIS/0"}, "does not begin with rediss://"),
}


@pytest.mark.parametrize("wrong", WRONG)
def test_what_is_wrong_is_said_in_a_sentence_without_the_secret(
    deployment: Deployment, tmp_path: Path, wrong: str
) -> None:
    given, sentence = WRONG[wrong]
    ports = {"KAFKA": deployment.kafka.guarded.rpartition(":")[2], "REDIS": str(deployment.redis.port)}
    environ = {}
    for name, value in given.items():
        environ[name] = str(Authority(tmp_path).file) if value == "OTHER" else value
        for server, port in ports.items():
            environ[name] = environ[name].replace(f":{server}", f":{port}")
    ran = deployment(program="consumer", **environ)
    assert (ran.status, ran.out) == (1, "")
    assert sentence in ran.err
    assert ran.err.count("\n") == 1
    assert not any(each in ran.err for each in deployment.secrets | {"wrong-secret"})


def test_secrets_may_come_from_files(deployment: Deployment, tmp_path: Path) -> None:
    environ = {"INGEST_KAFKA_PASSWORD": "", "INGEST_REDIS_PASSWORD": ""}
    for name, secret in (("KAFKA", deployment.kafka.password), ("REDIS", deployment.redis.user_password)):
        (tmp_path / name).write_text(f"{secret}\n")
        environ[f"INGEST_{name}_PASSWORD_FILE"] = str(tmp_path / name)
    deployment.more = environ
    consumer = deployment.process("--workers", "1", program="consumer")
    try:
        assert consumer.stderr is not None
        assert consumer.stderr.readline().startswith("Serving restart, path, file of Kafka at 127.0.0.1:")
    finally:
        deployment.more = {}
        consumer.terminate()
        consumer.communicate(timeout=60)
