"""Jobs in SQLite."""

from __future__ import annotations

import sqlite3
from collections.abc import Sequence
from typing import Any

import msgspec
from typing_extensions import override

from ingest.broker import Outgoing
from ingest.job import Counts, Job, JobState, JobStatus, Problem, Watching
from ingest.paths import overlap
from ingest.sqlite import transaction
from ingest.store.embedded import moves
from ingest.store.embedded.clock import SLACK_SECONDS, Clock
from ingest.store.embedded.schema import COUNT_NAMES, is_active, send
from ingest.store.jobs import JobExists, Jobs
from ingest.store.tasks import WATCH

_SELECT = f"""
SELECT job.job, state, created, job.pass_id, pass.started, coalesce(job.ended, pass.ended), next_pass, passes,
       passes_skipped, pass.error, paused, live_pass, watching,
       watching_until > ? AND watching_since <= ?,
       {", ".join(f"{each}.{name}" for each in ("pass", "live") for name in COUNT_NAMES)}
FROM job LEFT JOIN pass ON pass.pass_id = job.pass_id LEFT JOIN pass AS live ON live.pass_id = live_pass
"""
_ACTIVE = tuple(state.value for state in JobState if state.active)
_IS_ACTIVE = f"state IN ({', '.join('?' * len(_ACTIVE))})"


class EmbeddedJobs(Jobs):
    """Implements `ingest.store.jobs.Jobs`."""

    def __init__(self, db: sqlite3.Connection, clock: Clock) -> None:
        self._db = db
        self._clock = clock

    @override
    def create(self, job: Job, first: Outgoing, *, allow_overlap: bool = False) -> None:
        with transaction(self._db) as db:
            for status in self._select(f"WHERE {_IS_ACTIVE}", *_ACTIVE):
                if status.job.name == job.name or (not allow_overlap and overlap(status.job.target, job.target)):
                    raise JobExists(status)
            _drop(db, job.name)
            db.execute(
                "INSERT INTO job (name, job, target, state, created) VALUES (?, ?, ?, ?, ?)",
                (job.name, msgspec.json.encode(job), job.target, JobState.QUEUED.value, self._clock.wall()),
            )
            send(db, job.name, first)

    @override
    def reopen(self, job: Job, first: Outgoing) -> bool:
        name = job.name
        with transaction(self._db) as db:
            status = self.get(name)
            if status is None or status.state.active:
                return False
            for other in self._select(f"WHERE {_IS_ACTIVE}", *_ACTIVE):
                if overlap(other.job.target, status.job.target):
                    raise JobExists(other)
            db.execute(
                "UPDATE job SET job = ?, state = ?, ended = NULL WHERE name = ?",
                (msgspec.json.encode(job), JobState.QUEUED.value, name),
            )
            send(db, name, first)
        return True

    @override
    def get(self, name: str) -> JobStatus | None:
        return next(iter(self._select("WHERE name = ?", name)), None)

    @override
    def all(self) -> list[JobStatus]:
        return self._select("ORDER BY created, name")

    @override
    def stop(self, name: str) -> bool:
        with transaction(self._db) as db:
            now = self._clock.wall()
            stopped = db.execute(
                f"UPDATE job SET state = ?, ended = ?, next_pass = NULL, paused = 0 WHERE name = ? AND {_IS_ACTIVE}",
                (JobState.STOPPED.value, now, name, *_ACTIVE),
            ).rowcount
            if stopped:
                db.execute("UPDATE pass SET ended = ? WHERE job = ? AND ended IS NULL", (now, name))
                db.execute(
                    "UPDATE task SET value = NULL WHERE pass_id IN (SELECT pass_id FROM pass WHERE job = ?)", (name,)
                )
                withdraw(db, name)
        return bool(stopped)

    @override
    def forget(self, name: str) -> None:
        with transaction(self._db) as db:
            if db.execute(f"SELECT 1 FROM job WHERE name = ? AND NOT {_IS_ACTIVE}", (name, *_ACTIVE)).fetchone():
                _drop(db, name)

    @override
    def problems(self, name: str, limit: int | None = None) -> list[Problem]:
        rows = self._db.execute(
            "SELECT problem FROM problem WHERE job = ? ORDER BY skipped, path LIMIT ?",
            (name, -1 if limit is None else limit),
        )
        return [msgspec.msgpack.decode(row[0], type=Problem) for row in rows]

    @override
    def pause(self, name: str) -> bool:
        with transaction(self._db) as db:
            if not is_active(db, name):
                return False
            return bool(db.execute("UPDATE job SET paused = 1 WHERE name = ? AND NOT paused", (name,)).rowcount)

    @override
    def resume(self, name: str) -> bool:
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

    @override
    def paused(self) -> frozenset[str]:
        return frozenset(name for (name,) in self._db.execute("SELECT name FROM job WHERE paused"))

    @override
    def watch(self, name: str, pass_id: str) -> str | None:
        with transaction(self._db) as db:
            if not is_active(db, name):
                return None
            live: str | None = db.execute("SELECT live_pass FROM job WHERE name = ?", (name,)).fetchone()[0]
            if live is not None:
                return live
            db.execute("UPDATE job SET live_pass = ? WHERE name = ?", (pass_id, name))
            begun = (pass_id, name, self._clock.wall())
            db.execute("INSERT INTO pass (pass_id, job, started, tasks) VALUES (?, ?, ?, 1)", begun)
            db.execute("INSERT INTO task (pass_id, task) VALUES (?, ?)", (pass_id, WATCH))
        return pass_id

    @override
    def note_watching(self, name: str, watching: Watching, seconds: float) -> None:
        with transaction(self._db) as db:
            db.execute(
                "UPDATE job SET watching = :watching, watching_since = :now, watching_until = :until"
                " WHERE name = :name",
                {"name": name, "watching": msgspec.json.encode(watching), **self._clock.terms(seconds)},
            )

    def _select(self, where: str, *values: object) -> list[JobStatus]:
        now = self._clock.now()
        latest = now + SLACK_SECONDS
        return [_status(row) for row in self._db.execute(_SELECT + where, (now, latest, *values))]


