"""Opening SQLite files and writing to them: the state file, the spool, and temporary tables."""

from __future__ import annotations

import os
import sqlite3
import time
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path

from ingest.errors import Refused
from ingest.mounts import MOUNTS, file_system_type

VERSION = 5
"""The version of all tables in our files. It is raised when one of them changes."""
BUSY_SECONDS = 60.0
"""How long a transaction waits for the transaction of another process. Ours take milliseconds."""

_NETWORK_FILE_SYSTEMS = {
    *("9p", "afs", "beegfs", "ceph", "cifs", "davfs", "fuse.glusterfs", "fuse.sshfs", "gfs2", "gpfs", "lustre"),
    *("ncpfs", "nfs", "nfs4", "smb3", "smbfs"),
}


def connect(file: Path, schema: str, called: str = "state") -> sqlite3.Connection:
    """Open a SQLite file in WAL mode, and create the file and its tables when they are missing.

    Committed transactions survive a killed process; a power cut may lose the last ones. A new file is private to its
    owner.

    Args:
        file: The file.
        schema: The statements that create missing tables, separated by semicolons.
        called: The name of the file in messages, which is also the name of its option.

    Returns:
        The connection. Outside `transaction`, each statement is a transaction of its own.

    Raises:
        Refused: The file cannot be used, is of another version, or is on a network file system, where SQLite's locks
            are not reliable.
    """
    try:
        file.parent.mkdir(parents=True, exist_ok=True, mode=0o700)
        _refuse_network_file_system(file.parent, called)
        with suppress(FileExistsError):  # do not open an existing file: closing it would drop SQLite's locks
            os.close(os.open(file, os.O_CREAT | os.O_EXCL | os.O_CLOEXEC, 0o600))
        connection = sqlite3.connect(file, timeout=BUSY_SECONDS, isolation_level=None, check_same_thread=False)
        _use_wal(connection)
        connection.execute("PRAGMA synchronous = NORMAL")
        with transaction(connection):
            _check_version(connection, file)
            for statement in schema.split(";"):
                connection.execute(statement)
    except OSError as error:
        raise Refused(f"cannot use the {called} file {file}: {error.strerror}") from error
    except sqlite3.Error as error:
        raise Refused(f"cannot use the {called} file {file}: {error}") from error
    return connection


def temporary(schema: str) -> sqlite3.Connection:
    """Open a database in a temporary file without a name. SQLite removes it when it is closed, or the process ends.

    Args:
        schema: The statements that create the tables, separated by semicolons.

    Returns:
        The connection. It never rolls back: after an error, close it.

    Raises:
        sqlite3.Error: There is no place for a temporary file.
    """
    connection = sqlite3.connect("")
    try:
        connection.execute("PRAGMA journal_mode = OFF")
        connection.executescript(schema)
    except BaseException:
        connection.close()
        raise
    return connection


@contextmanager
def transaction(connection: sqlite3.Connection) -> Iterator[sqlite3.Connection]:
    """Run a block as one transaction. It takes the write lock first, so that no other process changes what it reads."""
    connection.execute("BEGIN IMMEDIATE")
    try:
        yield connection
        connection.execute("COMMIT")
    except BaseException:
        if connection.in_transaction:  # when the disk is full, for example, SQLite has rolled back itself
            connection.execute("ROLLBACK")
        raise


def _check_version(connection: sqlite3.Connection, file: Path) -> None:
    """Write the version into a new file, and refuse a file of another version."""
    found = connection.execute("PRAGMA user_version").fetchone()[0]
    if found == 0 and connection.execute("SELECT count(*) FROM sqlite_master").fetchone()[0] == 0:
        connection.execute(f"PRAGMA user_version = {VERSION}")
    elif found != VERSION:
        raise Refused(
            f"{file} is of another version of this program: remove it and start its jobs again, which skip unchanged"
            " files"
        )


def _use_wal(connection: sqlite3.Connection) -> None:
    """Switch to WAL mode. SQLite itself does not wait when several processes switch a new file at once."""
    deadline = time.monotonic() + BUSY_SECONDS
    while True:
        try:
            connection.execute("PRAGMA journal_mode = WAL")
        except sqlite3.OperationalError as error:
            if "locked" not in str(error) or time.monotonic() > deadline:
                raise
            time.sleep(0.005)
        else:
            return


def _refuse_network_file_system(folder: Path, called: str, mount_table: Path = MOUNTS) -> None:
    try:
        mounts = mount_table.read_bytes()
    except OSError:  # not on Linux
        return
    kind = file_system_type(os.fsencode(folder.resolve()), mounts)
    if kind in _NETWORK_FILE_SYSTEMS:
        raise Refused(f"the {called} file must not be on a network file system, and {folder} is {kind}: use --{called}")
