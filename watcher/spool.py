"""The spool: settled work that is not published yet, in an SQLite file that outlives a killed watcher."""

from __future__ import annotations

import fcntl
import os
import sqlite3
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path

from ingest.errors import Refused
from ingest.sqlite import connect, transaction
from watcher.events import MakeDirectory, Move, Rescan, Sync, Vanish, Work

# `flag` is the one boolean of a piece of work; `new` is the new name of a move; `batch` is NULL until the work is about
# to be published.
_SCHEMA = """
CREATE TABLE IF NOT EXISTS work (
    number INTEGER PRIMARY KEY AUTOINCREMENT, kind TEXT NOT NULL, path BLOB NOT NULL, flag INTEGER NOT NULL,
    new BLOB, batch INTEGER);
CREATE INDEX IF NOT EXISTS batch ON work (batch) WHERE batch IS NOT NULL;
CREATE INDEX IF NOT EXISTS rescan ON work (path, flag) WHERE kind = 'Rescan'
"""

_Row = tuple[str, bytes, bool, bytes | None]


class Spool:
    """Work with increasing numbers; for one process, and one thread at a time.

    Once `put` or `done` has returned, its change survives a killed process; a power cut may lose the last changes.
    All methods raise Refused when the file is damaged or cannot be written.
    """

    def __init__(self, path: Path) -> None:
        """Open the file, or create it. Raises Refused when another process has it."""
        self._path = path
        self._lock = _lock(path)
        try:
            with self._refusing():
                self._db = _open(path)
                self._count: int = self._db.execute("SELECT count(*) FROM work").fetchone()[0]
        except BaseException:
            os.close(self._lock)
            raise

    def __len__(self) -> int:
        return self._count

    def put(self, work: Sequence[Work]) -> None:
        """Add work at the end, all of it or, when this raises, none of it.

        A rescan replaces an equal one further ahead: that one may be under way already and have missed the change.
        """
        added = 0
        with self._refusing(), transaction(self._db):
            for each in work:
                kind, path, flag, new = _row(each)
                if kind == "Rescan":
                    found = self._db.execute(
                        "DELETE FROM work WHERE kind = 'Rescan' AND path = ? AND flag = ?", (path, flag)
                    )
                    added -= found.rowcount
                self._db.execute(
                    "INSERT INTO work (kind, path, flag, new) VALUES (?, ?, ?, ?)", (kind, path, flag, new)
                )
                added += 1
        self._count += added

    def after(self, number: int, limit: int) -> list[tuple[int, Work]]:
        """The first `limit` pieces of work with a number above this one, each with its number."""
        with self._refusing():
            rows = self._db.execute(
                "SELECT number, kind, path, flag, new FROM work WHERE number > ? ORDER BY number LIMIT ?",
                (number, limit),
            )
            return [(number, _work(kind, path, bool(flag), new)) for number, kind, path, flag, new in rows]

    def choose(self, numbers: Sequence[int], batch: int) -> None:
        """Assign these pieces of work to a batch that is about to be published."""
        with self._refusing(), transaction(self._db):
            self._db.executemany("UPDATE work SET batch = ? WHERE number = ?", [(batch, each) for each in numbers])

    def done(self, batch: int) -> None:
        """Remove the work of all batches up to this one, which are published. Dissolve later batches."""
        with self._refusing(), transaction(self._db):
            removed = self._db.execute("DELETE FROM work WHERE batch <= ?", (batch,)).rowcount
            self._db.execute("UPDATE work SET batch = NULL WHERE batch IS NOT NULL")
        self._count -= removed

    def clear(self) -> None:
        """Remove all work: its job was stopped."""
        with self._refusing(), transaction(self._db):
            self._db.execute("DELETE FROM work")
        self._count = 0

    def close(self) -> None:
        """Close the file and release its lock."""
        self._db.close()
        os.close(self._lock)

    @contextmanager
    def _refusing(self) -> Iterator[None]:
        try:
            yield
        except sqlite3.OperationalError as error:  # a full disk, say
            raise Refused(f"cannot use the spool {self._path}: {error}") from error
        except sqlite3.DatabaseError as error:
            raise Refused(
                f"the spool {self._path} is damaged ({error}): remove it, and the next start scans the whole source"
            ) from error


def _lock(path: Path) -> int:
    """Lock a file beside the spool: closing a second descriptor of the spool would drop SQLite's own locks."""
    lock = path.with_name(path.name + ".lock")
    try:
        path.parent.mkdir(parents=True, exist_ok=True, mode=0o700)
        descriptor = os.open(lock, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o600)
    except OSError as error:
        raise Refused(f"cannot use the spool {path}: {error.strerror}") from error
    try:
        fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except OSError as error:
        os.close(descriptor)
        if isinstance(error, BlockingIOError):
            raise Refused(f"another process uses the spool {path}: a watcher needs one of its own") from error
        raise Refused(f"cannot lock the spool {path}: {error.strerror}") from error
    return descriptor


def _open(path: Path) -> sqlite3.Connection:
    """Open the file and check all of it; raises sqlite3.DatabaseError when it is damaged."""
    try:
        db = connect(path, _SCHEMA, "spool")
    except Refused as refused:
        if isinstance(refused.__cause__, sqlite3.Error):
            raise refused.__cause__ from None
        raise
    (verdict,) = db.execute("PRAGMA quick_check(1)").fetchone()
    if verdict != "ok":
        raise sqlite3.DatabaseError(" ".join(verdict.split()))
    return db


def _row(work: Work) -> _Row:
    if isinstance(work, Sync):
        return "Sync", work.path, work.new, None
    if isinstance(work, Vanish):
        return "Vanish", work.path, False, None
    if isinstance(work, Move):
        return "Move", work.old, work.directory, work.new
    if isinstance(work, Rescan):
        return "Rescan", work.path, work.deep, None
    return "MakeDirectory", work.path, False, None


def _work(kind: str, path: bytes, flag: bool, new: bytes | None) -> Work:
    if kind == "Sync":
        return Sync(path, flag)
    if kind == "Vanish":
        return Vanish(path)
    if kind == "Move":
        return Move(path, new or b"", flag)
    if kind == "Rescan":
        return Rescan(path, flag)
    return MakeDirectory(path)
