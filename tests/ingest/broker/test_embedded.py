"""The embedded broker keeps the contract, and looks after its file."""

from __future__ import annotations

import os
import sqlite3
import time
import traceback
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from ingest.broker import Outgoing
from ingest.broker.embedded.broker import EmbeddedBroker
from ingest.errors import Refused
from ingest.sqlite import _refuse_network_file_system, connect, transaction
from tests.ingest.broker.child import Child
from tests.ingest.broker.contract import BrokerContract, BrokerFixtures, numbered, poll_until, read, spread, values
from tests.ingest.broker.group_contract import GroupContract

_NOBODY = 65534


class EmbeddedFixtures(BrokerFixtures):
    @pytest.fixture
    def file(self, tmp_path: Path) -> Path:
        return tmp_path / "state" / "queue.sqlite"

    @pytest.fixture
    def open_broker(self, file: Path) -> Iterator[Callable[[], EmbeddedBroker]]:
        opened: list[EmbeddedBroker] = []

        def start() -> EmbeddedBroker:
            # A lease that outlasts any stall of the machine that the tests run on.
            opened.append(EmbeddedBroker(file, session_seconds=3600))
            return opened[-1]

        yield start
        for each in opened:
            each.close()

    @pytest.fixture
    def child_source(self, file: Path) -> str:
        return (
            "import pathlib, ingest.broker.embedded.broker as embedded\n"
            f"broker = embedded.EmbeddedBroker(pathlib.Path({str(file)!r}), session_seconds=1)"
        )


class TestEmbeddedBroker(EmbeddedFixtures, BrokerContract):
    pass


class TestEmbeddedGroup(EmbeddedFixtures, GroupContract):
    pass


class TestPolling(EmbeddedFixtures):
    def test_a_busy_partition_does_not_starve_the_others(
        self, broker: EmbeddedBroker, group: str, topic: str, partitions: int
    ) -> None:
        broker.publish([Outgoing(topic, 0, b"busy")] * 1000)
        broker.publish([Outgoing(topic, partition, b"rare") for partition in range(1, partitions)])
        for most in (1, 3, 100):
            with broker.join(group, [topic]) as member:
                first = [record for _ in range(2 * partitions) for record in member.poll(0, most)]
            assert values(first).count(b"rare") == partitions - 1

    def test_a_single_busy_partition_fills_the_poll(self, broker: EmbeddedBroker, group: str, topic: str) -> None:
        broker.publish(numbered(topic, range(0, 8 * 500, 8), 8))
        with broker.join(group, [topic]) as member:
            assert len(member.poll(0, 500)) == 500

    def test_an_idle_poll_writes_nothing_but_the_lease_once_a_second(
        self, broker: EmbeddedBroker, group: str, topic: str
    ) -> None:
        with broker.join(group, [topic]) as member:
            member.poll(0, 1)
            before, start = member._connection.total_changes, time.monotonic()
            for _ in range(1000):
                assert member.poll(0, 1) == []
            assert member._connection.total_changes - before <= 1 + (time.monotonic() - start)

    def test_a_pause_ends_when_the_partition_is_lost(
        self, broker: EmbeddedBroker, group: str, topic: str, partitions: int
    ) -> None:
        with broker.join(group, [topic]) as one:
            poll_until([one], spread([one], partitions))
            one.pause(one.assignment())
            with broker.join(group, [topic]) as two:
                poll_until([one, two], spread([one, two], partitions))
                lost = two.assignment()
            poll_until([one], spread([one], partitions))
            broker.publish(numbered(topic, range(partitions), partitions))
            assert {record.topic_partition for record in one.poll(0, partitions)} == lost

    def test_polling_renews_the_lease(self, broker: EmbeddedBroker, file: Path, group: str, topic: str) -> None:
        def renewed() -> float:
            reader = sqlite3.connect(file)
            (seconds,) = reader.execute("SELECT renewed FROM members").fetchone()
            reader.close()
            return float(seconds)

        broker.publish([Outgoing(topic, 0, b"once")])
        with broker.join(group, [topic]) as member:
            read(member, 1)
            first = renewed()
            assert poll_until([member], lambda _: renewed() > first) == [[]]

    def test_what_is_committed_is_deleted(self, broker: EmbeddedBroker, file: Path, group: str, topic: str) -> None:
        broker.publish([Outgoing(topic, 0, b"done"), Outgoing(topic, 0, b"kept")])
        with broker.join(group, [topic]) as member:
            record, _ = read(member, 2)
            member.commit({record.topic_partition: record.offset + 1})
        log = sqlite3.connect(file)
        assert log.execute("SELECT value FROM log").fetchall() == [(b"kept",)]
        log.close()

    def test_a_lease_from_before_the_last_boot_has_run_out(
        self, broker: EmbeddedBroker, file: Path, group: str, topic: str, partitions: int
    ) -> None:
        gone = broker.join(group, [topic])
        poll_until([gone], spread([gone], partitions))
        with transaction(gone._connection) as db:
            db.execute("UPDATE members SET renewed = renewed + 1e9")
        with broker.join(group, [topic]) as member:
            poll_until([member], spread([member], partitions))
        gone.close()

    def test_a_group_cannot_join_for_a_topic_that_does_not_exist(self, broker: EmbeddedBroker, topic: str) -> None:
        with pytest.raises(ValueError, match="no such topic: nowhere"):
            broker.join("group", [topic, "nowhere"])


