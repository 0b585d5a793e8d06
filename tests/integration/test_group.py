"""Consumers are the members of the group that they are told to be."""

from __future__ import annotations

import subprocess
from collections.abc import Callable, Iterator
from typing import Any
from uuid import uuid4

import pytest
from kafka import KafkaAdminClient
from kafka.errors import RetriableError

from tests.conftest import CommandLine
from tests.support.integration import wait_until

Start = Callable[..., "subprocess.Popen[str]"]


@pytest.fixture
def group() -> str:
    """A group that nobody else is in."""
    return f"group-{uuid4()}"


@pytest.fixture
def members(kafka_bootstrap: str, group: str) -> Iterator[Callable[[], list[dict[str, Any]]]]:
    """The members of the group, as Kafka has them; none while it does not know the group."""
    with KafkaAdminClient(bootstrap_servers=kafka_bootstrap) as admin:

        def look() -> list[dict[str, Any]]:
            try:
                return list(admin.describe_groups([group])[group]["members"])
            except RetriableError:  # it has just made the topic of the offsets
                return []

        yield look


@pytest.fixture
def consumer(scan: CommandLine, kafka_bootstrap: str, redis_url: str, group: str) -> Iterator[Start]:
    """Starts a consumer in the group."""
    names = ("INGEST_KAFKA", "INGEST_REDIS")
    started: list[subprocess.Popen[str]] = []
    topics = ",".join(f"{topic}-{group}" for topic in ("restart", "path", "file"))

    class Told(CommandLine):
        @property
        def environ(self) -> dict[str, str]:
            return super().environ | dict(zip(names, (kafka_bootstrap, redis_url), strict=True))

    def start(*options: str) -> subprocess.Popen[str]:
        words = ["--group", group, "--topics", topics, "--workers", "1", *options]
        started.append(Told(scan.state, scan.environment).process(*words, program="consumer"))
        return started[-1]

    yield start
    for each in started:
        each.kill()
        each.communicate()


def test_a_consumer_joins_under_its_instance_id_and_ends_when_another_takes_it(
    consumer: Start, members: Callable[[], list[dict[str, Any]]]
) -> None:
    first = consumer("--instance-id", "one")
    wait_until(lambda: [each["group_instance_id"] for each in members()] == ["one"], lambda: first.poll() is None)
    (before,) = members()
    second = consumer("--instance-id", "one")
    _, said = first.communicate(timeout=60)
    assert first.returncode == 1
    assert said.splitlines()[-1] == "ingest-consume: another consumer has joined with the instance id one"
    (after,) = members()
    assert (after["group_instance_id"], second.poll()) == ("one", None)
    assert after["member_id"] != before["member_id"]


def test_without_an_instance_id_a_consumer_leaves_the_group_when_it_ends(
    consumer: Start, members: Callable[[], list[dict[str, Any]]]
) -> None:
    process = consumer()
    wait_until(lambda: len(members()) == 1, lambda: process.poll() is None)
    process.terminate()
    assert process.wait(60) == 0
    assert members() == []
