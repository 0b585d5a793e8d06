"""The example handlers do what they say."""

from __future__ import annotations

import hashlib
import json
import re
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from irods.session import iRODSSession

from ingest.handlers.check import misfits, warnings
from ingest.handlers.loader import Handler
from tests.conftest import CommandLine
from tests.support.integration import avus, content, rows

FOLDER = Path(__file__).parents[2] / "config" / "handlers"
EXAMPLES = sorted(path.stem for path in FOLDER.glob("*.py"))
Adapted = Callable[..., Path]


@pytest.fixture
def adapted(tmp_path: Path) -> Adapted:
    """A copy of an example with other constants, as a user makes one, and perhaps something added at its end."""

    def copy(name: str, more: str = "", **constants: Any) -> Path:
        text = (FOLDER / f"{name}.py").read_text()
        for constant, value in constants.items():
            (line,) = re.findall(f"^{constant} = .*$", text, flags=re.MULTILINE)
            text = text.replace(line, f"{constant} = {value!r}")
        file = tmp_path / f"my_{name}.py"
        file.write_text(text + more)
        return file

    return copy


def test_every_example_has_a_test_of_its_own() -> None:
    assert [name for name in EXAMPLES if f"def test_{name}_" not in Path(__file__).read_text()] == []


@pytest.mark.parametrize("name", EXAMPLES)
def test_there_is_nothing_to_warn_of(name: str) -> None:
    handler = Handler.load((FOLDER / f"{name}.py").read_bytes(), name)
    assert misfits(handler) + warnings(handler) == []


def test_metadata_from_path_makes_avus_of_directory_names(
    scan: CommandLine, source: Path, home: str, irods: iRODSSession
) -> None:
    (source / "projectX" / "sample7" / "deeper").mkdir(parents=True)
    for name in ("projectX/sample7/lane1", "projectX/sample7/deeper/lane2", "readme"):
        (source / name).write_text("x")
    ran = scan.ingest(source, home, "--event_handler", FOLDER / "metadata_from_path.py")
    assert ran.status == 0, ran
    assert avus(irods, home) == [
        ("projectX/sample7/deeper/lane2", "project", "projectX", "from path"),
        ("projectX/sample7/deeper/lane2", "sample", "sample7", "from path"),
        ("projectX/sample7/lane1", "project", "projectX", "from path"),
        ("projectX/sample7/lane1", "sample", "sample7", "from path"),
    ]
    assert rows(irods, home).keys() == {"projectX/sample7/lane1", "projectX/sample7/deeper/lane2", "readme"}


def test_permissions_are_granted_on_collections_and_objects(
    scan: CommandLine, source: Path, home: str, irods: iRODSSession, adapted: Adapted
) -> None:
    (source / "d").mkdir()
    (source / "d" / "f").write_text("x")
    ran = scan.ingest(source, f"{home}/above/target", "--event_handler", adapted("permissions"))
    assert ran.status == 0, ran

    def access(entry: Any) -> str | None:
        return next((each.access_name for each in irods.acls.get(entry) if each.user_name == "public"), None)

    target = f"{home}/above/target"
    for path in (target, f"{target}/d"):
        collection = irods.collections.get(path)
        assert (access(collection) or "").startswith("read")
        assert collection.inheritance
    assert (access(irods.data_objects.get(f"{target}/d/f")) or "").startswith("read")
    assert access(irods.collections.get(f"{home}/above")) is None


def test_checksum_avus_follow_the_file(scan: CommandLine, source: Path, home: str, irods: iRODSSession) -> None:
    for text in (b"one", b"one and two"):
        (source / "f").write_bytes(text)
        ran = scan.ingest(source, home, "--event_handler", FOLDER / "checksum_avus.py")
        assert ran.status == 0, ran
        assert avus(irods, home) == [("f", "sha256", hashlib.sha256(text).hexdigest(), "of the source file")]


def test_run_folder_is_ingested_once_its_marker_is_there(
    scan: CommandLine, source: Path, home: str, irods: iRODSSession
) -> None:
    for run in ("run1", "run2"):
        (source / run / "data").mkdir(parents=True)
        (source / run / "data" / "lane1").write_text(run)
    (source / "run1" / "RTAComplete.txt").touch()
    for complete in (["run1"], ["run1", "run2"]):
        ran = scan.ingest(source, home, "--event_handler", FOLDER / "run_folder.py")
        assert ran.status == 0, ran
        assert sorted(rows(irods, home)) == sorted(
            f"{run}/{name}" for run in complete for name in ("RTAComplete.txt", "data/lane1")
        )
        assert [avu[:3] for avu in avus(irods, home, of="collection")] == [
            (run, "status", "complete") for run in complete
        ]
        (source / "run2" / "RTAComplete.txt").touch()
    assert content(irods, f"{home}/run2/data/lane1") == b"run2"


FAILS_TWICE = """
    @staticmethod
    def pre_data_obj_create(hdlr_mod, logger, session, meta, *args, **options):
        from ingest.compat.redis_utils import get_redis
        if meta["path"].endswith("bad") and get_redis(meta["config"]).incr("tries") <= 2:
            raise RuntimeError("not yet")
"""


def test_retry_brings_in_what_fails_at_first(
    scan: CommandLine, source: Path, home: str, irods: iRODSSession, adapted: Adapted
) -> None:
    for name in ("bad", "good"):
        (source / name).write_text("x")
    file = adapted("retry", FAILS_TWICE, FIRST_DELAY=0.01)
    ran = scan.ingest(source, home, "--event_handler", file)
    assert ran.status == 0, ran
    assert rows(irods, home).keys() == {"bad", "good"}
    assert scan.last()["retried_tasks"] == 2


def test_retry_waits_longer_each_time_and_not_for_ever() -> None:
    handler = Handler.load((FOLDER / "retry.py").read_bytes(), "retry.py")
    delays = [handler.delay(None, {}, retries) for retries in range(1, 40)]
    assert 1.5 <= delays[0] <= 2.5
    assert all(delays[index] < delays[index + 2] for index in range(5))
    assert max(delays) <= 1.25 * 300


def test_job_statistics_adds_up_what_all_workers_did(
    scan: CommandLine, source: Path, home: str, tmp_path: Path
) -> None:
    for number in range(20):
        (source / f"f{number}").write_text("x" * number)
    log = tmp_path / "log"
    options = ("--event_handler", FOLDER / "job_statistics.py", "--files_per_task", "2", "--workers", "2")
    ran = scan.ingest(source, home, *options, "--log_filename", log)
    assert ran.status == 0, ran
    (line,) = [each for each in map(json.loads, log.read_text().splitlines()) if each["event"] == "statistics"]
    assert (line["files"], line["bytes"]) == (20, sum(range(20)))
    assert line["slowest"].startswith(f"{home}/f")
