"""One SQLite file for the embedded broker and the embedded store: how it is opened and written to."""

from __future__ import annotations

import os
import sqlite3
import time
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path

from ingest.errors import Refused
from ingest.mounts import MOUNTS, file_system_type

VERSION = 4
"""Of all tables in our files together; raised whenever one changes."""
BUSY_SECONDS = 60.0
"""How long a transaction waits for another process's; ours last milliseconds."""

_NETWORK_FILE_SYSTEMS = {
    *("9p", "afs", "beegfs", "ceph", "cifs", "davfs", "fuse.glusterfs", "fuse.sshfs", "gfs2", "gpfs", "lustre"),
    *("ncpfs", "nfs", "nfs4", "smb3", "smbfs"),
}


def connect(file: Path, schema: str, called: str = "state") -> sqlite3.Connection:
    """Open `file` in WAL mode (it survives a killed process; a power cut may cost the last transactions).

    Creates the file, private to its owner, and whatever of `schema` is missing. Raises Refused when the place cannot
    be used, or lies on a network file system, where SQLite's locks do not hold. The option that names it is called
    as the file is.
    """
    try:
        file.parent.mkdir(parents=True, exist_ok=True, mode=0o700)
        _refuse_network_file_system(file.parent, called)
        with suppress(FileExistsError):  # an existing one must not be opened: closing it would drop SQLite's locks
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


@contextmanager
def transaction(connection: sqlite3.Connection) -> Iterator[sqlite3.Connection]:
    """All or nothing, and alone: the write lock is taken first, so what is read stays true until the end."""
    connection.execute("BEGIN IMMEDIATE")
    try:
        yield connection
        connection.execute("COMMIT")
    except BaseException:
        if connection.in_transaction:  # SQLite itself has rolled back when, say, the disk is full
            connection.execute("ROLLBACK")
        raise


def _check_version(connection: sqlite3.Connection, file: Path) -> None:
    """Mark a new file, and refuse one whose tables are others than ours."""
    found = connection.execute("PRAGMA user_version").fetchone()[0]
    if found == 0 and connection.execute("SELECT count(*) FROM sqlite_master").fetchone()[0] == 0:
        connection.execute(f"PRAGMA user_version = {VERSION}")
    elif found != VERSION:
        raise Refused(
            f"{file} is of another version of this program: remove it and start its jobs again, which find unchanged"
            " files by themselves"
        )


def _use_wal(connection: sqlite3.Connection) -> None:
    """Switch to WAL mode; SQLite itself does not wait when several processes do so to a new file at once."""
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
        raise Refused(
            f"the {called} file must not lie on a network file system, and {folder} is {kind}: use --{called}"
        )
