"""`meta` has the keys that handlers know from automated-ingest."""

from __future__ import annotations

import base64
import os
import stat
from pathlib import Path
from typing import Any

import pytest

from consumer.sync.meta import of_deletion, of_directory, of_file, of_job
from consumer.sync.place import Place
from ingest.fingerprint import cache_key
from ingest.job import Job, LogSettings
from ingest.messages import Stat
from ingest.paths import join, logical_path
from scanner.entries import Entry

JOB = Job(
    name="job",
    source=b"/data/run",
    target="/zone/home/run",
    handler="5ha",
    handler_file="handler.py",
    log=LogSettings(level="INFO", filename="log"),
)
EVERYWHERE = {
    *("restart_queue", "path_queue", "file_queue", "target", "src_path", "interval", "job_name", "ignore_cache"),
    *("initial_ingest", "event_handler", "config", "synchronous", "progress", "profile", "files_per_task"),
    *("s3_endpoint_domain", "s3_region_name", "s3_keypair", "s3_proxy_url", "s3_secure_connection"),
    *("s3_multipart_chunksize_in_mib", "exclude_file_type", "exclude_file_name", "exclude_directory_name"),
    *("idle_disconnect_seconds", "root", "path", "event_handler_key", "root_target_collection"),
}
ON_THE_WAY = {"task", "queue_name", "entry_type", "mtime", "ctime"}
STAT = Stat(stat.S_IFREG | 0o644, 7, 1_500_000_000_250_000_000, 1_600_000_000_000_000_000)


def place(path: bytes, target: str | None = None) -> Place:
    target = target or logical_path(JOB.source, JOB.target, path)
    return Place(path, join(JOB.source, path), target, cache_key(JOB, target, directory=False))


def file_meta(path: bytes, target: str | None = None, kind: Any = "regular") -> dict[str, Any]:
    return of_file(JOB, Entry(path, kind, STAT), place(path, target))


def test_what_holds_for_the_job_is_in_every_meta() -> None:
    for meta in (
        of_job(JOB),
        of_directory(JOB, b"d", "/zone/home/run/d", STAT),
        file_meta(b"d/f"),
        of_deletion(JOB, "/data/run/d/f", "/zone/home/run/d/f", collection=False),
    ):
        assert meta.keys() >= EVERYWHERE
        assert (meta["root"], meta["src_path"], meta["job_name"]) == ("/data/run", "/data/run", "job")
        assert (meta["root_target_collection"], meta["event_handler_key"]) == ("/zone/home/run", "5ha")


def test_the_config_has_logging_profile_and_a_redis_that_is_not_needed() -> None:
    assert of_job(JOB)["config"] == {
        "log": {"filename": "log", "when": None, "interval": None, "level": "INFO"},
        "profile": {"filename": None, "when": None, "interval": None, "level": None},
        "redis": {"host": "localhost", "port": 6379, "db": 0},
    }


def test_a_file_has_path_target_and_what_was_seen_of_it() -> None:
    meta = file_meta(b"d/f")
    assert meta.keys() >= ON_THE_WAY
    assert (meta["path"], meta["target"], meta["entry_type"]) == ("/data/run/d/f", "/zone/home/run/d/f", "file")
    assert (meta["size"], meta["mtime"], meta["ctime"]) == (7, 1_500_000_000.25, 1_600_000_000.0)
    assert (meta["is_link"], meta["is_socket"], meta["is_empty_dir"]) == (False, False, None)
    assert not [key for key in meta if key.startswith("b64_")]


@pytest.mark.parametrize("kind", ["link", "socket"])
def test_links_and_sockets_are_told(kind: str) -> None:
    meta = file_meta(b"f", kind=kind)
    assert (meta["is_link"], meta["is_socket"]) == (kind == "link", kind == "socket")


def test_a_directory_has_path_and_target_and_the_root_no_times() -> None:
    meta = of_directory(JOB, b"d", "/zone/home/run/d", STAT)
    assert meta.keys() >= ON_THE_WAY
    assert (meta["path"], meta["target"], meta["entry_type"]) == ("/data/run/d", "/zone/home/run/d", "dir")
    assert "mtime" not in of_directory(JOB, b"", "/zone/home/run", None)


def test_an_undecodable_path_is_there_in_base64() -> None:
    meta = file_meta(b"d/\xff")
    assert meta["path"] == "/data/run/d/\udcff"
    assert (meta["b64_path_str"], meta["b64_reason"]) == (base64.b64encode(b"/data/run/d/\xff"), "UnicodeEncodeError")
    assert meta["unicode_error_filename"] == meta["target"].rpartition("/")[2]


def test_a_mapped_path_is_there_in_base64() -> None:
    meta = file_meta(b"d/a b", "/zone/home/run/d/a_b_E4")
    assert (meta["b64_path_str_charmap"], meta["b64_reason"]) == (base64.b64encode(b"/data/run/d/a b"), "character_map")
    assert "b64_path_str" not in meta


def test_a_change_that_a_hook_makes_stays_with_its_path() -> None:
    one = file_meta(b"f")
    one["config"]["log"]["level"] = "changed"
    assert file_meta(b"f")["config"]["log"]["level"] == "INFO"


@pytest.mark.parametrize("nanoseconds", [0, 1, 1_500_000_000_250_000_001, 1_763_777_777_123_456_789, -1_500_000_001])
def test_times_are_those_of_os_stat_to_the_last_bit(nanoseconds: int, tmp_path: Path) -> None:
    file = tmp_path / "f"
    file.touch()
    os.utime(file, ns=(0, nanoseconds))
    meta = of_file(JOB, Entry(b"f", "regular", Stat(0, 0, nanoseconds, 0)), place(b"f"))
    assert meta["mtime"] == os.path.getmtime(file)
