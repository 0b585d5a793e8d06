"""The record of verifications: which directories are still to be checked, and when each was last found right.

It is an SQLite file of its own. A tree is never in memory: what waits is in the file, too.
"""

from __future__ import annotations

import fcntl
import os
from collections.abc import Sequence
from pathlib import Path

import msgspec

from consumer.verify.directory import Page, Presence, Work
from consumer.verify.rows import Totals
from ingest.errors import Refused
from ingest.fingerprint import cache_space, name_hash
from ingest.job import Job
from ingest.sqlite import connect, transaction

_SCHEMA = """
CREATE TABLE IF NOT EXISTS directory (
  space INTEGER, path BLOB, presence TEXT, cursor BLOB NOT NULL DEFAULT x'', since REAL,
  wrong INTEGER NOT NULL DEFAULT 0,
  checked REAL NOT NULL DEFAULT 0, state INTEGER NOT NULL, run INTEGER NOT NULL, PRIMARY KEY (space, path)
) WITHOUT ROWID;
CREATE INDEX IF NOT EXISTS waiting ON directory (space, state, checked);
CREATE TABLE IF NOT EXISTS run (
  space INTEGER PRIMARY KEY, number INTEGER NOT NULL, stale_before REAL, totals BLOB NOT NULL
)
"""
_SETTLED, _WAITING, _TAKEN = 0, 1, 2
_LATEST = (1 << 62) - 1


def space_of(job: Job, *settings: object) -> int:
    """The number under which a source and a target are recorded, separate for other settings of the check."""
    of_job = (job.handler, job.patterns, job.exclude_types, job.exclude_file_names, job.exclude_directory_names)
    links = (job.follow_symlinks, job.one_file_system)
    return name_hash(msgspec.json.encode([cache_space(job), of_job, links, settings]))