def withdraw(db: sqlite3.Connection, name: str) -> None:
    """Remove all messages of a job that are in the outbox, in the schedule or parked, and its moves."""
    moves.withdraw(db, name)
    db.execute("DELETE FROM schedule WHERE job = ?", (name,))
    db.execute("DELETE FROM outbox WHERE job = ?", (name,))
    db.execute("DELETE FROM parked WHERE job = ?", (name,))


def _drop(db: sqlite3.Connection, name: str) -> None:
    withdraw(db, name)
    db.execute("DELETE FROM task WHERE pass_id IN (SELECT pass_id FROM pass WHERE job = ?)", (name,))
    db.execute("DELETE FROM problem WHERE job = ?", (name,))
    db.execute("DELETE FROM candidate WHERE pass_id IN (SELECT pass_id FROM pass WHERE job = ?)", (name,))
    db.execute("DELETE FROM pass WHERE job = ?", (name,))
    db.execute("DELETE FROM job WHERE name = ?", (name,))


def _status(row: tuple[Any, ...]) -> JobStatus:
    job, state, created, pass_id, started, ended, next_pass, passes, passes_skipped, error, *more = row
    paused, live_pass, watching, watched, *counts = more
    return msgspec.convert(
        {
            "job": msgspec.json.decode(job, type=Job),
            "state": state,
            "created": created,
            "pass_id": pass_id,
            "started": started,
            "ended": ended,
            "next_pass": next_pass,
            "passes": passes,
            "passes_skipped": passes_skipped,
            "error": error,
            "paused": bool(paused),
            "live_pass": live_pass,
            "watching": None if watching is None else _watching(watching, alive=bool(watched)),
            "counts": _counts(counts[: len(COUNT_NAMES)]),
            "live": _counts(counts[len(COUNT_NAMES) :]),
        },
        JobStatus,
    )


def _watching(report: bytes, *, alive: bool) -> Watching:
    return msgspec.structs.replace(msgspec.json.decode(report, type=Watching), alive=alive)


def _counts(row: Sequence[int | None]) -> Counts:
    return Counts(*(count or 0 for count in row))
