"""A deployment of a test's own: Kafka, Redis, and consumers that are added, killed and ended."""

from __future__ import annotations

import secrets
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
from kafka import KafkaAdminClient
from typing_extensions import override

from ingest.job import DEFAULT_TOPICS, JobStatus
from ingest.store import Store
from ingest.store.embedded import EmbeddedStore
from ingest.store.redis import RedisStore
from tests.conftest import CommandLine
from tests.support.services import Kafka, Redis, running

END_SECONDS = 60


class Consumers(CommandLine):
    """Commands and consumers of one state file; the consumers log to `consumer-N.log`."""

    def __init__(self, state: Path, environment: Path, logs: Path) -> None:
        super().__init__(state, environment)
        self._logs = logs
        self._crashed: set[int] = set()
        self.consumers: list[subprocess.Popen[bytes]] = []

    def store(self) -> Store:
        """The store of the jobs; the caller closes it."""
        return EmbeddedStore(self.state)

    def add(self, workers: int = 1, *options: str) -> None:
        """Start one more consumer."""
        command = [sys.executable, "-m", "consumer", "--workers", str(workers), "--log_level", "INFO", *options]
        with self._log(len(self.consumers)).open("wb") as log:
            self.consumers.append(
                subprocess.Popen(command, env=self.environ, stdin=subprocess.DEVNULL, stdout=log, stderr=log)
            )

    def crash(self, number: int) -> None:
        """Kill a consumer with signal 9."""
        self.consumers[number].kill()
        self._crashed.add(number)

    def leave(self) -> None:
        """End the oldest consumer that lives, as an operator does, and wait for its end."""
        number = next(number for number, each in enumerate(self.consumers) if each.poll() is None)
        self._crashed.add(number)
        self.consumers[number].send_signal(signal.SIGTERM)
        assert self.consumers[number].wait(END_SECONDS) == 0

    def said(self, number: int) -> str:
        """What a consumer has said and logged until now."""
        return self._log(number).read_text()

    def status(self, job: str) -> JobStatus:
        """The job as the store has it."""
        store = self.store()
        status = store.jobs.get(job)
        store.close()
        assert status is not None
        return status

    def has_done(self, job: str, least: int) -> Callable[[], bool]:
        """A condition: so many files of the job are in."""
        return lambda: self.status(job).counts.done >= least

    def work(self) -> bool:
        """Whether all consumers are alive that were not made to crash."""
        return all(each.poll() is None for number, each in enumerate(self.consumers) if number not in self._crashed)

    def ended(self, job: str, seconds: float) -> JobStatus:
        """The job when it has ended; fails when that takes longer, or when a consumer ends by itself before."""
        end = time.monotonic() + seconds
        while (status := self.status(job)).state.active:
            assert time.monotonic() < end, status
            assert self.work(), "a consumer has ended"
            time.sleep(0.1)
        return status

    def end(self) -> list[int]:
        """End those that live; the exit statuses of all."""
        for each in self.consumers:
            each.send_signal(signal.SIGTERM)
        return [each.wait(END_SECONDS) for each in self.consumers]

    def kill(self) -> None:
        """End those that live as a crash would."""
        for each in self.consumers:
            each.kill()
            each.wait()

    def _log(self, number: int) -> Path:
        return self._logs / f"consumer-{number}.log"


class Fleet(Consumers):
    """The same for a deployment with Kafka and Redis."""

    def __init__(
        self, state: Path, environment: Path, kafka: Kafka, redis: Redis, logs: Path, partitions: int = 4
    ) -> None:
        super().__init__(state, environment, logs)
        self._partitions = partitions
        self.kafka = kafka
        self.redis = redis
        self.group = f"group-{secrets.token_hex(4)}"

    @override
    def store(self) -> Store:
        return RedisStore(self.redis.url)

    @property
    def environ(self) -> dict[str, str]:
        """The environment of a command."""
        return super().environ | {
            "INGEST_KAFKA": self.kafka.bootstrap,
            "INGEST_REDIS": self.redis.url,
            "INGEST_GROUP": self.group,
            "INGEST_PARTITIONS": str(self._partitions),
        }


@pytest.fixture
def kafka(kafka_broker: Kafka) -> Iterator[Kafka]:
    """The broker of this run, which the test may restart; the topics of its jobs are deleted afterwards."""
    yield kafka_broker
    kafka_broker.ensure_running()
    with KafkaAdminClient(bootstrap_servers=kafka_broker.bootstrap) as admin:
        own = {*DEFAULT_TOPICS, *(f"{topic}.dlq" for topic in DEFAULT_TOPICS)}
        admin.delete_topics(sorted(own & set(admin.list_topics())))


@pytest.fixture
def redis(tmp_path: Path) -> Iterator[Redis]:
    """A Redis server that the test may restart."""
    folder = tmp_path / "redis"
    folder.mkdir()
    server = Redis(folder)
    with running(server):
        yield server


@pytest.fixture
def fleet(scan: CommandLine, kafka: Kafka, redis: Redis, tmp_path: Path) -> Iterator[Fleet]:
    """No consumers yet; those that a test starts are ended after it."""
    fleet = Fleet(scan.state, scan.environment, kafka, redis, tmp_path)
    yield fleet
    fleet.kill()


def fill(source: Path, files: int, directories: int) -> dict[str, int]:
    """Make small files; relative path → size."""
    sizes = {}
    for number in range(files):
        directory = source / f"d{number % directories}"
        directory.mkdir(exist_ok=True)
        path = directory / f"f{number}"
        path.write_text(str(number))
        sizes[f"{directory.name}/{path.name}"] = len(str(number))
    return sizes


def assert_exact(status: JobStatus, files: int) -> None:
    """The job has ended well and has counted every file once."""
    counts = status.counts
    assert (status.state.value, status.error, counts.failed, counts.tasks_failed) == ("finished", None, 0, 0)
    assert (counts.files, counts.done + counts.unchanged, counts.skipped) == (files, files, 0)
    assert (counts.remaining_tasks, counts.remaining_files, counts.retries) == (0, 0, 0)