class Record:
    """The record of one source and target. Raises Refused while another process verifies them."""

    def __init__(self, file: Path, space: int) -> None:
        self._db = connect(file, _SCHEMA)
        self._space = space
        self._lock = os.open(f"{file}.lock", os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o600)
        self._run = 0
        self._stale_before: float | None = None
        self.totals = Totals()
        try:
            fcntl.lockf(self._lock, fcntl.LOCK_EX | fcntl.LOCK_NB, 1, space & _LATEST)
        except OSError:
            self.close()
            raise Refused("another process verifies this source and target") from None

    def close(self) -> None:
        """Close the file, and let other processes verify."""
        self._db.close()
        os.close(self._lock)

    def begin(self, stale_before: float | None = None) -> None:
        """Begin a verification.

        Args:
            stale_before: Check only directories that were not found right since then (seconds since the epoch), and
                continue what was interrupted in the middle; None: check everything.
        """
        self._stale_before = stale_before
        with transaction(self._db):
            found = self._db.execute("SELECT number FROM run WHERE space = ?", (self._space,)).fetchone()
            self._run = 1 + (found[0] if found else 0)
            self.totals = Totals()
            self._save_totals()
            if stale_before is None:
                text = "UPDATE directory SET state = ?, cursor = x'', since = NULL, wrong = 0 WHERE space = ?"
                self._db.execute(text, (_SETTLED, self._space))
                self._await([(b"", None)])
            else:
                self._db.execute("UPDATE directory SET state = ? WHERE space = ?", (_SETTLED, self._space))
                text = "UPDATE directory SET cursor = x'', since = NULL, wrong = 0 WHERE space = ? AND since < ?"
                self._db.execute(text, (self._space, stale_before))
                text = "UPDATE directory SET state = ?, presence = NULL, run = ? WHERE space = ? AND checked < ?"
                self._db.execute(text, (_WAITING, self._run, self._space, stale_before))
                self._db.execute(
                    "INSERT OR IGNORE INTO directory (space, path, state, run) VALUES (?, x'', ?, ?)",
                    (self._space, _WAITING, self._run),
                )

    def resume(self) -> bool:
        """Continue the verification that was interrupted. False: there is none."""
        text = "SELECT number, stale_before, totals FROM run WHERE space = ?"
        found = self._db.execute(text, (self._space,)).fetchone()
        if found is None:
            return False
        self._run, self._stale_before, totals = found
        self.totals = msgspec.json.decode(totals, type=Totals)
        text = "UPDATE directory SET state = ? WHERE space = ? AND state = ?"
        self._db.execute(text, (_WAITING, self._space, _TAKEN))
        return self.waiting() > 0

    def waiting(self) -> int:
        """How many known directories are still to be checked."""
        text = "SELECT count(*) FROM directory WHERE space = ? AND state <> ?"
        count: int = self._db.execute(text, (self._space, _SETTLED)).fetchone()[0]
        return count

    def take(self) -> Work | None:
        """The directory that was found right least recently, to be checked now; None if none waits."""
        text = "SELECT path, presence, cursor FROM directory WHERE space = ? AND state = ? ORDER BY checked LIMIT 1"
        row = self._db.execute(text, (self._space, _WAITING)).fetchone()
        if row is None:
            return None
        self._set("state = ?", _TAKEN, path=row[0])
        return Work(*row)

    def settle(self, page: Page, now: float) -> None:
        """Record a page of a check, in one transaction; `now` in seconds since the epoch.

        A directory counts as found right at the time of its first page, since the check may have been interrupted.
        """
        path = page.work.path
        wrong = sum(row.differs for row in page.rows)
        self.totals.add(page.rows)
        with transaction(self._db):
            self._await(page.below)
            self._save_totals()
            if page.gone:
                self._db.execute("DELETE FROM directory WHERE space = ? AND path = ?", (self._space, path))
            elif page.cursor is not None:
                text = "cursor = ?, wrong = wrong + ?, since = coalesce(since, ?)"
                self._set(text, page.cursor, wrong, now, path=path)
            else:
                checked = "checked = CASE WHEN wrong + ? > 0 THEN 0 ELSE coalesce(since, ?) END"
                text = f"{checked}, cursor = x'', since = NULL, wrong = 0, state = ?"
                self._set(text, wrong, now, _SETTLED, path=path)

    def put_back(self, path: bytes) -> None:
        """A check has ended: if it has not come to the end of the directory, that waits again."""
        self._set("state = CASE state WHEN 2 THEN 1 ELSE state END", path=path)

    def end(self) -> None:
        """A verification of everything is complete: forget directories that it has not found."""
        if self._stale_before is None:
            self._db.execute("DELETE FROM directory WHERE space = ? AND run <> ?", (self._space, self._run))

    def _set(self, assignments: str, *values: object, path: bytes) -> None:
        text = f"UPDATE directory SET {assignments} WHERE space = ? AND path = ?"  # noqa: S608 - our own column names
        self._db.execute(text, (*values, self._space, path))

    def _await(self, found: Sequence[tuple[bytes, Presence | None]]) -> None:
        """Let directories wait, unless this verification has settled or taken them, or they were found right recently.

        That was while there was a collection: one without waits.
        """
        stale = _LATEST if self._stale_before is None else self._stale_before
        text = """
            INSERT INTO directory (space, path, presence, state, run) VALUES (?, ?, ?, ?, ?)
            ON CONFLICT (space, path) DO UPDATE SET
              state = CASE WHEN run < excluded.run AND (checked < ? OR excluded.presence <> 'present') THEN 1
                ELSE state END,
              presence = excluded.presence, run = excluded.run
        """
        rows = [(self._space, path, presence, _WAITING, self._run, stale) for path, presence in found]
        self._db.executemany(text, rows)

    def _save_totals(self) -> None:
        totals = msgspec.json.encode(self.totals)
        row = (self._space, self._run, self._stale_before, totals)
        self._db.execute("INSERT OR REPLACE INTO run VALUES (?, ?, ?, ?)", row)
