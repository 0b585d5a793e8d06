"""Tasks whose messages are lost are sent again, and those that something still carries are not."""

from __future__ import annotations

import secrets
import sqlite3
from collections.abc import Callable, Iterator
from contextlib import closing
from pathlib import Path
from typing import Any

import pytest
from kafka import KafkaAdminClient
from kafka import TopicPartition as KafkaPartition
from structlog.testing import CapturingLogger

from consumer.dispatch.intake import Intake
from consumer.dispatch.sweeper import LOOK_SECONDS, Sweeper
from ingest import tasks
from ingest.broker import Broker, Outgoing, Record
from ingest.broker.embedded.broker import EmbeddedBroker
from ingest.broker.kafka.broker import KafkaBroker
from ingest.job import Counts, Job, JobState, Topics
from ingest.messages import OpenPass, Restart, again, decode, encode
from ingest.store import ConsumerStatus, Redelivery, Step, Store
from ingest.store.embedded import EmbeddedStore
from ingest.store.redis import RedisStore
from tests.ingest.broker.contract import read
from tests.ingest.store.test_redis import remove_keys

Lose = Callable[[tuple[str, ...]], None]


class Deployment:
    """A broker and a store with a job, a member of its group, and a sweeper whose clock the test moves."""

    def __init__(self, broker: Broker, store: Store, lose: Lose) -> None:
        self.broker, self.store, self._lose = broker, store, lose
        self.names = tuple(f"{kind}-{secrets.token_hex(4)}" for kind in ("restart", "path", "file"))
        self.group = f"group-{secrets.token_hex(4)}"
        self.said = CapturingLogger()
        self.intake = Intake(broker, store, self.said)
        self.seconds = 0.0

    def start(self, **options: Any) -> Job:
        """Start the job."""
        restart, path, file = self.names
        topics = Topics(restart, path, file, self.broker.ensure_topics(self.names))
        job = Job(name="job", source=b"/s", target="/z/t", topics=topics, **options)
        self.store.jobs.create(job, tasks.restart(job, "start"))
        self.sweeper = self.another_sweeper("me")
        self.member = self.broker.join(self.group, self.names)
        return job

    def another_sweeper(self, owner: str) -> Sweeper:
        return Sweeper(self.broker, self.store, self.group, self.names, owner, self.said, clock=lambda: self.seconds)

    def publish(self) -> None:
        self.store.outbox.fire_due()
        self.intake.relay()

    def lose(self) -> None:
        """Publish everything, and lose it."""
        self.publish()
        self._lose(self.names)

    def look(self) -> bool:
        """Look once more; whether something is to be published then."""
        self.seconds += LOOK_SECONDS
        self.sweeper.look()
        return self.store.outbox.held("job").messages

    def looks(self) -> list[bool]:
        return [self.look(), self.look()]

    def next_record(self) -> Record:
        """The next record, apart from those of earlier rounds: a fetch may have been under way when they were lost."""
        self.publish()
        while True:
            record = read(self.member, 1)[0]
            message = decode(record.value)
            if isinstance(message, Restart) or self.store.tasks.outstanding(
                message.pass_id, message.task, message.round
            ):
                return record

    def done(self, record: Record) -> None:
        """Commit a record, and wait until the broker knows it."""
        self.member.commit({record.topic_partition: record.offset + 1})
        while self.broker.lag(self.group, self.names):
            self.member.poll(0.05, 0)

    def begin(self) -> OpenPass:
        """Begin the pass; its first task is to be published then."""
        record = self.next_record()
        assert self.intake.task(record) is None
        self.done(record)
        task = decode(self.store.tasks.messages("job", 9)[0].message.value)
        assert isinstance(task, OpenPass)
        return task

    def close(self) -> None:
        self.member.close()
        self.broker.close()
        self.store.close()


