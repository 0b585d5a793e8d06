"""A member of the embedded broker's consumer group: leases, cooperative rebalancing, and reading in turn."""

from __future__ import annotations

import sqlite3
import time
from collections.abc import Iterable, Mapping
from types import TracebackType

from ingest.broker import Record, TopicPartition
from ingest.sqlite import transaction

_RENEW_SECONDS = 1.0
_FIRST_WAIT, _LONGEST_WAIT = 0.002, 0.05

_STATE = "SELECT epoch, (SELECT coalesce(max(offset), 0) FROM log) FROM consumer_groups WHERE name = ?"
_RECORDS = "SELECT offset, value FROM log WHERE lane = ? AND offset >= ? ORDER BY offset LIMIT ?"
_SUBSCRIBERS = """
SELECT id FROM members JOIN subscriptions ON member = id WHERE consumer_group = ? AND topic = ? ORDER BY id
"""
_CLAIMS = """
SELECT lane, owner FROM claims JOIN lanes ON lane = id WHERE consumer_group = ? AND topic = ? ORDER BY partition
"""
_DEAD = "SELECT id FROM members WHERE consumer_group = ? AND NOT (renewed <= ? AND ? < renewed + session)"
_COMMIT = """
DELETE FROM log WHERE lane = ?1 AND offset < ?2
AND EXISTS (SELECT 1 FROM claims WHERE consumer_group = ?3 AND lane = ?1 AND owner = ?4)
"""


