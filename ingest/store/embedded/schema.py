"""The tables of the embedded store, and the counts of a pass as columns."""

from __future__ import annotations

import sqlite3
from collections.abc import Mapping

import msgspec

from ingest.broker import Outgoing
from ingest.job import Counts, JobState

COUNT_NAMES = tuple(field.name for field in msgspec.structs.fields(Counts))
_COUNT_COLUMNS = ", ".join(f"{name} INTEGER NOT NULL DEFAULT 0" for name in COUNT_NAMES)

SCHEMA = f"""
CREATE TABLE IF NOT EXISTS job (
    name TEXT PRIMARY KEY, job BLOB NOT NULL, target TEXT NOT NULL, state TEXT NOT NULL, created REAL NOT NULL,
    pass_id TEXT, next_pass REAL, passes INTEGER NOT NULL DEFAULT 0, passes_skipped INTEGER NOT NULL DEFAULT 0,
    ended REAL, paused INTEGER NOT NULL DEFAULT 0, live_pass TEXT, watching BLOB,
    watching_since REAL NOT NULL DEFAULT 0, watching_until REAL NOT NULL DEFAULT 0);
CREATE TABLE IF NOT EXISTS pass (
    pass_id TEXT PRIMARY KEY, job TEXT NOT NULL, started REAL NOT NULL, ended REAL, error TEXT,
    {_COUNT_COLUMNS});
CREATE INDEX IF NOT EXISTS pass_job ON pass (job);
CREATE TABLE IF NOT EXISTS task (
    pass_id TEXT NOT NULL, task TEXT NOT NULL, round INTEGER NOT NULL DEFAULT 0, cursor BLOB,
    topic TEXT, partition INTEGER, value BLOB, PRIMARY KEY (pass_id, task));
CREATE TABLE IF NOT EXISTS candidate (
    pass_id TEXT NOT NULL, collection INTEGER NOT NULL, height INTEGER NOT NULL, target TEXT NOT NULL,
    candidate BLOB NOT NULL, PRIMARY KEY (pass_id, collection, height, target)) WITHOUT ROWID;
CREATE TABLE IF NOT EXISTS mount (
    space INTEGER NOT NULL, host TEXT NOT NULL, mount TEXT NOT NULL, PRIMARY KEY (space, host)) WITHOUT ROWID;
CREATE TABLE IF NOT EXISTS problem (
    job TEXT NOT NULL, path BLOB NOT NULL, skipped INTEGER NOT NULL, problem BLOB NOT NULL,
    PRIMARY KEY (job, path)) WITHOUT ROWID;
CREATE TABLE IF NOT EXISTS outbox (
    number INTEGER PRIMARY KEY AUTOINCREMENT, job TEXT NOT NULL, topic TEXT NOT NULL, partition INTEGER NOT NULL,
    value BLOB NOT NULL);
CREATE TABLE IF NOT EXISTS schedule (
    number INTEGER PRIMARY KEY, job TEXT NOT NULL, since REAL NOT NULL, due REAL NOT NULL, topic TEXT NOT NULL,
    partition INTEGER NOT NULL, value BLOB NOT NULL, next_pass INTEGER NOT NULL DEFAULT 0);
CREATE INDEX IF NOT EXISTS schedule_due ON schedule (due);
CREATE INDEX IF NOT EXISTS schedule_since ON schedule (since);
CREATE TABLE IF NOT EXISTS parked (
    number INTEGER PRIMARY KEY, job TEXT NOT NULL, topic TEXT NOT NULL, partition INTEGER NOT NULL,
    value BLOB NOT NULL);
CREATE TABLE IF NOT EXISTS clock (one INTEGER PRIMARY KEY, boot TEXT NOT NULL, epoch REAL NOT NULL);
CREATE TABLE IF NOT EXISTS consumer (
    consumer TEXT PRIMARY KEY, status BLOB NOT NULL, since REAL NOT NULL, until REAL NOT NULL);
CREATE TABLE IF NOT EXISTS lease (name TEXT PRIMARY KEY, owner TEXT NOT NULL, since REAL NOT NULL, until REAL NOT NULL);
CREATE TABLE IF NOT EXISTS handler (sha256 TEXT PRIMARY KEY, source BLOB NOT NULL);
CREATE TABLE IF NOT EXISTS value (key BLOB PRIMARY KEY, content BLOB, since REAL, until REAL) WITHOUT ROWID;
CREATE INDEX IF NOT EXISTS value_until ON value (until) WHERE until IS NOT NULL;
CREATE TABLE IF NOT EXISTS value_item (
    key BLOB NOT NULL, position INTEGER NOT NULL, content BLOB NOT NULL, PRIMARY KEY (key, position)) WITHOUT ROWID;
CREATE TABLE IF NOT EXISTS cache_of (space INTEGER PRIMARY KEY, collection TEXT NOT NULL);
CREATE TABLE IF NOT EXISTS move (
    number INTEGER PRIMARY KEY AUTOINCREMENT, job TEXT NOT NULL, task TEXT NOT NULL, old BLOB NOT NULL,
    new BLOB NOT NULL, directory INTEGER NOT NULL);
CREATE INDEX IF NOT EXISTS move_task ON move (job, task);
CREATE TABLE IF NOT EXISTS move_name (
    job TEXT NOT NULL, path BLOB NOT NULL, number INTEGER NOT NULL, directory INTEGER NOT NULL,
    PRIMARY KEY (job, path, number)) WITHOUT ROWID;
CREATE TABLE IF NOT EXISTS in_work (
    job TEXT NOT NULL, task TEXT NOT NULL, pass_id TEXT NOT NULL, round INTEGER NOT NULL, owner TEXT NOT NULL,
    subjects BLOB NOT NULL, PRIMARY KEY (job, task)) WITHOUT ROWID;
CREATE TABLE IF NOT EXISTS cache (
    space INTEGER NOT NULL, directory INTEGER NOT NULL, name INTEGER NOT NULL, state INTEGER NOT NULL,
    inode INTEGER NOT NULL,
    PRIMARY KEY (space, directory, name)) WITHOUT ROWID
"""


def send(db: sqlite3.Connection, job: str, message: Outgoing) -> None:
    """Add a message to the outbox."""
    db.execute(
        "INSERT INTO outbox (job, topic, partition, value) VALUES (?, ?, ?, ?)",
        (job, message.topic, message.partition, message.value),
    )


def plan(
    db: sqlite3.Connection, job: str, terms: Mapping[str, float], message: Outgoing, *, next_pass: bool = False
) -> None:
    """Add a message to the schedule, for the end of a term of `Clock.terms`. `next_pass`: it starts the next pass."""
    db.execute(
        "INSERT INTO schedule (job, since, due, topic, partition, value, next_pass) VALUES (?, ?, ?, ?, ?, ?, ?)",
        (job, terms["now"], terms["until"], message.topic, message.partition, message.value, next_pass),
    )


def is_active(db: sqlite3.Connection, name: str) -> bool:
    """Return whether a job is known and active."""
    row = db.execute("SELECT state FROM job WHERE name = ?", (name,)).fetchone()
    return row is not None and JobState(row[0]).active
