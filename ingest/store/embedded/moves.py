"""Moves and tasks in work in SQLite."""

from __future__ import annotations

import sqlite3
from collections.abc import Collection, Iterator, Sequence

import msgspec
from typing_extensions import override

from ingest.paths import ancestors
from ingest.sqlite import transaction
from ingest.store.moves import Moves, Names, Subject, meets

_PATHS_PER_QUERY = 500


class EmbeddedMoves(Moves):
    """Implements `ingest.store.moves.Moves`."""

    def __init__(self, db: sqlite3.Connection) -> None:
        self._db = db

    @override
    def begin(
        self,
        job: str,
        pass_id: str,
        task: str,
        round_: int,
        subjects: Sequence[Subject],
        owner: str,
        alive: Collection[str],
    ) -> bool:
        with transaction(self._db) as db:
            own = db.execute("SELECT number FROM move WHERE job = ? AND task = ?", (job, task)).fetchone()
            if self._is_owned(job, task, subjects, None if own is None else own[0]):
                return False
            if own is not None and self._is_in_work(job, task, subjects, {owner, *alive}):
                return False
            db.execute(
                "INSERT OR REPLACE INTO in_work VALUES (?, ?, ?, ?, ?, ?)",
                (job, task, pass_id, round_, owner, msgspec.msgpack.encode(subjects)),
            )
        return True

    def _is_owned(self, job: str, task: str, subjects: Sequence[Subject], before: int | None) -> bool:
        """Whether another move (for a move: an earlier one) owns a path of the subjects."""
        if not self.pending(job):
            return False
        paths = {each.path for each in subjects}
        above = {each for path in paths for each in ancestors(path)}
        for condition, values in (
            *_chosen("path IN ({})", paths),
            *_chosen("move_name.directory AND path IN ({})", above),
        ):
            if self._finds(job, task, before, condition, values):
                return True
        return any(
            self._finds(job, task, before, "path > ? AND path < ?", [each.path + b"/", each.path + b"0"])
            for each in subjects
            if each.deep
        )

    def _finds(self, job: str, task: str, before: int | None, condition: str, values: Sequence[object]) -> bool:
        found = self._db.execute(
            "SELECT 1 FROM move JOIN move_name USING (number)"
            f" WHERE move_name.job = ? AND task != ? AND (? IS NULL OR number < ?) AND {condition} LIMIT 1",
            (job, task, before, before, *values),
        )
        return found.fetchone() is not None

    def _is_in_work(self, job: str, task: str, subjects: Sequence[Subject], alive: Collection[str]) -> bool:
        rows = self._db.execute(
            "SELECT owner, subjects FROM in_work JOIN task USING (pass_id, task, round) WHERE job = ? AND task != ?",
            (job, task),
        )
        return any(
            meets(one, other)
            for owner, packed in rows
            if owner in alive
            for one in msgspec.msgpack.decode(packed, type=list[Subject])
            for other in subjects
        )

    @override
    def later(self, job: str, task: str) -> list[Names]:
        rows = self._db.execute(
            "SELECT old, new, directory FROM move WHERE job = ?"
            " AND number > (SELECT number FROM move WHERE job = ? AND task = ?) ORDER BY number",
            (job, job, task),
        )
        return [Names(old, new, bool(directory)) for old, new, directory in rows]

    @override
    def pending(self, job: str) -> bool:
        return self._db.execute("SELECT 1 FROM move WHERE job = ? LIMIT 1", (job,)).fetchone() is not None


def _chosen(condition: str, paths: Collection[bytes]) -> Iterator[tuple[str, Sequence[bytes]]]:
    ordered = sorted(paths)
    for start in range(0, len(ordered), _PATHS_PER_QUERY):
        chunk = ordered[start : start + _PATHS_PER_QUERY]
        yield condition.format(",".join("?" * len(chunk))), chunk


def add(db: sqlite3.Connection, job: str, task: str, names: Names) -> None:
    """Add a move that is published."""
    number = db.execute("INSERT INTO move (job, task, old, new, directory) VALUES (?, ?, ?, ?, ?)", (job, task, *names))
    db.executemany(
        "INSERT INTO move_name VALUES (?, ?, ?, ?)",
        [(job, path, number.lastrowid, names.directory) for path in (names.old, names.new)],
    )


def settled(db: sqlite3.Connection, job: str, task: str) -> None:
    """Remove a move, if the task is one: it is settled."""
    row = db.execute("SELECT number FROM move WHERE job = ? AND task = ?", (job, task)).fetchone()
    if row is not None:
        db.execute("DELETE FROM move_name WHERE number = ?", row)
        db.execute("DELETE FROM move WHERE number = ?", row)


def not_in_work(db: sqlite3.Connection, job: str, task: str, round_: int) -> None:
    """Note that a task is not in work any more."""
    db.execute("DELETE FROM in_work WHERE job = ? AND task = ? AND round = ?", (job, task, round_))


def withdraw(db: sqlite3.Connection, job: str) -> None:
    """Remove all moves of a job, and what is in work."""
    for table in ("move", "move_name", "in_work"):
        db.execute(f"DELETE FROM {table} WHERE job = ?", (job,))
