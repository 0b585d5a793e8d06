"""The embedded broker: topics and one consumer group in an SQLite file that several processes of one machine share.

One group per topic is the deployment's rule: what the group commits is deleted, since nobody else will read it. So the
log begins where the group has to begin, and no committed offset needs to be kept.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from pathlib import Path

from ingest.broker import Outgoing, TopicPartition
from ingest.broker.embedded.member import EmbeddedMember
from ingest.errors import Refused
from ingest.sqlite import connect, transaction

SESSION_SECONDS = 6.0
"""How long a member may go without a poll before others take its partitions over."""

# A lane is one partition of one topic. Offsets are unique in the whole file: a single look at the newest one tells a
# member whether there can be anything new. A claim says which member has a lane now; no member's id is used twice.
# `epoch` grows when members or claims change. `renewed` is the clock of this boot (see EmbeddedMember).
_SCHEMA = """
CREATE TABLE IF NOT EXISTS lanes (
    id INTEGER PRIMARY KEY, topic TEXT NOT NULL, partition INTEGER NOT NULL, UNIQUE (topic, partition));
CREATE TABLE IF NOT EXISTS log (
    offset INTEGER PRIMARY KEY AUTOINCREMENT, lane INTEGER NOT NULL, value BLOB NOT NULL);
CREATE INDEX IF NOT EXISTS log_by_lane ON log (lane);
CREATE TABLE IF NOT EXISTS consumer_groups (name TEXT PRIMARY KEY, epoch INTEGER NOT NULL) WITHOUT ROWID;
CREATE TABLE IF NOT EXISTS members (
    id INTEGER PRIMARY KEY AUTOINCREMENT, consumer_group TEXT NOT NULL, renewed REAL NOT NULL, session REAL NOT NULL);
CREATE TABLE IF NOT EXISTS subscriptions (
    member INTEGER NOT NULL, topic TEXT NOT NULL, PRIMARY KEY (member, topic)) WITHOUT ROWID;
CREATE TABLE IF NOT EXISTS claims (
    consumer_group TEXT NOT NULL, lane INTEGER NOT NULL, owner INTEGER,
    PRIMARY KEY (consumer_group, lane)) WITHOUT ROWID
"""

_LAG = "SELECT count(*) FROM lanes JOIN log ON lane = lanes.id WHERE topic = ?"


class EmbeddedBroker:
    """A `Broker` in the file `file`; a topic that it creates gets `partitions` partitions.

    The broker and each of its members have a connection of their own, to be used by one thread at a time and never
    across a fork. Raises Refused when the file cannot be used.
    """

    def __init__(self, file: Path, partitions: int = 8, session_seconds: float = SESSION_SECONDS) -> None:
        if partitions < 1:
            raise Refused(f"a topic has at least one partition, not {partitions}")
        self._file = file
        self._partitions = partitions
        self._session_seconds = session_seconds
        self._connection = connect(file, _SCHEMA)
        self._lanes: dict[TopicPartition, int] = {}

    def ensure_topics(self, topics: Iterable[str]) -> dict[str, int]:
        """Create the topics that are missing; the number of partitions of each. Existing topics keep theirs."""
        counts = {}
        with transaction(self._connection) as db:
            for topic in topics:
                (count,) = db.execute("SELECT count(*) FROM lanes WHERE topic = ?", (topic,)).fetchone()
                if not count:
                    count = self._partitions
                    missing = [(topic, partition) for partition in range(count)]
                    db.executemany("INSERT INTO lanes (topic, partition) VALUES (?, ?)", missing)
                counts[topic] = count
        return counts

    def publish(self, messages: Sequence[Outgoing]) -> None:
        """All of the messages or, when it raises, none; in this order per partition, and safe from a kill afterwards.

        Raises ValueError for a topic or partition that does not exist.
        """
        if not messages:
            return
        rows = [(self._lane(message), message.value) for message in messages]
        with transaction(self._connection) as db:
            db.executemany("INSERT INTO log (lane, value) VALUES (?, ?)", rows)

    def join(self, group: str, topics: Iterable[str]) -> EmbeddedMember:
        """Become a member of `group` for these topics; the first poll brings partitions.

        Raises ValueError for a topic that does not exist.
        """
        self._read_lanes()
        wanted = set(topics)
        lanes = {lane: number for lane, number in self._lanes.items() if lane.topic in wanted}
        missing = wanted - {lane.topic for lane in lanes}
        if missing:
            raise ValueError(f"no such topic: {', '.join(sorted(missing))}")
        return EmbeddedMember(connect(self._file, _SCHEMA), group, lanes, self._session_seconds)

    def lag(self, group: str, topics: Iterable[str]) -> int:  # noqa: ARG002 - there is but one group
        """How many records of these topics the group has not committed."""
        return sum(self._connection.execute(_LAG, (topic,)).fetchone()[0] for topic in set(topics))

    def close(self) -> None:
        """Close the connection; members close their own."""
        self._connection.close()

    def _lane(self, message: Outgoing) -> int:
        lane = TopicPartition(message.topic, message.partition)
        if lane not in self._lanes:
            self._read_lanes()
        if lane not in self._lanes:
            raise ValueError(f"topic {message.topic} has no partition {message.partition}")
        return self._lanes[lane]

    def _read_lanes(self) -> None:
        rows = self._connection.execute("SELECT topic, partition, id FROM lanes")
        self._lanes = {TopicPartition(topic, partition): number for topic, partition, number in rows}
