"""The first contents of a zone: its row, administrator, groups, collections, default resource and token names."""

import sqlite3
from pathlib import Path

from devzone.catalog.catalog import Catalog, now
from devzone.catalog.levels import LEVELS, OWN
from devzone.catalog.paths import split
from devzone.catalog.resources import DEFAULT_RESOURCE

ZONE_NAME = "tempZone"
ADMIN, ADMIN_PASSWORD = "rods", "rods"
DATA_TYPES = (
    "generic", "text", "ascii text", "binary", "html", "xml", "email", "image", "gif image", "jpeg image", "png image",
    "tiff image", "movie", "mpeg movie", "audio", "mp3 audio", "pdf document", "postscript", "msWord", "msexcel",
    "tar file", "tar bundle", "gzip file", "gzipTar", "zip file", "zipFile", "bzip2 file", "bzip2Tar", "hdf", "netcdf",
    "fits image", "java code", "c code", "fortran code", "perl script", "shell script", "python script", "database",
)  # fmt: skip
USER_TYPES = ("rodsadmin", "groupadmin", "rodsuser", "rodsgroup")


def open_catalog(folder: Path, host: str) -> Catalog:
    """Open the catalog of a data folder. A new catalog gets its first contents."""
    path = folder / "catalog.sqlite"
    path.touch(mode=0o600)
    catalog = Catalog(path)
    connection = catalog.connect()
    with catalog.transaction(connection):
        if catalog.create_schema(connection):
            _fill(catalog, connection, folder, host)
        _recover(connection, host)
    connection.close()  # SQLite reads the planner's statistics when a connection is opened
    return catalog


def _recover(db: sqlite3.Connection, host: str) -> None:
    """Make replicas stale that were open when the last process ended; set the host of the default resource."""
    db.execute("update data set repl_status = 0 where repl_status = 2")
    db.execute("update data set repl_status = coalesce(locked_from, 0), locked_from = null where repl_status > 2")
    db.execute("update resc set location = ? where name = ?", (host, DEFAULT_RESOURCE))


def _fill(catalog: Catalog, db: sqlite3.Connection, folder: Path, host: str) -> None:
    stamp = now()
    db.execute("insert into zone (id, name, type) values (?, ?, 'local')", (catalog.new_id(db), ZONE_NAME))
    ids = {}
    for name, kind in (("rodsadmin", "rodsgroup"), ("public", "rodsgroup"), (ADMIN, "rodsadmin")):
        ids[name] = catalog.new_id(db)
        db.execute(
            "insert into user (id, name, zone, type, create_ts, modify_ts, password) values (?, ?, ?, ?, ?, ?, ?)",
            (ids[name], name, ZONE_NAME, kind, stamp, stamp, ADMIN_PASSWORD if name == ADMIN else ""),
        )
    db.executemany(
        "insert into member values (?, ?)", [(ids[group], ids[ADMIN]) for group in ("rodsadmin", "public", ADMIN)]
    )
    db.execute(
        "insert into resc (id, name, zone, type, location, vault, create_ts, modify_ts, hier) "
        "values (?, ?, ?, 'unixfilesystem', ?, ?, ?, ?, ?)",
        (catalog.new_id(db), DEFAULT_RESOURCE, ZONE_NAME, host, str(folder / "vault"), stamp, stamp, DEFAULT_RESOURCE),
    )
    top = f"/{ZONE_NAME}"
    for path in ("/", top, f"{top}/home", f"{top}/home/public", f"{top}/home/{ADMIN}", f"{top}/trash",
                 f"{top}/trash/home", f"{top}/trash/home/public", f"{top}/trash/home/{ADMIN}"):  # fmt: skip
        owner = "public" if path.endswith("public") else ADMIN
        _first_collection(catalog, db, path, ids[owner])
    tokens = [("access_type", number, name) for name, number in LEVELS.items()]
    for namespace, names in (("data_type", DATA_TYPES), ("user_type", USER_TYPES)):
        tokens += [(namespace, catalog.new_id(db), name) for name in names]
    db.executemany("insert into token values (?, ?, ?)", tokens)


def _first_collection(catalog: Catalog, db: sqlite3.Connection, path: str, owner: int) -> None:
    stamp, coll_id = now(), catalog.new_id(db)
    db.execute(
        "insert into coll (id, name, parent, owner_name, owner_zone, create_ts, modify_ts) "
        "values (?, ?, ?, ?, ?, ?, ?)",
        (coll_id, path, split(path)[0], ADMIN, ZONE_NAME, stamp, stamp),
    )
    db.execute("insert into access values (?, ?, ?, ?, ?)", (coll_id, owner, OWN, stamp, stamp))
