"""Passes and tasks in SQLite."""

from __future__ import annotations

import sqlite3
from collections.abc import Sequence

import msgspec
from typing_extensions import override

from ingest.broker import Outgoing
from ingest.fingerprint import cache_space, name_hash
from ingest.job import Counts, Job, JobState
from ingest.sqlite import transaction
from ingest.store.cache import Cached
from ingest.store.embedded import deletion, moves
from ingest.store.embedded.clock import Clock
from ingest.store.embedded.jobs import withdraw
from ingest.store.embedded.schema import COUNT_NAMES, plan, send
from ingest.store.tasks import Child, Outstanding, Step, Tasks

_ADD_COUNTS = f"UPDATE pass SET {', '.join(f'{name} = {name} + ?' for name in COUNT_NAMES)} WHERE pass_id = ?"
_ROUND = "SELECT round FROM task JOIN pass USING (pass_id) WHERE pass_id = ? AND task = ? AND ended IS NULL"
_PASSES_KEPT = 100
"""Number of earlier passes, begun or skipped, whose messages are recognised when they are delivered again."""
_FORGET_PASSES = (
    "DELETE FROM pass WHERE job = ? AND rowid NOT IN (SELECT rowid FROM pass WHERE job = ? ORDER BY rowid DESC LIMIT ?)"
    " AND pass_id NOT IN (SELECT live_pass FROM job WHERE live_pass IS NOT NULL)"
)


class EmbeddedTasks(Tasks):
    """Implements `ingest.store.tasks.Tasks`."""

    def __init__(self, db: sqlite3.Connection, clock: Clock) -> None:
        self._db = db
        self._clock = clock

    @override
    def begin_pass(
        self,
        name: str,
        pass_id: str,
        opening: Child,
        *,
        next_in: float | None = None,
        following: Outgoing | None = None,
        keep_problems: bool = False,
    ) -> bool:
        with transaction(self._db) as db:
            job = db.execute("SELECT state FROM job WHERE name = ?", (name,)).fetchone()
            known = db.execute("SELECT 1 FROM pass WHERE pass_id = ?", (pass_id,)).fetchone()
            if job is None or known or not JobState(job[0]).active:
                return False
            now = self._clock.wall()
            if following is not None and next_in is not None:
                # Schedule one pass at most: a late message must not start a second chain of passes.
                db.execute("DELETE FROM schedule WHERE job = ? AND next_pass", (name,))
                plan(db, name, self._clock.terms(next_in), following, next_pass=True)
                db.execute("UPDATE job SET next_pass = ? WHERE name = ?", (now + next_in, name))
            if JobState(job[0]) is JobState.RUNNING:
                db.execute("UPDATE job SET passes_skipped = passes_skipped + 1 WHERE name = ?", (name,))
                db.execute(
                    "INSERT INTO pass (pass_id, job, started, ended) VALUES (?, ?, ?, ?)", (pass_id, name, now, now)
                )
                return False
            if not keep_problems:
                db.execute("DELETE FROM problem WHERE job = ?", (name,))
            db.execute("DELETE FROM candidate WHERE pass_id IN (SELECT pass_id FROM pass WHERE job = ?)", (name,))
            db.execute(_FORGET_PASSES, (name, name, _PASSES_KEPT))
            db.execute("INSERT INTO pass (pass_id, job, started) VALUES (?, ?, ?)", (pass_id, name, now))
            db.execute(
                "UPDATE job SET state = ?, pass_id = ?, passes = passes + 1 WHERE name = ?",
                (JobState.RUNNING.value, pass_id, name),
            )
            _add_child(db, name, pass_id, opening, self._clock)
        return True

    @override
    def outstanding(self, pass_id: str, task: str, round_: int) -> bool:
        row = self._db.execute(_ROUND, (pass_id, task)).fetchone()
        return row is not None and row[0] == round_

    @override
    def unsettled(self, pass_id: str, tasks: Sequence[str]) -> frozenset[str]:
        found = self._db.execute(
            "SELECT task FROM task JOIN pass USING (pass_id) WHERE pass_id = ? AND ended IS NULL"
            " AND task IN (SELECT value FROM json_each(?))",
            (pass_id, msgspec.json.encode(list(tasks)).decode()),
        )
        return frozenset(task for (task,) in found)

    @override
    def messages(self, name: str, limit: int) -> list[Outstanding]:
        rows = self._db.execute(
            "SELECT pass_id, task, round, topic, partition, value FROM pass JOIN task USING (pass_id)"
            " WHERE job = ? AND ended IS NULL AND value IS NOT NULL LIMIT ?",
            (name, limit),
        )
        return [Outstanding(pass_id, task, round_, Outgoing(*message)) for pass_id, task, round_, *message in rows]

    @override
    def cursor(self, pass_id: str, task: str) -> bytes | None:
        row = self._db.execute("SELECT cursor FROM task WHERE pass_id = ? AND task = ?", (pass_id, task)).fetchone()
        return row[0] if row else None

    @override
    def settle(self, step: Step) -> bool:
        with transaction(self._db) as db:
            if not self.outstanding(step.pass_id, step.task, step.round):
                _count_late_files(db, step)
                return False
            if step.after is not msgspec.UNSET and step.after != self.cursor(step.pass_id, step.task):
                return False  # another worker has continued the listing
            for child in step.children:
                _add_child(db, step.job, step.pass_id, child, self._clock)
            _add(db, step.pass_id, step.counts)
            _remember(db, step)
            deletion.add(db, step.pass_id, step.candidates)
            deletion.drop(db, step.pass_id, step.judged)
            if step.error is not None:
                _end_pass(db, step, self._clock.wall())
            elif step.again is not None:
                _hand_out_again(db, step, self._clock)
            elif step.cursor is not None:
                db.execute(
                    "UPDATE task SET cursor = ? WHERE pass_id = ? AND task = ?", (step.cursor, step.pass_id, step.task)
                )
            else:
                _leave(db, step, self._clock)
        return True


