"""Jobs of the embedded store: entered, listed, stopped, forgotten."""

from __future__ import annotations

import sqlite3
from collections.abc import Sequence
from typing import Any

import msgspec

from ingest.broker import Outgoing
from ingest.job import Counts, Job, JobState, JobStatus, Problem, Watching
from ingest.paths import overlap
from ingest.sqlite import transaction
from ingest.store import JobExists
from ingest.store.embedded.schema import COUNT_NAMES, send

_SELECT = f"""
SELECT job.job, state, created, job.pass_id, pass.started, coalesce(job.ended, pass.ended), next_pass, passes,
       passes_skipped, pass.error, paused, live_pass, watching,
       {", ".join(f"{each}.{name}" for each in ("pass", "live") for name in COUNT_NAMES)}
FROM job LEFT JOIN pass ON pass.pass_id = job.pass_id LEFT JOIN pass AS live ON live.pass_id = live_pass
"""
_ACTIVE = tuple(state.value for state in JobState if state.active)
_IS_ACTIVE = f"state IN ({', '.join('?' * len(_ACTIVE))})"


class Jobs:
    """The part of the store that deals with whole jobs."""

    _db: sqlite3.Connection

    def create_job(self, job: Job, first: Outgoing, now: float, *, allow_overlap: bool = False) -> None:
        """See Store."""
        with transaction(self._db) as db:
            for status in self._select(f"WHERE {_IS_ACTIVE}", *_ACTIVE):
                if status.job.name == job.name or (not allow_overlap and overlap(status.job.target, job.target)):
                    raise JobExists(status)
            _drop(db, job.name)
            db.execute(
                "INSERT INTO job (name, job, target, state, created) VALUES (?, ?, ?, ?, ?)",
                (job.name, msgspec.json.encode(job), job.target, JobState.QUEUED.value, now),
            )
            send(db, job.name, first)

    def reopen_job(self, name: str, first: Outgoing) -> bool:
        """See Store."""
        with transaction(self._db) as db:
            status = self.job(name)
            if status is None or status.state.active:
                return False
            for other in self._select(f"WHERE {_IS_ACTIVE}", *_ACTIVE):
                if overlap(other.job.target, status.job.target):
                    raise JobExists(other)
            db.execute("UPDATE job SET state = ?, ended = NULL WHERE name = ?", (JobState.QUEUED.value, name))
            send(db, name, first)
        return True

    def job(self, name: str) -> JobStatus | None:
        """See Store."""
        return next(iter(self._select("WHERE name = ?", name)), None)

    def jobs(self) -> list[JobStatus]:
        """See Store."""
        return self._select("ORDER BY created, name")

    def stop_job(self, name: str, now: float) -> bool:
        """See Store."""
        with transaction(self._db) as db:
            stopped = db.execute(
                f"UPDATE job SET state = ?, ended = ?, next_pass = NULL, paused = 0 WHERE name = ? AND {_IS_ACTIVE}",
                (JobState.STOPPED.value, now, name, *_ACTIVE),
            ).rowcount
            if stopped:
                db.execute("UPDATE pass SET ended = ? WHERE job = ? AND ended IS NULL", (now, name))
                withdraw(db, name)
        return bool(stopped)

    def forget_job(self, name: str) -> None:
        """See Store."""
        with transaction(self._db) as db:
            if db.execute(f"SELECT 1 FROM job WHERE name = ? AND NOT {_IS_ACTIVE}", (name, *_ACTIVE)).fetchone():
                _drop(db, name)

    def forget_ended_before(self, when: float) -> None:
        """See Store."""
        rows = self._db.execute(
            f"SELECT name FROM job WHERE ended < ? AND NOT {_IS_ACTIVE}",
            (when, *_ACTIVE),
        )
        for (name,) in rows.fetchall():
            self.forget_job(name)

    def problems(self, name: str, limit: int | None = None) -> list[Problem]:
        """See Store."""
        rows = self._db.execute(
            "SELECT problem FROM problem WHERE job = ? ORDER BY skipped, path LIMIT ?",
            (name, -1 if limit is None else limit),
        )
        return [msgspec.msgpack.decode(row[0], type=Problem) for row in rows]

    def _select(self, where: str, *values: object) -> list[JobStatus]:
        return [_status(row) for row in self._db.execute(_SELECT + where, values)]


def withdraw(db: sqlite3.Connection, name: str) -> None:
    """Take back everything of a job that is scheduled or not yet published."""
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
    paused, live_pass, watching, *counts = more
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
            "watching": None if watching is None else msgspec.json.decode(watching, type=Watching),
            "counts": _counts(counts[: len(COUNT_NAMES)]),
            "live": _counts(counts[len(COUNT_NAMES) :]),
        },
        JobStatus,
    )


def _counts(row: Sequence[int | None]) -> Counts:
    return Counts(*(count or 0 for count in row))
