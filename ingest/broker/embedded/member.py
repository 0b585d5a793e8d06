"""A member of the embedded broker's consumer group: lease, cooperative rebalancing, fair reading."""

from __future__ import annotations

import sqlite3
import time
from collections.abc import Collection, Iterable, Mapping
from types import TracebackType

from typing_extensions import override

from ingest.boot_clock import boot_seconds
from ingest.broker import GroupMember, Record, TopicPartition
from ingest.sqlite import transaction

_RENEW_SECONDS = 1.0
_FIRST_WAIT, _MAX_WAIT = 0.002, 0.05

_STATE = "SELECT epoch, (SELECT coalesce(max(offset), 0) FROM log) FROM consumer_groups WHERE name = ?"
_RECORDS = "SELECT offset, value FROM log WHERE partition_id = ? AND offset >= ? ORDER BY offset LIMIT ?"
_SUBSCRIBERS = """
SELECT id FROM members JOIN subscriptions ON member = id WHERE consumer_group = ? AND topic = ? ORDER BY id
"""
_CLAIMS = """
SELECT partition, partition_id, owner FROM claims JOIN partitions ON partition_id = id
WHERE consumer_group = ? AND topic = ? ORDER BY partition
"""
_DEAD = """
SELECT id FROM members WHERE consumer_group = ? AND id != ? AND NOT (renewed <= ? AND ? < renewed + session)
"""
_COMMIT = """
DELETE FROM log WHERE partition_id = ?1 AND offset < ?2
AND EXISTS (SELECT 1 FROM claims WHERE consumer_group = ?3 AND partition_id = ?1 AND owner = ?4)
"""


