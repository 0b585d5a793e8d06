"""Pausing and watching in the embedded store: parked messages, and the live pass of a job."""

from __future__ import annotations

import sqlite3
from collections.abc import Sequence

import msgspec

from ingest.broker import Outgoing
from ingest.job import JobState, Watching
from ingest.sqlite import transaction
from ingest.store import WATCH
from ingest.store.embedded.schema import send


class Watches:
    """The part of the store that holds jobs back and takes what watchers see."""

    _db: sqlite3.Connection

    def pause_job(self, name: str) -> bool:
        """See Store."""
        with transaction(self._db) as db:
            if not _is_active(db, name):
                return False
            return bool(db.execute("UPDATE job SET paused = 1 WHERE name = ? AND NOT paused", (name,)).rowcount)

    def resume_job(self, name: str) -> bool:
        """See Store."""
        with transaction(self._db) as db:
            if not db.execute("UPDATE job SET paused = 0 WHERE name = ? AND paused", (name,)).rowcount:
                return False
            db.execute(
                "INSERT INTO outbox (job, topic, partition, value)"
                " SELECT job, topic, partition, value FROM parked WHERE job = ? ORDER BY number",
                (name,),
            )
            db.execute("DELETE FROM parked WHERE job = ?", (name,))
        return True

    def paused_jobs(self) -> frozenset[str]:
        """See Store."""
        return frozenset(name for (name,) in self._db.execute("SELECT name FROM job WHERE paused"))

    def park(self, name: str, message: Outgoing) -> bool:
        """See Store."""
        with transaction(self._db) as db:
            parked = db.execute(
                "INSERT INTO parked (job, topic, partition, value)"
                " SELECT name, ?, ?, ? FROM job WHERE name = ? AND paused",
                (message.topic, message.partition, message.value, name),
            )
        return bool(parked.rowcount)

    def watch_job(self, name: str, pass_id: str, now: float) -> str | None:
        """See Store."""
        with transaction(self._db) as db:
            if not _is_active(db, name):
                return None
            live: str | None = db.execute("SELECT live_pass FROM job WHERE name = ?", (name,)).fetchone()[0]
            if live is not None:
                return live
            db.execute("UPDATE job SET live_pass = ? WHERE name = ?", (pass_id, name))
            db.execute("INSERT INTO pass (pass_id, job, started, tasks) VALUES (?, ?, ?, 1)", (pass_id, name, now))
            db.execute("INSERT INTO task (pass_id, task) VALUES (?, ?)", (pass_id, WATCH))
        return pass_id

    def unsettled(self, pass_id: str, tasks: Sequence[str]) -> frozenset[str]:
        """See Store."""
        found = self._db.execute(
            "SELECT task FROM task JOIN pass USING (pass_id) WHERE pass_id = ? AND ended IS NULL"
            " AND task IN (SELECT value FROM json_each(?))",
            (pass_id, msgspec.json.encode(list(tasks)).decode()),
        )
        return frozenset(task for (task,) in found)

    def send(self, name: str, message: Outgoing) -> bool:
        """See Store."""
        with transaction(self._db) as db:
            active = _is_active(db, name)
            if active:
                send(db, name, message)
        return active

    def note_watching(self, name: str, watching: Watching) -> None:
        """See Store."""
        with transaction(self._db) as db:
            db.execute("UPDATE job SET watching = ? WHERE name = ?", (msgspec.json.encode(watching), name))


def _is_active(db: sqlite3.Connection, name: str) -> bool:
    row = db.execute("SELECT state FROM job WHERE name = ?", (name,)).fetchone()
    return row is not None and JobState(row[0]).active