class TestProcesses(EmbeddedFixtures):
    def test_many_processes_open_publish_and_consume_at_once(
        self, file: Path, child: Callable[[], Child], topic: str, partitions: int
    ) -> None:
        publishers, consumers = [child() for _ in range(4)], [child() for _ in range(3)]
        for consumer in consumers:
            consumer.send("join", "group", topic)
        for name, publisher in enumerate(publishers):
            messages = [(number % partitions, f"{name}-{number}") for number in range(200)]
            publisher.send("publish_one_by_one", topic, messages)
        for consumer in consumers:
            consumer.answer()
        received: set[str] = set()

        def all_arrived(_: object) -> bool:
            for consumer in consumers:
                consumer.send("poll_and_commit")
            for consumer in consumers:
                received.update(consumer.answer())
            return len(received) >= 4 * 200

        poll_until([], all_arrived)
        for publisher in publishers:
            publisher.answer()
        assert received == {f"{name}-{number}" for name in range(4) for number in range(200)}

    def test_a_publisher_that_is_killed_halfway_leaves_whole_batches(
        self, broker: EmbeddedBroker, child: Callable[[], Child], topic: str
    ) -> None:
        for _ in range(3):
            before = broker.lag("group", [topic])
            publisher = child()
            publisher.send("publish_for_ever", topic, 50)
            poll_until([], lambda _, before=before: broker.lag("group", [topic]) > before)  # type: ignore[misc]
            publisher.kill()
            assert broker.lag("group", [topic]) % 50 == 0

    def test_processes_can_create_the_file_all_at_once(self, tmp_path: Path) -> None:
        for attempt in range(10):
            start = time.monotonic() + 0.05
            children = []
            for _ in range(6):
                pid = os.fork()
                if pid == 0:
                    while time.monotonic() < start:
                        pass
                    _exit_with(connect, tmp_path / str(attempt), "CREATE TABLE IF NOT EXISTS t (x)")
                children.append(pid)
            assert [os.waitpid(pid, 0)[1] for pid in children] == [0] * 6


class TestFile:
    def test_the_state_file_is_private_to_its_owner(self, tmp_path: Path) -> None:
        broker = EmbeddedBroker(tmp_path / "deep" / "state.sqlite")
        broker.ensure_topics(["t"])
        modes = {path.name: oct(path.stat().st_mode & 0o777) for path in (tmp_path / "deep").iterdir()}
        broker.close()
        assert modes == {f"state.sqlite{suffix}": "0o600" for suffix in ("", "-wal", "-shm")}

    @pytest.mark.parametrize("place", ["text", "text/below-a-file", "."])
    def test_a_place_that_cannot_be_used_is_refused_in_one_sentence(self, tmp_path: Path, place: str) -> None:
        (tmp_path / "text").write_text("this is no database, and long enough that SQLite reads it " * 20)
        with pytest.raises(Refused) as refusal:
            EmbeddedBroker(tmp_path / place)
        assert "\n" not in str(refusal.value)
        assert str(tmp_path / place) in str(refusal.value)

    def test_a_folder_without_write_permission_is_refused(self, tmp_path: Path) -> None:
        tmp_path.chmod(0o555)
        pid = os.fork()
        if pid == 0:
            if os.geteuid() == 0:
                os.setuid(_NOBODY)
            _exit_with(_expect_refusal, tmp_path / "state.sqlite")
        assert os.waitpid(pid, 0)[1] == 0

    def test_a_network_file_system_is_refused(self, tmp_path: Path) -> None:
        local, remote, nested = tmp_path, tmp_path / "a share", tmp_path / "a share" / "disk"
        nested.mkdir(parents=True)
        table = tmp_path / "mounts"
        share = str(remote).replace(" ", "\\040")
        table.write_text(
            f"3 2 0:3 / {share}/disk rw - xfs /dev/sdb1 rw\n2 1 0:2 / {share} rw - nfs4 server:/share rw\n"
            "1 0 0:1 / / rw - ext4 /dev/sda1 rw\n"
        )
        _refuse_network_file_system(local, "state", table)
        _refuse_network_file_system(nested, "state", table)
        _refuse_network_file_system(local, "state", tmp_path / "no-such-table")
        with pytest.raises(Refused, match=r"a share is nfs4: use --spool$"):
            _refuse_network_file_system(remote, "spool", table)

    def test_at_least_one_partition(self, tmp_path: Path) -> None:
        with pytest.raises(Refused, match="not 0"):
            EmbeddedBroker(tmp_path / "state.sqlite", partitions=0)


def _expect_refusal(file: Path) -> None:
    with pytest.raises(Refused, match=f"^cannot use the state file {file}: Permission denied$"):
        EmbeddedBroker(file)


def _exit_with(action: Callable[..., object], *arguments: object) -> None:
    """End a forked process: status 0 when the action succeeds."""
    status = 1
    try:
        action(*arguments)
        status = 0
    finally:
        if status:
            traceback.print_exc()
        os._exit(status)