class EmbeddedMember(GroupMember):
    """A `GroupMember` on its own connection, subscribed to the topics of `ids` (row number by partition).

    Its lease of `session_seconds` is renewed by polling. A partition gets another owner only after its owner released
    it in a poll, closed, or let the lease expire; while no other member notices, an expired lease can be renewed. Lease
    times are on the monotonic clock, which all processes of a
    machine share and which cannot be set; a time from before the last boot counts as expired.
    """

    def __init__(
        self, connection: sqlite3.Connection, group: str, ids: Mapping[TopicPartition, int], session_seconds: float
    ) -> None:
        self._connection = connection
        self._group = group
        self._ids = dict(ids)
        self._topics = sorted({partition.topic for partition in ids})
        self._session_seconds = session_seconds
        self._renew_seconds = min(_RENEW_SECONDS, session_seconds / 3)
        self._renewed = self._renew_at = 0.0
        self._epoch = -1
        self._next: dict[TopicPartition, int] = {}  # the next offset to read, by assigned partition
        self._releasing: frozenset[TopicPartition] = frozenset()
        self._lost: frozenset[TopicPartition] = frozenset()
        self._told = True  # a poll that raised has not told what is lost
        self._busy: frozenset[TopicPartition] = frozenset()
        self._paused: set[TopicPartition] = set()
        self._read_up_to = 0  # all records up to this offset are delivered, or paused
        self._turn = 0
        self._open = True
        with transaction(connection) as db:
            claims = [(group, number) for number in self._ids.values()]
            db.executemany("INSERT OR IGNORE INTO claims (consumer_group, partition_id) VALUES (?, ?)", claims)
            db.execute("INSERT OR IGNORE INTO consumer_groups VALUES (?, 0)", (group,))
            self._member_id = self._register(db, None)

    @override
    def poll(self, timeout: float, max_records: int, busy: Collection[TopicPartition] = ()) -> list[Record]:
        self._busy = frozenset(busy)
        if self._told:
            self._lost, self._told = frozenset(), False
        deadline = time.monotonic() + timeout
        wait = _FIRST_WAIT
        while True:
            records = self._look(max_records)
            left = deadline - time.monotonic()
            if records or left <= 0:
                self._told = True
                return records
            time.sleep(min(wait, left))
            wait = min(wait * 1.5, _MAX_WAIT)

    @override
    def assignment(self) -> frozenset[TopicPartition]:
        return frozenset(self._next)

    @override
    def releasing(self) -> frozenset[TopicPartition]:
        return self._releasing

    @override
    def lost(self) -> frozenset[TopicPartition]:
        return self._lost

    @override
    def held_until(self) -> float:
        lease_left = self._renewed + self._session_seconds - time.monotonic()
        return boot_seconds() + lease_left if self._renewed else 0.0

    @override
    def commit(self, offsets: Mapping[TopicPartition, int]) -> None:
        """Delete the records below these offsets."""
        if not offsets:
            return
        with transaction(self._connection) as db:
            for partition, offset in offsets.items():
                db.execute(_COMMIT, (self._ids.get(partition), offset, self._group, self._member_id))

    @override
    def pause(self, partitions: Iterable[TopicPartition]) -> None:
        self._paused |= self._next.keys() & set(partitions)

    @override
    def resume(self, partitions: Iterable[TopicPartition]) -> None:
        self._paused -= set(partitions)
        self._read_up_to = 0

    @override
    def close(self) -> None:
        if not self._open:
            return
        self._open = False
        self._next, self._releasing = {}, frozenset()
        try:
            with transaction(self._connection) as db:
                self._remove(db, [self._member_id])
        finally:
            self._connection.close()

    def __enter__(self) -> EmbeddedMember:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.close()

    def _look(self, max_records: int) -> list[Record]:
        """Return the records that can be delivered now. While nothing has changed, this is a single query."""
        epoch, newest = self._connection.execute(_STATE, (self._group,)).fetchone()
        if epoch != self._epoch or time.monotonic() >= self._renew_at or self._releasing - self._busy:
            self._rebalance()
        if newest <= self._read_up_to:
            return []
        records = self._read(max_records)
        if len(records) < max_records:
            self._read_up_to = newest
        return records

    def _read(self, max_records: int) -> list[Record]:
        """Read an equal share from each partition. What a partition leaves unused is shared among the others."""
        partitions = sorted(self._next.keys() - self._paused)
        self._turn = (self._turn + 1) % max(1, len(partitions))
        partitions = partitions[self._turn :] + partitions[: self._turn]
        records: list[Record] = []
        after = dict(self._next)
        while partitions and len(records) < max_records:
            share = max(1, (max_records - len(records)) // len(partitions))
            more = []
            for partition in partitions:
                window = (self._ids[partition], after[partition], min(share, max_records - len(records)))
                rows = self._connection.execute(_RECORDS, window).fetchall()
                records += [Record(*partition, offset, value) for offset, value in rows]
                if rows:
                    after[partition] = rows[-1][0] + 1
                if len(rows) == share:
                    more.append(partition)
            partitions = more
        self._next = after  # only now: when a query fails, all records must be read again
        return records

    def _rebalance(self) -> None:
        """Renew the lease, remove expired members, and go one step towards a fair share of each topic."""
        with transaction(self._connection) as db:
            now = time.monotonic()  # read under the lock, so that no renewal of another member is later
            dead = [member for (member,) in db.execute(_DEAD, (self._group, self._member_id, now, now))]
            if dead:
                self._remove(db, dead)
            known = db.execute("UPDATE members SET renewed = ? WHERE id = ?", (now, self._member_id)).rowcount
            if not known:
                self._register(db, self._member_id)
            leaving = self._releasing if known else frozenset()
            for topic in self._topics:
                leaving |= self._balance(db, topic, leaving)
            self._hand_over(db, leaving - self._busy)
            (epoch,) = db.execute("SELECT epoch FROM consumer_groups WHERE name = ?", (self._group,)).fetchone()
            query = "SELECT partition_id FROM claims WHERE consumer_group = ? AND owner = ?"
            owned = {number for (number,) in db.execute(query, (self._group, self._member_id))}
        self._follow({partition for partition, number in self._ids.items() if number in owned}, leaving, known > 0)
        self._epoch = epoch
        self._renewed, self._renew_at = now, now + self._renew_seconds

    def _follow(self, owned: set[TopicPartition], leaving: frozenset[TopicPartition], known: bool) -> None:
        """Adopt the partitions that the file has for us. What was ours before is lost if the file forgot us."""
        had = self._next.keys() | self._releasing
        kept = self._next if known else {}
        self._lost |= (had - owned) if known else had
        self._releasing = leaving & owned
        self._next = {partition: kept.get(partition, 0) for partition in owned - leaving}
        if self._next.keys() != kept.keys():
            self._read_up_to = 0
        self._paused &= kept.keys() & self._next.keys()

    def _balance(
        self, db: sqlite3.Connection, topic: str, leaving: frozenset[TopicPartition]
    ) -> frozenset[TopicPartition]:
        """Claim free partitions of a topic up to our share. Returns ours above it, besides those `leaving` already."""
        claims = db.execute(_CLAIMS, (self._group, topic)).fetchall()
        subscribers = [member for (member,) in db.execute(_SUBSCRIBERS, (self._group, topic))]
        base, odd = divmod(len(claims), len(subscribers))
        # The oldest members get the odd ones, so that no partition moves when another member leaves.
        share = base + (subscribers.index(self._member_id) < odd)
        mine = [
            TopicPartition(topic, partition)
            for partition, _, owner in claims
            if owner == self._member_id and TopicPartition(topic, partition) not in leaving
        ]
        free = [number for _, number, owner in claims if owner is None][: max(0, share - len(mine))]
        claim = "UPDATE claims SET owner = ? WHERE consumer_group = ? AND partition_id = ?"
        db.executemany(claim, [(self._member_id, self._group, number) for number in free])
        if free:
            self._raise_epoch(db)
        return frozenset(mine[share:])

    def _hand_over(self, db: sqlite3.Connection, partitions: Iterable[TopicPartition]) -> None:
        """Release partitions. Their next owners see the new epoch."""
        rows = [(self._group, self._ids[partition], self._member_id) for partition in partitions]
        free = "UPDATE claims SET owner = NULL WHERE consumer_group = ? AND partition_id = ? AND owner = ?"
        db.executemany(free, rows)
        if rows:
            self._raise_epoch(db)

    def _register(self, db: sqlite3.Connection, old_id: int | None) -> int:
        """Add the member to the group. A member that was removed as expired keeps its id."""
        row = (old_id, self._group, time.monotonic(), self._session_seconds)
        db.execute("INSERT INTO members VALUES (?, ?, ?, ?)", row)
        number: int = db.execute("SELECT last_insert_rowid()").fetchone()[0]
        db.executemany("INSERT INTO subscriptions VALUES (?, ?)", [(number, topic) for topic in self._topics])
        self._raise_epoch(db)
        return number

    def _remove(self, db: sqlite3.Connection, members: Iterable[int]) -> None:
        numbers = [(number,) for number in members]
        db.executemany("UPDATE claims SET owner = NULL WHERE owner = ?", numbers)
        db.executemany("DELETE FROM subscriptions WHERE member = ?", numbers)
        db.executemany("DELETE FROM members WHERE id = ?", numbers)
        self._raise_epoch(db)

    def _raise_epoch(self, db: sqlite3.Connection) -> None:
        db.execute("UPDATE consumer_groups SET epoch = epoch + 1 WHERE name = ?", (self._group,))
