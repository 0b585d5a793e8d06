"""The catalog: a SQLite database with the tables of an iRODS catalog, its connections, ids and cached resources.

SQLite in WAL mode keeps every committed transaction when the process is killed. A power failure may lose some, because
``synchronous`` is off: that is acceptable in a development zone.
"""

import queue
import sqlite3
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path

from devzone.catalog.resources import Resources, load_resources

_ID_BLOCK = 1000
_SCHEMA = """
create table setting (name text primary key, value text) without rowid;
create table zone (id integer primary key, name text unique, type text, comment text default '');
create table user (id integer primary key, name text, zone text, type text, info text default '',
  comment text default '', create_ts text, modify_ts text, password text default '', unique (name, zone));
create table member (group_id integer, user_id integer, primary key (group_id, user_id)) without rowid;
create table resc (id integer primary key, name text unique, zone text, type text, class text default 'cache',
  location text, vault text, free_space text default '', free_space_ts text default '', info text default '',
  comment text default '', create_ts text, modify_ts text, status text default '', children text default '',
  context text default '', parent text default '', parent_context text default '', hier text);
create table coll (id integer primary key, name text unique, parent text, owner_name text, owner_zone text,
  map_id text default '0', inherit text default '', comments text default '', create_ts text, modify_ts text);
create index coll_parent on coll (parent);
create table data (id integer, number integer, coll_id integer, name text, version text default '', type text,
  size integer, resc_id integer, path text, owner_name text, owner_zone text, repl_status integer,
  status text default '', checksum text default '', expiry text default '00000000000', map_id integer default 0,
  mode text default '0', comments text default '', create_ts text, modify_ts text, access_ts text,
  locked_from integer, primary key (id, number)) without rowid;
create unique index data_name on data (coll_id, name, number);
create index data_path on data (path);
create index data_resc on data (resc_id);
create table meta (id integer primary key, name text, value text, units text, create_ts text, modify_ts text,
  unique (name, value, units));
create index meta_value on meta (value);
create table metamap (object_id integer, meta_id integer, create_ts text, modify_ts text,
  primary key (object_id, meta_id)) without rowid;
create index metamap_meta on metamap (meta_id);
create table access (object_id integer, user_id integer, level integer, create_ts text, modify_ts text,
  primary key (object_id, user_id)) without rowid;
create table token (namespace text, id integer, name text, primary key (namespace, id)) without rowid;
"""
# Statistics for SQLite's query planner: table, index, and the row count with the rows per value of the index. They are
# estimates: a new zone is empty, so statistics gathered from it would be wrong later.
_EXPECTED = [
    ("coll", "sqlite_autoindex_coll_1", "100000 1"),
    ("coll", "coll_parent", "100000 20"),
    ("data", "data", "1000000 1 1"),
    ("data", "data_name", "1000000 500 1 1"),
    ("data", "data_path", "1000000 1"),
    ("data", "data_resc", "1000000 250000"),
    ("meta", "sqlite_autoindex_meta_1", "1000000 10000 10 1"),
    ("meta", "meta_value", "1000000 100"),
    ("metamap", "metamap", "2000000 4 1"),
    ("metamap", "metamap_meta", "2000000 2"),
    ("access", "access", "1500000 2 1"),
]


def now() -> str:
    """The current time as the catalog stores it: seconds since the epoch, as a text of 11 digits."""
    return f"{int(time.time()):011d}"


class Catalog:
    """One database file, shared by the threads of one process."""

    def __init__(self, path: Path) -> None:
        self._path = path
        self._idle: queue.LifoQueue[sqlite3.Connection] = queue.LifoQueue()
        self._write_lock = threading.Lock()
        self._next_id = self._last_id = 0
        self._resources: Resources | None = None
        self.resource_version = 0
        self.user_version = 0

    def connect(self) -> sqlite3.Connection:
        """A connection for one user. It is the idle one that was used last, because its statements are prepared."""
        with suppress(queue.Empty):
            return self._idle.get_nowait()
        found = sqlite3.connect(self._path, isolation_level=None, check_same_thread=False, cached_statements=300)
        found.execute("pragma journal_mode = wal")
        found.execute("pragma synchronous = off")
        found.execute("pragma busy_timeout = 30000")
        found.execute("pragma case_sensitive_like = on")
        found.execute("pragma temp_store = memory")
        found.execute("pragma cache_size = -4000")  # 4000 kB; there may be hundreds of connections
        found.execute("pragma mmap_size = 268435456")
        return found

    def give_back(self, connection: sqlite3.Connection) -> None:
        """Keep a connection for the next user. It must have no open cursor."""
        self._idle.put(connection)

    def create_schema(self, connection: sqlite3.Connection) -> bool:
        """Create the tables if the database is empty; returns whether it was. Call it only inside a transaction."""
        if connection.execute("select 1 from sqlite_master where name = 'setting'").fetchone():
            return False
        for statement in [*_SCHEMA.split(";"), "analyze sqlite_schema"]:
            connection.execute(statement)
        connection.executemany("insert into sqlite_stat1 values (?, ?, ?)", _EXPECTED)
        connection.execute("insert into setting values ('next_id', '10000')")
        return True

    @contextmanager
    def transaction(self, connection: sqlite3.Connection) -> Iterator[sqlite3.Connection]:
        """Run a write transaction; an exception rolls it back. Only one runs at a time."""
        with self._write_lock:
            connection.execute("begin immediate")
            try:
                yield connection
            except BaseException:
                connection.execute("rollback")
                self._next_id = self._last_id = 0  # the reservation of the block may have been rolled back
                raise
            connection.execute("commit")

    def new_id(self, connection: sqlite3.Connection) -> int:
        """An id that no row ever had. Call it only inside a transaction."""
        if self._next_id >= self._last_id:
            (text,) = connection.execute("select value from setting where name = 'next_id'").fetchone()
            self._next_id, self._last_id = int(text), int(text) + _ID_BLOCK
            connection.execute("update setting set value = ? where name = 'next_id'", (str(self._last_id),))
        self._next_id += 1
        return self._next_id - 1

    def resources(self, connection: sqlite3.Connection) -> Resources:
        """All resources. They are read again only after a change."""
        found = self._resources
        if found is None:
            version = self.resource_version
            found = load_resources(connection)
            if version == self.resource_version:
                self._resources = found
        return found

    def forget_resources(self) -> None:
        """Drop the cached resources. Call it after a transaction that changed resources."""
        self.resource_version += 1
        self._resources = None

    def forget_users(self) -> None:
        """Make sessions read their user again. Call it after a transaction that changed users or groups."""
        self.user_version += 1
