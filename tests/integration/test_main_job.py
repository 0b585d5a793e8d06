"""The main job end to end: a tree goes in, the catalog has it, and the calls are counted."""

from pathlib import Path

import pytest
from irods.session import iRODSSession

from tests.conftest import CommandLine, HandlerFile
from tests.support.catalog import catalog, tree
from tests.support.counting_proxy import START_CALLS, CountingProxy

pytestmark = pytest.mark.usefixtures("two_workers")


def test_ten_thousand_files_and_ten_levels_arrive_once_within_the_call_budget(
    scan: CommandLine, calls: CountingProxy, source: Path, home: str, irods: iRODSSession
) -> None:
    flat = source / "flat"
    flat.mkdir()
    for number in range(10_000):
        (flat / f"file {number}").write_bytes(b"x" * (number % 7))
    directory = source
    for level in range(10):
        directory = directory / f"level{level}"
        directory.mkdir()
        (directory / "leaf").write_text(str(level))
    ran = scan.ingest(source, home, "--progress")
    assert (ran.status, ran.out.count("10010 synced")) == (0, 1), ran
    assert catalog(irods, home) == tree(source, home)
    assert calls.calls["PHY_PATH_REG"] == 10_010
    assert calls.calls["COLL_CREATE"] == 12
    # Two levels are asked for: the target and its parent. Everything else was just created, and so is empty.
    assert calls.calls.pop("GEN_QUERY") <= 4 + 3
    assert set(calls.calls) == {"PHY_PATH_REG", "COLL_CREATE"}


def test_an_unchanged_tree_costs_no_call_at_all(
    scan: CommandLine, calls: CountingProxy, source: Path, home: str
) -> None:
    for number in range(200):
        (source / f"d{number % 5}").mkdir(exist_ok=True)
        (source / f"d{number % 5}" / f"f{number}").write_text("x")
    assert scan.ingest(source, home).status == 0
    calls.reset()
    ran = scan.ingest(source, home)
    assert (ran.status, ran.out.count("200 unchanged")) == (0, 1)
    assert calls.total() == START_CALLS


def test_with_an_empty_cache_unchanged_files_cost_two_queries_per_directory(
    scan: CommandLine, calls: CountingProxy, source: Path, home: str, tmp_path: Path
) -> None:
    for directory in ("a", "b"):
        (source / directory).mkdir()
        for number in range(700):
            (source / directory / f"f{number}").write_text("x")
    assert scan.ingest(source, home).status == 0
    calls.reset()
    scan.state = tmp_path / "other.db"
    assert "1400 unchanged" in scan.ingest(source, home).out
    # The root: is it there, objects, collections. Each directory: objects in two pages, collections.
    assert (calls.total(), calls.calls["GEN_QUERY"]) == (9 + START_CALLS,) * 2


def test_a_changed_registered_file_costs_one_update(
    scan: CommandLine, calls: CountingProxy, source: Path, home: str, irods: iRODSSession
) -> None:
    for number in range(20):
        (source / f"f{number}").write_text("old")
    assert scan.ingest(source, home).status == 0
    for number in range(5):
        (source / f"f{number}").write_text("newer")
    calls.reset()
    assert "5 synced" in scan.ingest(source, home).out
    assert calls.calls["MOD_DATA_OBJ_META"] == 5
    assert calls.total() <= 5 + 3 + START_CALLS
    assert catalog(irods, home) == tree(source, home)


def test_a_small_put_is_one_call(
    scan: CommandLine, calls: CountingProxy, source: Path, home: str, irods: iRODSSession, handler_file: HandlerFile
) -> None:
    for number in range(30):
        (source / f"f{number}").write_text(f"content {number}")
    handler = handler_file("@staticmethod\ndef operation(session, meta, **options):\n    return Operation.PUT")
    assert "30 synced" in scan.ingest(source, home, "--event_handler", handler).out
    assert calls.calls["DATA_OBJ_PUT"] == 30
    assert calls.total() <= 30 + 4 + 2 * START_CALLS
    for number in range(30):
        with irods.data_objects.open(f"{home}/f{number}", "r") as stored:
            assert stored.read() == f"content {number}".encode()
