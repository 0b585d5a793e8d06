"""Warnings about topics that others have created, and static members of the group."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from uuid import uuid4

import pytest
from kafka import KafkaAdminClient

from ingest.broker import Outgoing
from ingest.broker.kafka.broker import KafkaBroker
from ingest.broker.kafka.member import KafkaMember
from ingest.errors import Refused
from tests.ingest.broker.contract import poll_until, read, spread, values
from tests.ingest.broker.test_kafka import PARTITIONS, KafkaFixtures

DAY_MS = 86_400_000


@pytest.fixture(scope="module")
def made(kafka_bootstrap: str) -> Iterator[Callable[..., str]]:
    """Create a topic with other settings than ours, and return its name."""
    admin = KafkaAdminClient(bootstrap_servers=kafka_bootstrap)

    def make(**settings: str) -> str:
        name = f"topic-{uuid4()}"
        configs = {key.replace("_", "."): value for key, value in settings.items()}
        admin.create_topics({name: {"num_partitions": 2, "replication_factor": 1, "configs": configs}})
        admin.wait_for_topics([name])
        return name

    yield make
    admin.close()


class TestTopicsOfOthers(KafkaFixtures):
    @pytest.fixture
    def said(self, capsys: pytest.CaptureFixture[str], caplog: pytest.LogCaptureFixture) -> Callable[[], str]:
        """The log records, even if an earlier test has configured logging in this process."""
        return lambda: "".join(capsys.readouterr()) + caplog.text

    @pytest.mark.parametrize(
        ("settings", "sentence"),
        [
            ({"retention_ms": str(7 * DAY_MS)}, "deletes its messages after 7 days, done or not"),
            ({"retention_bytes": "1000000"}, "set its retention.bytes to -1"),
            ({"max_message_bytes": "1000000"}, "set its max.message.bytes to 16777216"),
        ],
    )
    def test_what_may_lose_tasks_is_warned_of_with_what_to_do(
        self,
        open_broker: Callable[[], KafkaBroker],
        made: Callable[..., str],
        said: Callable[[], str],
        settings: dict[str, str],
        sentence: str,
    ) -> None:
        good = {"retention_ms": str(90 * DAY_MS), "max_message_bytes": str(16 << 20)}
        topic = made(**(good | settings))
        assert open_broker().ensure_topics([topic]) == {topic: 2}
        text = said()
        assert sentence in text
        assert topic in text
        assert text.count("not as it should be") == 1

    def test_nothing_is_said_of_topics_that_keep_everything(
        self, open_broker: Callable[[], KafkaBroker], made: Callable[..., str], said: Callable[[], str]
    ) -> None:
        own = f"topic-{uuid4()}"
        forever = made(retention_ms="-1", max_message_bytes=str(32 << 20))
        broker = open_broker()
        broker.ensure_topics([own, forever])
        broker.ensure_topics([own, forever])
        assert "not as it should be" not in said()

    def test_fewer_replicas_than_asked_for_are_warned_of(
        self, kafka_bootstrap: str, made: Callable[..., str], said: Callable[[], str]
    ) -> None:
        broker = KafkaBroker(kafka_bootstrap, replication_factor=3)
        broker.ensure_topics([made()])
        broker.close()
        assert "it has 1 of the 3 replicas" in said()

    @pytest.mark.parametrize("policy", ["compact", "compact,delete"])
    def test_a_compacted_topic_is_refused(
        self, open_broker: Callable[[], KafkaBroker], made: Callable[..., str], policy: str
    ) -> None:
        topic = made(cleanup_policy=policy)
        with pytest.raises(Refused, match=f"^topic {topic} is compacted, which loses tasks: set its cleanup.policy"):
            open_broker().ensure_topics([topic])


class TestMembersWithAnInstanceId(KafkaFixtures):
    @pytest.fixture
    def join(self, kafka_bootstrap: str, group: str, topic: str) -> Iterator[Callable[[str], KafkaMember]]:
        opened: list[KafkaBroker | KafkaMember] = []

        def start(instance_id: str) -> KafkaMember:
            broker = KafkaBroker(kafka_bootstrap, poll_seconds=300, instance_id=instance_id)
            member = broker.join(group, [topic])
            opened.extend([member, broker])
            return member

        yield start
        for each in opened:
            each.close()

    def test_one_that_comes_back_has_its_partitions_again_and_nobody_else_loses_any(
        self, broker: KafkaBroker, join: Callable[[str], KafkaMember], topic: str, partitions: int
    ) -> None:
        one, two = join("one"), join("two")
        poll_until([one, two], spread([one, two], partitions))
        had = one.assignment()
        one.close()
        again = join("one")
        kept = two.assignment()

        def back(_: object) -> bool:
            assert two.assignment() == kept
            return bool(again.assignment())

        poll_until([again, two], back)
        assert again.assignment() == had
        broker.publish([Outgoing(topic, partition.partition, b"x") for partition in had])
        assert values(read(again, len(had))) == [b"x"] * len(had)

    def test_of_two_with_the_same_id_the_older_is_refused(self, join: Callable[[str], KafkaMember]) -> None:
        older = join("same")
        poll_until([older], spread([older], PARTITIONS))
        newer = join("same")
        with pytest.raises(Refused, match=r"^another consumer has joined with the instance id same$"):
            poll_until([newer, older], lambda _: False)
        assert len(newer.assignment()) == PARTITIONS

    def test_an_id_that_kafka_does_not_take_is_refused(self, join: Callable[[str], KafkaMember]) -> None:
        with pytest.raises(Refused, match=r"^an instance id may have letters, digits, .* not 'no/name'$"):
            join("no/name")