@pytest.fixture(params=["embedded", "lost topics", "expired messages"])
def there(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[Deployment]:
    """A deployment, and the way in which its messages are lost."""
    if request.param == "embedded":
        file = tmp_path / "state.db"
        deployment = Deployment(EmbeddedBroker(file, partitions=2), EmbeddedStore(file), lambda _: _empty(file))
        yield deployment
        deployment.close()
        return
    url, bootstrap = request.getfixturevalue("redis_url"), request.getfixturevalue("kafka_bootstrap")
    prefix = f"test-{secrets.token_hex(4)}:"
    with KafkaAdminClient(bootstrap_servers=bootstrap) as admin:
        lose = _delete_topics(admin) if request.param == "lost topics" else _delete_records(admin)
        broker = KafkaBroker(bootstrap, partitions=2, session_seconds=60, poll_seconds=300)
        deployment = Deployment(broker, RedisStore(url, prefix), lose)
        yield deployment
        deployment.close()
    remove_keys(url, prefix)


def _empty(file: Path) -> None:
    with closing(sqlite3.connect(file)) as db, db:
        db.execute("DELETE FROM log")


def _delete_topics(admin: Any) -> Lose:
    def lose(names: tuple[str, ...]) -> None:
        admin.delete_topics(list(names))
        while set(names) & set(admin.list_topics()):
            pass

    return lose


def _delete_records(admin: Any) -> Lose:
    return lambda names: admin.delete_records(
        {KafkaPartition(name, partition): -1 for name in names for partition in (0, 1)}
    )


def test_a_task_whose_message_is_lost_is_sent_again_in_its_next_round(there: Deployment) -> None:
    there.start()
    task = there.begin()
    there.lose()
    assert there.looks() == [False, True]
    record = there.next_record()
    assert decode(record.value) == again(task)
    assert there.intake.task(record) is not None
    assert [call.kwargs["tasks"] for call in there.said.calls if call.method_name == "warning"] == [1]


def test_a_job_whose_first_message_is_lost_begins_all_the_same(there: Deployment) -> None:
    there.start()
    there.lose()
    assert there.looks() == [False, True]
    there.begin()
    status = there.store.jobs.get("job")
    assert status is not None
    assert status.state is JobState.RUNNING


def test_a_periodic_job_whose_next_pass_is_lost_goes_on(there: Deployment) -> None:
    there.start(interval=0)
    there.begin()
    there.lose()  # the message of the next pass, too
    assert there.looks() == [False, True]
    record = there.next_record()
    found = there.intake.task(record)
    assert found is not None
    task, job = found
    there.store.tasks.settle(Step(job=job.name, pass_id=task.pass_id, task=task.task, round=task.round))
    there.done(record)
    assert there.looks() == [False, True]
    there.begin()


def test_a_message_that_something_carries_is_not_sent_again(there: Deployment) -> None:
    there.start(interval=10_000)
    task = there.begin()
    assert there.looks() == [True, True], "it is in the outbox"
    record = there.next_record()
    assert there.looks() == [False, False], "the broker has it"
    there.store.consumers.announce(ConsumerStatus("c", there.names, ("job",)), 600)
    there.done(record)
    assert there.looks() == [False, False], "a worker has it"
    there.store.consumers.announce(ConsumerStatus("c", there.names, ()), 600)
    there.store.jobs.pause("job")
    assert there.looks() == [False, False], "the job is paused"
    there.store.jobs.resume("job")
    assert not there.look()
    later = Redelivery(500, 1, Outgoing(record.topic, record.partition, encode(again(task))))
    there.store.tasks.settle(Step(job="job", pass_id=task.pass_id, task=task.task, round=0, again=later))
    assert there.looks() == [True, True], "it is in the schedule"
    assert there.store.tasks.messages("job", 9)[0].round == 1


def test_a_job_that_goes_on_between_two_looks_is_left_alone(there: Deployment) -> None:
    there.start()
    task = there.begin()
    there.lose()
    assert not there.look()
    there.store.tasks.settle(
        Step(job="job", pass_id=task.pass_id, task=task.task, round=0, counts=Counts(files=1), cursor=b"c")
    )
    assert there.looks() == [False, True]


def test_of_several_consumers_one_sweeps(there: Deployment) -> None:
    there.start()
    there.begin()
    other = there.another_sweeper("you")
    there.lose()
    there.look()
    other.look()
    there.seconds += LOOK_SECONDS
    other.look()
    assert not there.store.outbox.held("job").messages
    there.sweeper.look()
    assert there.store.outbox.held("job").messages


def test_the_task_of_a_watcher_has_no_message_and_is_left_alone(there: Deployment) -> None:
    job = there.start(watch=True)
    there.store.jobs.watch(job.name, "live")
    task = there.begin()
    there.store.tasks.settle(Step(job="job", pass_id=task.pass_id, task=task.task, round=0))
    there.lose()
    assert there.looks() == [False, False]
