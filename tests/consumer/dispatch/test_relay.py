"""A message that Kafka refuses because of its size blocks no other message: its batch is halved, or its task fails."""

from __future__ import annotations

import secrets
from collections.abc import Iterator, Sequence
from pathlib import Path

import pytest
from kafka import KafkaAdminClient
from structlog.testing import CapturingLogger

from consumer.dispatch.intake import Intake
from ingest import tasks
from ingest.broker import Outgoing, Record, TooLarge
from ingest.broker.kafka.broker import KafkaBroker
from ingest.job import Counts, Job, JobState, Topics
from ingest.messages import Change, OpenPass, SyncFiles, decode
from ingest.store import Step
from ingest.store.embedded import EmbeddedStore
from tests.ingest.broker.contract import poll_until
from tests.ingest.store.support import status_of

LIMIT = 600_000
NAMES = tuple(f"{kind}-{secrets.token_hex(4)}" for kind in ("restart", "path", "file"))


@pytest.fixture(scope="module")
def broker(kafka_bootstrap: str) -> Iterator[KafkaBroker]:
    """A broker whose topics take small messages only."""
    settings = {"num_partitions": 1, "replication_factor": 1, "configs": {"max.message.bytes": str(LIMIT)}}
    with KafkaAdminClient(bootstrap_servers=kafka_bootstrap) as admin:
        admin.create_topics(dict.fromkeys(NAMES, settings))
        admin.wait_for_topics(list(NAMES))
    broker = KafkaBroker(kafka_bootstrap)
    yield broker
    broker.close()


@pytest.fixture
def store(tmp_path: Path) -> Iterator[EmbeddedStore]:
    store = EmbeddedStore(tmp_path / "state.db")
    yield store
    store.close()


def start(broker: KafkaBroker, store: EmbeddedStore, name: str = "job") -> tuple[Intake, Job, OpenPass]:
    """Start a job, and begin its pass without the broker."""
    restart, path, file = NAMES
    job = Job(
        name=name, source=b"/s", target=f"/z/{name}", topics=Topics(restart, path, file, broker.ensure_topics(NAMES))
    )
    message = tasks.restart(job, "start")
    store.jobs.create(job, message)
    first = decode(message.value)
    opening = tasks.opening(job, first)  # type: ignore[arg-type]
    assert store.tasks.begin_pass(name, first.pass_id, opening)
    store.outbox.remove([number for number, _ in store.outbox.oldest(9)])
    task = decode(opening.message.value)
    assert isinstance(task, OpenPass)
    return Intake(broker, store, CapturingLogger()), job, task


def _paths(records: Sequence[Record]) -> set[str]:
    """The paths in the records; some records may have been published twice."""
    messages = [decode(record.value) for record in records]
    return {change.path for message in messages if isinstance(message, SyncFiles) for change in message.changes}


def incompressible(number: int, length: int) -> Change:
    return Change(f"{number}-{secrets.token_urlsafe(length)[:length]}")


@pytest.mark.parametrize("size", [LIMIT * 2, 17 << 20])
def test_the_broker_says_that_a_message_is_too_large(broker: KafkaBroker, size: int) -> None:
    broker.ensure_topics(NAMES)
    with pytest.raises(TooLarge, match=f"^Kafka refuses its message of {size:,} bytes"):
        broker.publish([Outgoing(NAMES[1], 0, secrets.token_bytes(size))])
    broker.publish([Outgoing(NAMES[1], 0, b"small")])


def test_a_batch_is_halved_until_kafka_takes_its_parts_and_what_is_too_large_alone_fails(
    broker: KafkaBroker, store: EmbeddedStore
) -> None:
    _, other, bystander = start(broker, store, "other")
    intake, job, opening = start(broker, store)
    changes = [incompressible(number, 250_000) for number in range(7)] + [incompressible(7, 1_000_000)]
    children = list(tasks.files(job, opening.pass_id, changes))
    step = Step(job="job", pass_id=opening.pass_id, task=opening.task, round=0, children=children)
    assert store.tasks.settle(step)
    more = list(tasks.files(other, bystander.pass_id, [Change("small")]))
    store.tasks.settle(Step(job="other", pass_id=bystander.pass_id, task=bystander.task, round=0, children=more))
    while store.outbox.oldest(1):
        intake.relay()
    expected = {change.path for change in changes[:7]} | {"small"}
    with broker.join(f"group-{secrets.token_hex(4)}", [NAMES[2]]) as member:
        (records,) = poll_until([member], lambda received: _paths(received[0]) >= expected)
    assert _paths(records) == expected
    (problem,) = store.jobs.problems("job")
    assert problem.path.startswith(b"7-")
    assert problem.reason.startswith("Kafka refuses its message of ")
    assert status_of(store).counts.failed == 1
    assert len(store.tasks.messages("job", 99)) == 4


def test_a_pass_whose_message_is_too_large_ends_with_the_reason(broker: KafkaBroker, store: EmbeddedStore) -> None:
    intake, job, opening = start(broker, store)
    store.tasks.settle(Step(job="job", pass_id=opening.pass_id, task=opening.task, round=0))
    assert status_of(store).state is JobState.FINISHED
    paths = [secrets.token_urlsafe(300_000).encode() for _ in range(3)]
    assert store.jobs.reopen(job, tasks.restart(job, "retry", retry=True, paths=paths))
    while store.outbox.oldest(1):
        intake.relay()
    status = status_of(store)
    assert (status.state, status.counts) == (JobState.FAILED, Counts(tasks=1, tasks_done=1, tasks_failed=1))
    assert (status.error or "").startswith("Kafka refuses its message of ")
