"""The Kafka broker on a real cluster: headers, existing topics, restarts, credentials."""

from __future__ import annotations

import os
import socket
import struct
import time
from collections.abc import Callable, Iterator
from datetime import datetime
from pathlib import Path
from typing import Any, TypeVar
from uuid import uuid4

import pytest
from kafka import KafkaConsumer

from ingest.broker import GroupMember, Outgoing
from ingest.broker.kafka.broker import KafkaBroker
from ingest.broker.kafka.settings import connection
from ingest.errors import Refused, Unreachable
from ingest.messages import Change, Restart, SyncFiles, encode
from tests.ingest.broker.contract import behind, numbered, poll_until, read, spread, values
from tests.ingest.broker.test_kafka import PARTITIONS, KafkaFixtures
from tests.support.services import KAFKA_PASSWORD, KAFKA_USER, Kafka, running


@pytest.fixture
def own_cluster(tmp_path: Path) -> Iterator[Kafka]:
    """A cluster that the test may restart."""
    server = Kafka(tmp_path)
    with running(server):
        yield server


def closed_port() -> str:
    with socket.create_server(("127.0.0.1", 0)) as listener:
        return f"127.0.0.1:{listener.getsockname()[1]}"


class TestMessages(KafkaFixtures):
    def test_headers_are_the_attributes_of_cloud_events(
        self, broker: KafkaBroker, topic: str, kafka_bootstrap: str
    ) -> None:
        task = SyncFiles(job="j", pass_id="p", task="t", round=2, changes=[Change("x")])
        sent = [encode(task), encode(Restart(job="j", pass_id="p", reason="start")), b"\xff no message of ours"]
        broker.publish([Outgoing(topic, 0, each) for each in sent])
        consumer = KafkaConsumer(topic, bootstrap_servers=kafka_bootstrap, auto_offset_reset="earliest",
                                 consumer_timeout_ms=60_000)  # fmt: skip
        found = [next(consumer) for _ in sent]
        consumer.close()
        assert [each.value for each in found] == sent
        headers = [{name: value.decode() for name, value in each.headers} for each in found]
        assert {each["ce_specversion"] for each in headers} == {"1.0"}
        assert [each["ce_type"] for each in headers[:2]] == ["irods-landing-zone.file", "irods-landing-zone.restart"]
        assert {each["ce_source"] for each in headers[:2]} == {"/irods-landing-zone/jobs/j"}
        assert headers[0]["ce_id"] == "p.t.2"
        assert len({each["ce_id"] for each in headers}) == 3
        assert all(datetime.fromisoformat(each["ce_time"]).tzinfo for each in headers)

    def test_a_message_of_several_megabytes_arrives(self, broker: KafkaBroker, group: str, topic: str) -> None:
        large = b"".join(struct.pack("<I", number * 2654435761 % 2**32) for number in range(1_000_000))
        broker.publish([Outgoing(topic, 0, large)])
        with broker.join(group, [topic]) as member:
            assert values(read(member, 1)) == [large]

    def test_a_busy_partition_does_not_starve_the_others(
        self, broker: KafkaBroker, group: str, topic: str, partitions: int
    ) -> None:
        broker.publish([Outgoing(topic, 0, b"busy")] * 3000)
        broker.publish([Outgoing(topic, partition, b"rare") for partition in range(1, partitions)])
        with broker.join(group, [topic]) as member:
            received = poll_until([member], lambda got: values(got[0]).count(b"rare") == partitions - 1)[0]
            assert values(received).count(b"busy") < 3000
            rest = 3000 - values(received).count(b"busy")
            assert values(read(member, rest)).count(b"busy") == rest

    def test_a_poll_that_asks_for_nothing_gives_nothing_and_loses_nothing(
        self, broker: KafkaBroker, group: str, topic: str, partitions: int
    ) -> None:
        with broker.join(group, [topic]) as member:
            poll_until([member], spread([member], partitions))
            broker.publish(numbered(topic, range(500), partitions))
            for _ in range(50):
                assert member.poll(0.0, 0) == []
            assert len(read(member, 500)) == 500


class TestTopics(KafkaFixtures):
    def test_a_topic_that_is_there_keeps_its_partitions_whatever_is_asked_for(
        self, broker: KafkaBroker, topic: str, kafka_bootstrap: str
    ) -> None:
        for partitions in (1, 2 * PARTITIONS):
            other = KafkaBroker(kafka_bootstrap, partitions=partitions)
            assert other.ensure_topics([topic]) == {topic: PARTITIONS}
            other.close()

    def test_what_kafka_will_not_create_is_refused_in_a_sentence(self, kafka_bootstrap: str) -> None:
        broker = KafkaBroker(kafka_bootstrap, replication_factor=3)
        with pytest.raises(Refused, match=f"^Kafka at {kafka_bootstrap} refuses: "):
            broker.ensure_topics([f"topic-{uuid4()}"])
        with pytest.raises(Refused, match="refuses"):
            broker.ensure_topics(["no/topic"])
        broker.close()

    def test_a_group_joins_only_topics_that_exist(self, broker: KafkaBroker, group: str) -> None:
        with pytest.raises(ValueError, match="no-such-topic"):
            broker.join(group, ["no-such-topic"])


