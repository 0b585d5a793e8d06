"""A second process that runs commands of the test on a broker, until it is killed."""

from __future__ import annotations

import json
import select
import subprocess
import sys
from itertools import count
from pathlib import Path
from typing import Any

from ingest.broker import Broker, GroupMember, Outgoing, TopicPartition


class Child:
    """The test calls `child("publish", topic, [[0, "text"]])` to run that method of `_Commands` in the process."""

    def __init__(self, source: str) -> None:
        """Start a process with the broker that the Python code `source` assigns to `broker`."""
        self._process = subprocess.Popen(
            [sys.executable, "-m", "tests.ingest.broker.child", source],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            text=True,
            cwd=Path(__file__).parents[3],
        )

    def __call__(self, command: str, *arguments: Any) -> Any:
        self.send(command, *arguments)
        return self.answer()

    def send(self, command: str, *arguments: Any) -> None:
        assert self._process.stdin
        self._process.stdin.write(json.dumps([command, *arguments]) + "\n")
        self._process.stdin.flush()

    def answer(self) -> Any:
        assert self._process.stdout
        line = self._process.stdout.readline()
        assert line, "the child has died; its traceback is on stderr"
        return json.loads(line)

    def answered(self) -> bool:
        """Whether there is an answer to read."""
        assert self._process.stdout
        return bool(select.select([self._process.stdout], [], [], 0)[0])

    def kill(self) -> None:
        """Kill the process with SIGKILL, and wait for its end."""
        self._process.kill()
        self._process.communicate()


class _Commands:
    def __init__(self, broker: Broker) -> None:
        self._broker = broker
        self._member: GroupMember | None = None

    def publish(self, topic: str, messages: list[tuple[int, str]]) -> None:
        self._broker.publish([Outgoing(topic, partition, text.encode()) for partition, text in messages])

    def publish_one_by_one(self, topic: str, messages: list[tuple[int, str]]) -> None:
        for message in messages:
            self.publish(topic, [message])

    def publish_for_ever(self, topic: str, size: int) -> None:
        for number in count():
            self.publish(topic, [(0, str(number))] * size)

    def join(self, group: str, topic: str) -> None:
        self._member = self._broker.join(group, [topic])

    def read(self, wanted: int) -> list[tuple[str, int, int, str]]:
        """Poll until there are this many records; return topic, partition, offset and text of each."""
        assert self._member
        records = self._member.poll(0.05, wanted)
        while len(records) < wanted:
            records += self._member.poll(0.05, wanted - len(records))
        return [(*record[:3], record.value.decode()) for record in records]

    def hold(self, wanted: int) -> list[TopicPartition]:
        """Poll until this member has so many partitions; return them."""
        assert self._member
        while len(self._member.assignment()) < wanted:
            self._member.poll(0.05, 50)
        return sorted(self._member.assignment())

    def hand_over(self) -> list[TopicPartition]:
        """Poll, with all partitions busy, until some are to be handed over; return those."""
        assert self._member
        busy = self._member.assignment()
        while not self._member.releasing():
            self._member.poll(0.05, 50, busy)
        return sorted(self._member.releasing())

    def lose(self, wanted: int) -> list[TopicPartition]:
        """Poll, with all partitions busy, until so many are lost; return those."""
        assert self._member
        busy, lost = self._member.assignment() | self._member.releasing(), set[TopicPartition]()
        while len(lost) < wanted:
            self._member.poll(0.05, 50, busy)
            lost |= self._member.lost()
        return sorted(lost)

    def held_until(self) -> float:
        assert self._member
        return self._member.held_until()

    def poll_and_commit(self) -> list[str]:
        assert self._member
        records = self._member.poll(0.05, 50)
        self._member.commit({record.topic_partition: record.offset + 1 for record in records})
        return [record.value.decode() for record in records]

    def commit(self, topic: str, partition: int, offset: int) -> None:
        assert self._member
        self._member.commit({TopicPartition(topic, partition): offset})


def _main() -> None:
    names: dict[str, Any] = {}
    exec(sys.argv[1], names)
    commands = _Commands(names["broker"])
    for line in sys.stdin:
        command, *arguments = json.loads(line)
        print(json.dumps(getattr(commands, command)(*arguments)), flush=True)


if __name__ == "__main__":
    _main()