class EmbeddedMember:
    """A `GroupMember` on its own connection, subscribed to the topics of `lanes` (partition to row number).

    It has a lease of `session_seconds` that polling renews. A partition changes hands only after its holder gave it
    up in a poll of its own, closed, or let the lease run out. Lease times are on the monotonic clock, which all
    processes of a machine share and nobody can set; a time from before the last boot counts as run out.
    """

    def __init__(
        self, connection: sqlite3.Connection, group: str, lanes: Mapping[TopicPartition, int], session_seconds: float
    ) -> None:
        self._connection = connection
        self._group = group
        self._lanes = dict(lanes)
        self._topics = sorted({lane.topic for lane in lanes})
        self._session_seconds = session_seconds
        self._renew_seconds = min(_RENEW_SECONDS, session_seconds / 3)
        self._renew_at = 0.0
        self._epoch = -1
        self._next: dict[TopicPartition, int] = {}  # our partitions, and the offset to go on reading at
        self._paused: set[TopicPartition] = set()
        self._read_up_to = 0  # no record of ours that may be handed out has this offset or a lower one
        self._turn = 0
        self._open = True
        with transaction(connection) as db:
            claims = [(group, number) for number in self._lanes.values()]
            db.executemany("INSERT OR IGNORE INTO claims (consumer_group, lane) VALUES (?, ?)", claims)
            db.execute("INSERT OR IGNORE INTO consumer_groups VALUES (?, 0)", (group,))
            self._id = self._register(db, None)

    def poll(self, timeout: float, max_records: int) -> list[Record]:
        """At most `max_records` new records, in order per partition, taking the partitions in turn.

        Waits up to `timeout` seconds for the first. Renews the lease, and takes and gives up partitions.
        """
        deadline = time.monotonic() + timeout
        wait = _FIRST_WAIT
        while True:
            records = self._look(max_records)
            left = deadline - time.monotonic()
            if records or left <= 0:
                return records
            time.sleep(min(wait, left))
            wait = min(wait * 1.5, _LONGEST_WAIT)

    def assignment(self) -> frozenset[TopicPartition]:
        """The partitions that are this member's since the last `poll`."""
        return frozenset(self._next)

    def commit(self, offsets: Mapping[TopicPartition, int]) -> None:
        """Delete the records below these offsets, for good. Partitions that are no longer ours are ignored."""
        if not offsets:
            return
        with transaction(self._connection) as db:
            for partition, offset in offsets.items():
                db.execute(_COMMIT, (self._lanes.get(partition), offset, self._group, self._id))

    def pause(self, partitions: Iterable[TopicPartition]) -> None:
        """Hand out nothing of these partitions until `resume`, or until they are lost."""
        self._paused |= self._next.keys() & set(partitions)

    def resume(self, partitions: Iterable[TopicPartition]) -> None:
        """Undo `pause`."""
        self._paused -= set(partitions)
        self._read_up_to = 0

    def close(self) -> None:
        """Leave the group: others take the partitions over at once. A second call does nothing."""
        if not self._open:
            return
        self._open = False
        self._next = {}
        try:
            with transaction(self._connection) as db:
                self._remove(db, [self._id])
        finally:
            self._connection.close()

    def __enter__(self) -> EmbeddedMember:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.close()

    def _look(self, max_records: int) -> list[Record]:
        """What can be handed out now. In idle times a single read, as long as nobody came or went or wrote."""
        epoch, newest = self._connection.execute(_STATE, (self._group,)).fetchone()
        if epoch != self._epoch or time.monotonic() >= self._renew_at:
            self._rebalance()
        if newest <= self._read_up_to:
            return []
        records = self._read(max_records)
        if len(records) < max_records:
            self._read_up_to = newest
        return records

    def _read(self, max_records: int) -> list[Record]:
        """Equal shares of what each partition has; what one does not use is shared out again among the others."""
        partitions = sorted(self._next.keys() - self._paused)
        self._turn = (self._turn + 1) % max(1, len(partitions))
        partitions = partitions[self._turn :] + partitions[: self._turn]
        records: list[Record] = []
        after = dict(self._next)
        while partitions and len(records) < max_records:
            share = max(1, (max_records - len(records)) // len(partitions))
            more = []
            for partition in partitions:
                window = (self._lanes[partition], after[partition], min(share, max_records - len(records)))
                rows = self._connection.execute(_RECORDS, window).fetchall()
                records += [Record(*partition, offset, value) for offset, value in rows]
                if rows:
                    after[partition] = rows[-1][0] + 1
                if len(rows) == share:
                    more.append(partition)
            partitions = more
        self._next = after  # not earlier: what a failing read has fetched must be fetched again
        return records

    def _rebalance(self) -> None:
        """Renew the lease, bury the dead, and go one step towards our fair share of each topic."""
        with transaction(self._connection) as db:
            now = time.monotonic()  # read under the lock: no other member's renewal is later
            dead = [member for (member,) in db.execute(_DEAD, (self._group, now, now))]
            if dead:
                self._remove(db, dead)
            known = db.execute("UPDATE members SET renewed = ? WHERE id = ?", (now, self._id)).rowcount
            if not known:
                self._register(db, self._id)
            for topic in self._topics:
                self._balance(db, topic)
            (epoch,) = db.execute("SELECT epoch FROM consumer_groups WHERE name = ?", (self._group,)).fetchone()
            query = "SELECT lane FROM claims WHERE consumer_group = ? AND owner = ?"
            owned = {lane for (lane,) in db.execute(query, (self._group, self._id))}
        kept = self._next if known else {}
        self._next = {partition: kept.get(partition, 0) for partition, lane in self._lanes.items() if lane in owned}
        if self._next.keys() != kept.keys():
            self._read_up_to = 0
        self._paused &= kept.keys() & self._next.keys()
        self._epoch = epoch
        self._renew_at = now + self._renew_seconds

    def _balance(self, db: sqlite3.Connection, topic: str) -> None:
        """Give up what we have above our share of a topic's partitions, or take free ones up to it."""
        claims = db.execute(_CLAIMS, (self._group, topic)).fetchall()
        subscribers = [member for (member,) in db.execute(_SUBSCRIBERS, (self._group, topic))]
        base, odd = divmod(len(claims), len(subscribers))
        # The oldest members have the odd ones: nobody gives up anything when another leaves.
        share = base + (subscribers.index(self._id) < odd)
        mine = [lane for lane, owner in claims if owner == self._id]
        free = [lane for lane, owner in claims if owner is None]
        moves: list[tuple[int | None, int]] = [(None, lane) for lane in mine[share:]]
        moves += [(self._id, lane) for lane in free[: max(0, share - len(mine))]]
        for owner, lane in moves:
            claim = (owner, self._group, lane)
            db.execute("UPDATE claims SET owner = ? WHERE consumer_group = ? AND lane = ?", claim)
        if moves:
            self._tell_others(db)

    def _register(self, db: sqlite3.Connection, old_id: int | None) -> int:
        """Enter the group; under its old id if the member had been given up for dead."""
        row = (old_id, self._group, time.monotonic(), self._session_seconds)
        db.execute("INSERT INTO members VALUES (?, ?, ?, ?)", row)
        number: int = db.execute("SELECT last_insert_rowid()").fetchone()[0]
        db.executemany("INSERT INTO subscriptions VALUES (?, ?)", [(number, topic) for topic in self._topics])
        self._tell_others(db)
        return number

    def _remove(self, db: sqlite3.Connection, members: Iterable[int]) -> None:
        numbers = [(number,) for number in members]
        db.executemany("UPDATE claims SET owner = NULL WHERE owner = ?", numbers)
        db.executemany("DELETE FROM subscriptions WHERE member = ?", numbers)
        db.executemany("DELETE FROM members WHERE id = ?", numbers)
        self._tell_others(db)

    def _tell_others(self, db: sqlite3.Connection) -> None:
        db.execute("UPDATE consumer_groups SET epoch = epoch + 1 WHERE name = ?", (self._group,))