class TestOutages:
    def test_an_unreachable_cluster_is_named(self) -> None:
        address = closed_port()
        broker = KafkaBroker(address, patience=1)
        uses: list[Callable[[], Any]] = [
            lambda: broker.ensure_topics(["t"]),
            lambda: broker.publish([Outgoing("t", 0, b"")]),
            lambda: broker.join("g", ["t"]),
            lambda: broker.lag("g", ["t"]),
        ]
        for use in uses:
            with pytest.raises(Unreachable, match=f"^Kafka at {address} does not answer: ") as error:
                use()
            assert "\n" not in str(error.value)
        broker.close()

    def test_publisher_and_member_go_on_after_a_restart(self, own_cluster: Kafka) -> None:
        broker = KafkaBroker(own_cluster.bootstrap, partitions=PARTITIONS, patience=3)
        broker.ensure_topics(["t"])
        member = broker.join("g", ["t"])
        broker.publish(numbered("t", range(20), PARTITIONS))
        before = read(member, 20)
        member.commit(behind(before))
        own_cluster.stop()
        with pytest.raises(Unreachable):
            broker.publish([Outgoing("t", 0, b"while it was away")])
        start = time.monotonic()
        assert member.poll(0.1, 10) == []
        member.commit(behind(before))
        assert time.monotonic() - start < 120, "it hangs"
        own_cluster.start()
        when_back(lambda: broker.publish(numbered("t", range(100, 120), PARTITIONS)))
        wanted = {b"%d" % number for number in range(100, 120)}
        received = poll_until([member], lambda got: wanted <= set(values(got[0])))[0]
        member.commit(behind(received))
        poll_until([member], lambda _: when_back(lambda: broker.lag("g", ["t"])) == 0)
        member.close()
        broker.close()

    def test_a_publisher_that_gives_up_says_so_and_sends_none_of_the_rest_later(self, own_cluster: Kafka) -> None:
        broker = KafkaBroker(own_cluster.bootstrap, partitions=PARTITIONS, patience=4)
        broker.ensure_topics(["t"])
        broker.publish([Outgoing("t", 0, b"before")])
        own_cluster.stop()
        several_requests = [Outgoing("t", number % PARTITIONS, os.urandom(100_000)) for number in range(40)]
        with pytest.raises(Unreachable, match=f"^Kafka at {own_cluster.bootstrap} does not answer: "):
            broker.publish(several_requests)
        own_cluster.start()
        when_back(lambda: broker.publish([Outgoing("t", 0, b"after")]))
        member = when_back(lambda: broker.join("g", ["t"]))
        assert values(read(member, 2)) == [b"before", b"after"]
        member.close()
        broker.close()


_T = TypeVar("_T")


def when_back(call: Callable[[], _T]) -> _T:
    """Return the result of a call when the cluster answers again."""
    deadline = time.monotonic() + 60
    while True:
        try:
            return call()
        except Unreachable:
            assert time.monotonic() < deadline


class TestCredentials:
    def test_user_and_password_come_from_the_environment_or_a_file(
        self, kafka_broker: Kafka, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        (tmp_path / "secret").write_text(KAFKA_PASSWORD + "\n")
        monkeypatch.setenv("INGEST_KAFKA_SECURITY", "SASL_PLAINTEXT")
        monkeypatch.setenv("INGEST_KAFKA_USERNAME", KAFKA_USER)
        monkeypatch.setenv("INGEST_KAFKA_PASSWORD_FILE", str(tmp_path / "secret"))
        broker = KafkaBroker(kafka_broker.guarded, partitions=2)
        topic = f"topic-{uuid4()}"
        assert broker.ensure_topics([topic]) == {topic: 2}
        broker.publish([Outgoing(topic, 1, b"guarded")])
        member: GroupMember
        with broker.join(topic, [topic]) as member:
            assert values(read(member, 1)) == [b"guarded"]
        broker.close()

    def test_a_wrong_password_is_no_way_in_and_is_not_told(
        self, kafka_broker: Kafka, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        monkeypatch.setenv("INGEST_KAFKA_SECURITY", "SASL_PLAINTEXT")
        monkeypatch.setenv("INGEST_KAFKA_USERNAME", KAFKA_USER)
        monkeypatch.setenv("INGEST_KAFKA_PASSWORD", "wrong-secret")
        broker = KafkaBroker(kafka_broker.guarded, patience=3)
        with pytest.raises(Unreachable, match="are INGEST_KAFKA_USERNAME and its password right") as error:
            broker.ensure_topics(["t"])
        assert "secret" not in str(error.value)

    def test_a_user_alone_means_tls_and_nonsense_is_refused(self) -> None:
        found = connection("a:1, b:2", {"INGEST_KAFKA_USERNAME": "u", "INGEST_KAFKA_PASSWORD": "p"})
        assert (found["security_protocol"], found["sasl_mechanism"]) == ("SASL_SSL", "PLAIN")
        assert found["bootstrap_servers"] == ["a:1", "b:2"]
        assert connection("a:1", {"INGEST_KAFKA_CA_FILE": __file__})["security_protocol"] == "SSL"
        assert connection("a:1", {})["security_protocol"] == "PLAINTEXT"
        for address, environ in (("kafka", {}), ("a:1", {"INGEST_KAFKA_SECURITY": "TLS"}),
                                 ("a:1", {"INGEST_KAFKA_PASSWORD_FILE": "/no/such"}),
                                 ("a:1", {"INGEST_KAFKA_CA_FILE": "/no/such"}),
                                 ("a:1", {"INGEST_KAFKA_USERNAME": "without-password"}),
                                 ("a:1", {"INGEST_KAFKA_SECURITY": "SASL_SSL"})):  # fmt: skip
            with pytest.raises(Refused):
                connection(address, environ)
