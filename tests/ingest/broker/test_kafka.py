"""The Kafka broker keeps the contract, on a real cluster."""

from __future__ import annotations

from collections.abc import Callable, Iterator

import pytest

from ingest.broker.kafka.broker import KafkaBroker
from tests.ingest.broker.contract import BrokerContract, BrokerFixtures
from tests.ingest.broker.group_contract import GroupContract

PARTITIONS = 4


class KafkaFixtures(BrokerFixtures):
    commits_at_once = False  # Kafka takes no commits from a member before the rebalance has ended for it

    @pytest.fixture
    def open_broker(self, kafka_bootstrap: str) -> Iterator[Callable[[], KafkaBroker]]:
        opened: list[KafkaBroker] = []

        def start() -> KafkaBroker:
            # Times that outlast any stall of the machine that the tests run on.
            opened.append(KafkaBroker(kafka_bootstrap, partitions=PARTITIONS, session_seconds=60, poll_seconds=300))
            return opened[-1]

        yield start
        for each in opened:
            each.close()

    @pytest.fixture
    def child_source(self, kafka_bootstrap: str) -> str:
        return (
            "import ingest.broker.kafka.broker as kafka\n"
            f"broker = kafka.KafkaBroker({kafka_bootstrap!r}, partitions={PARTITIONS},"
            " session_seconds=1, poll_seconds=1)"
        )


class TestKafkaBroker(KafkaFixtures, BrokerContract):
    pass


class TestKafkaGroup(KafkaFixtures, GroupContract):
    pass
