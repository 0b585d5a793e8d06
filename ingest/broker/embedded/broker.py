"""The embedded broker: topics and one consumer group in a SQLite file that several processes of one machine share.

A topic has one consumer group only. So committed records are deleted, and no committed offsets need to be kept: the log
begins at the first record that is not committed.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from pathlib import Path

from typing_extensions import override

from ingest.broker import Broker, Outgoing, TopicPartition
from ingest.broker.embedded.member import EmbeddedMember
from ingest.errors import Refused
from ingest.sqlite import connect, transaction

SESSION_SECONDS = 6.0
"""After this time without a poll, a member loses its partitions to other members."""

# Offsets are unique in the whole file, so that one query for the newest offset shows whether there are new records.
# A claim names the member that owns a partition now; no member's id is used twice. `epoch` grows when members or claims
# change. `renewed` is the monotonic clock (see EmbeddedMember).
_SCHEMA = """
CREATE TABLE IF NOT EXISTS partitions (
    id INTEGER PRIMARY KEY, topic TEXT NOT NULL, partition INTEGER NOT NULL, UNIQUE (topic, partition));
CREATE TABLE IF NOT EXISTS log (
    offset INTEGER PRIMARY KEY AUTOINCREMENT, partition_id INTEGER NOT NULL, value BLOB NOT NULL);
CREATE INDEX IF NOT EXISTS log_by_partition ON log (partition_id);
CREATE TABLE IF NOT EXISTS consumer_groups (name TEXT PRIMARY KEY, epoch INTEGER NOT NULL) WITHOUT ROWID;
CREATE TABLE IF NOT EXISTS members (
    id INTEGER PRIMARY KEY AUTOINCREMENT, consumer_group TEXT NOT NULL, renewed REAL NOT NULL, session REAL NOT NULL);
CREATE TABLE IF NOT EXISTS subscriptions (
    member INTEGER NOT NULL, topic TEXT NOT NULL, PRIMARY KEY (member, topic)) WITHOUT ROWID;
CREATE TABLE IF NOT EXISTS claims (
    consumer_group TEXT NOT NULL, partition_id INTEGER NOT NULL, owner INTEGER,
    PRIMARY KEY (consumer_group, partition_id)) WITHOUT ROWID
"""

_PARTITIONS = "(SELECT id FROM partitions WHERE topic = ?)"
_LAG = "SELECT count(*) FROM partitions JOIN log ON partition_id = partitions.id WHERE topic = ?"


class EmbeddedBroker(Broker):
    """A `Broker` in a SQLite file.

    The broker and each of its members have a connection of their own. Use it in one thread at a time, and never after a
    fork.
    """

    def __init__(self, file: Path, partitions: int = 8, session_seconds: float = SESSION_SECONDS) -> None:
        """Open the file, and create it when it does not exist.

        Args:
            file: The SQLite file.
            partitions: The number of partitions of each topic that this broker creates.
            session_seconds: After this time without a poll, a member loses its partitions.

        Raises:
            Refused: The file cannot be used.
        """
        if partitions < 1:
            raise Refused(f"a topic needs at least one partition, not {partitions}")
        self._file = file
        self._partitions = partitions
        self._session_seconds = session_seconds
        self._connection = connect(file, _SCHEMA)
        self._ids: dict[TopicPartition, int] = {}

    @override
    def ensure_topics(self, topics: Iterable[str]) -> dict[str, int]:
        counts = {}
        with transaction(self._connection) as db:
            for topic in topics:
                (count,) = db.execute("SELECT count(*) FROM partitions WHERE topic = ?", (topic,)).fetchone()
                if not count:
                    count = self._partitions
                    missing = [(topic, partition) for partition in range(count)]
                    db.executemany("INSERT INTO partitions (topic, partition) VALUES (?, ?)", missing)
                counts[topic] = count
        return counts

    @override
    def delete_topics(self, topics: Iterable[str]) -> None:
        names = [(topic,) for topic in topics]
        with transaction(self._connection) as db:
            for table in ("log", "claims"):
                db.executemany(f"DELETE FROM {table} WHERE partition_id IN {_PARTITIONS}", names)  # noqa: S608
            db.executemany("DELETE FROM subscriptions WHERE topic = ?", names)
            db.executemany("DELETE FROM partitions WHERE topic = ?", names)
        self._ids.clear()

    @override
    def publish(self, messages: Sequence[Outgoing]) -> None:
        if not messages:
            return
        rows = [(self._id(message), message.value) for message in messages]
        with transaction(self._connection) as db:
            db.executemany("INSERT INTO log (partition_id, value) VALUES (?, ?)", rows)

    @override
    def join(self, group: str, topics: Iterable[str]) -> EmbeddedMember:
        self._read_partitions()
        wanted = set(topics)
        ids = {partition: number for partition, number in self._ids.items() if partition.topic in wanted}
        missing = wanted - {partition.topic for partition in ids}
        if missing:
            raise ValueError(f"no such topic: {', '.join(sorted(missing))}")
        return EmbeddedMember(connect(self._file, _SCHEMA), group, ids, self._session_seconds)

    @override
    def lag(self, group: str, topics: Iterable[str]) -> int:
        return sum(self._connection.execute(_LAG, (topic,)).fetchone()[0] for topic in set(topics))

    @override
    def close(self) -> None:
        self._connection.close()

    def _id(self, message: Outgoing) -> int:
        partition = TopicPartition(message.topic, message.partition)
        if partition not in self._ids:
            self._read_partitions()
        if partition not in self._ids:
            raise ValueError(f"topic {message.topic} has no partition {message.partition}")
        return self._ids[partition]

    def _read_partitions(self) -> None:
        rows = self._connection.execute("SELECT topic, partition, id FROM partitions")
        self._ids = {TopicPartition(topic, partition): number for topic, partition, number in rows}