def _add(db: sqlite3.Connection, pass_id: str, counts: Counts) -> None:
    db.execute(_ADD_COUNTS, (*msgspec.structs.astuple(counts), pass_id))


def _add_child(db: sqlite3.Connection, job: str, pass_id: str, child: Child, clock: Clock) -> None:
    message = child.message
    db.execute(
        "INSERT INTO task (pass_id, task, topic, partition, value) VALUES (?, ?, ?, ?, ?)",
        (pass_id, child.task, message.topic, message.partition, message.value),
    )
    _add(db, pass_id, Counts(tasks=1))
    if child.move is not None:
        moves.add(db, job, child.task, child.move)
    if child.delay:
        plan(db, job, clock.terms(child.delay), child.message)
    else:
        send(db, job, child.message)


def _remember(db: sqlite3.Connection, step: Step) -> None:
    if step.solved and db.execute("SELECT 1 FROM problem WHERE job = ? LIMIT 1", (step.job,)).fetchone():
        db.executemany("DELETE FROM problem WHERE job = ? AND path = ?", [(step.job, path) for path in step.solved])
    db.executemany(
        "INSERT OR REPLACE INTO problem (job, path, skipped, problem) VALUES (?, ?, ?, ?)",
        [(step.job, each.path, each.skipped, msgspec.msgpack.encode(each)) for each in step.problems],
    )
    if step.cached or step.uncached:
        space = cache_space(_job(db, step.job))
        db.executemany(
            "DELETE FROM cache WHERE space = ? AND directory = ? AND name = ?",
            [(space, name_hash(directory), name_hash(name)) for directory, name in step.uncached],
        )
        db.executemany(
            "INSERT OR REPLACE INTO cache VALUES (?, ?, ?, ?, ?)", [_row(space, each) for each in step.cached]
        )


def _row(space: int, cached: Cached) -> tuple[int, int, int, int, int]:
    return space, name_hash(cached.directory), name_hash(cached.name), *cached.fingerprint


def _job(db: sqlite3.Connection, name: str) -> Job:
    return msgspec.json.decode(db.execute("SELECT job FROM job WHERE name = ?", (name,)).fetchone()[0], type=Job)


def _hand_out_again(db: sqlite3.Connection, step: Step, clock: Clock) -> None:
    again = step.again
    assert again is not None  # noqa: S101 - the caller has checked
    message = again.message
    moves.not_in_work(db, step.job, step.task, step.round)
    db.execute(
        "UPDATE task SET round = ?, topic = ?, partition = ?, value = ? WHERE pass_id = ? AND task = ?",
        (again.round, message.topic, message.partition, message.value, step.pass_id, step.task),
    )
    if again.wait <= 0:
        send(db, step.job, again.message)
    else:
        plan(db, step.job, clock.terms(again.wait), again.message)


def _leave(db: sqlite3.Connection, step: Step, clock: Clock) -> None:
    moves.not_in_work(db, step.job, step.task, step.round)
    moves.settled(db, step.job, step.task)
    db.execute("DELETE FROM task WHERE pass_id = ? AND task = ?", (step.pass_id, step.task))
    _add(db, step.pass_id, Counts(tasks_done=1))
    if db.execute("SELECT 1 FROM task WHERE pass_id = ? LIMIT 1", (step.pass_id,)).fetchone():
        return
    if step.closing is None:
        _end_pass(db, step, clock.wall())
    else:
        _add_child(db, step.job, step.pass_id, step.closing, clock)


def _end_pass(db: sqlite3.Connection, step: Step, now: float) -> None:
    job = _job(db, step.job)
    if step.error is not None:
        db.execute("DELETE FROM task WHERE pass_id = ?", (step.pass_id,))
        _add(db, step.pass_id, Counts(tasks_done=1))
    db.execute("UPDATE pass SET ended = ?, error = ? WHERE pass_id = ?", (now, step.error, step.pass_id))
    if job.periodic:
        db.execute("UPDATE job SET state = ? WHERE name = ?", (JobState.WAITING.value, step.job))
        return
    state = JobState.FINISHED if step.error is None else JobState.FAILED
    db.execute("UPDATE job SET state = ?, ended = ? WHERE name = ?", (state.value, now, step.job))
    withdraw(db, step.job)


def _forget_task(db: sqlite3.Connection, step: Step) -> bool:
    return bool(
        db.execute(
            "DELETE FROM task WHERE pass_id = ? AND task = ? AND round = ?", (step.pass_id, step.task, step.round)
        ).rowcount
    )


def _count_late_files(db: sqlite3.Connection, step: Step) -> None:
    """Count files that a worker finished after its job was stopped, because they are in the catalog.

    The tasks that were outstanding at the stop are still in the table, so that each is counted once.
    """
    stopped = db.execute(
        "SELECT 1 FROM job WHERE name = ? AND ? IN (pass_id, live_pass) AND state = ?",
        (step.job, step.pass_id, JobState.STOPPED.value),
    ).fetchone()
    if stopped and _forget_task(db, step):
        _add(db, step.pass_id, msgspec.structs.replace(step.counts, tasks=0, tasks_done=0))
        _remember(db, step)
