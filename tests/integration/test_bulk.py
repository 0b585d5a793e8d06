"""`--bulk`: new files in batches of one call, and what does not fit one by one."""

from pathlib import Path

import pytest
from irods.models import DataObject
from irods.session import iRODSSession

from tests.conftest import CommandLine, HandlerFile
from tests.support.catalog import catalog, tree
from tests.support.counting_proxy import CountingProxy

pytestmark = pytest.mark.usefixtures("two_workers")


def fill(source: Path, number: int) -> None:
    for each in range(number):
        (source / f"f{each}").write_text("x" * each)


def test_two_hundred_files_are_registered_in_a_few_calls_and_an_update_each_for_their_time(
    scan: CommandLine, calls: CountingProxy, source: Path, home: str, irods: iRODSSession
) -> None:
    fill(source, 200)
    assert "200 synced" in scan.ingest(source, home, "--bulk").out
    assert catalog(irods, home) == tree(source, home)
    assert calls.calls["PHY_PATH_REG"] == 0
    assert calls.calls["MOD_DATA_OBJ_META"] == 200
    assert calls.calls["BULK_DATA_OBJ_REG"] <= 8, "at most one per partition"


def test_without_mtime_no_call_per_file_is_left(
    scan: CommandLine, calls: CountingProxy, source: Path, home: str, irods: iRODSSession
) -> None:
    fill(source, 200)
    assert "200 synced" in scan.ingest(source, home, "--bulk=no-mtime").out
    assert {path: row[::2] for path, row in catalog(irods, home).items()} == {
        path: row[::2] for path, row in tree(source, home).items()
    }
    assert calls.total() - calls.calls["GEN_QUERY"] <= 8 + 1
    assert "200 unchanged" in scan.ingest(source, home, "--bulk=no-mtime").out


def test_a_batch_that_the_server_refuses_is_registered_one_by_one_and_only_the_bad_file_fails(
    scan: CommandLine, calls: CountingProxy, source: Path, home: str, irods: iRODSSession
) -> None:
    fill(source, 30)
    irods.collections.create(f"{home}/f7")
    ran = scan.ingest(source, home, "--bulk", "--initial_ingest")
    assert (ran.status, ran.out.count("29 synced"), ran.out.count("Failed f7: ")) == (
        255,
        1,
        1,
    )
    assert calls.calls["BULK_DATA_OBJ_REG"] >= 1
    assert calls.calls["PHY_PATH_REG"] >= 1
    others = {path: row for path, row in tree(source, home).items() if not path.endswith("/f7")}
    assert catalog(irods, home) == others


def test_files_are_registered_one_by_one_when_a_hook_wants_to_see_each(
    scan: CommandLine, calls: CountingProxy, source: Path, home: str, handler_file: HandlerFile
) -> None:
    fill(source, 20)
    handler = handler_file(
        "@staticmethod\ndef post_data_obj_create(hdlr_mod, logger, session, meta, *args, **options):\n    pass"
    )
    assert "20 synced" in scan.ingest(source, home, "--bulk", "--event_handler", handler).out
    assert (calls.calls["PHY_PATH_REG"], calls.calls["BULK_DATA_OBJ_REG"]) == (20, 0)


def test_an_account_that_is_no_rodsadmin_is_refused(
    scan: CommandLine, source: Path, home: str, irods: iRODSSession, tmp_path: Path
) -> None:
    fill(source, 1)
    irods.users.create("bulktester", "rodsuser")
    try:
        irods.users.modify("bulktester", "password", "bulkpass")
        ran = scan(
            "start", source, home, "--bulk",
            IRODS_HOST=irods.host, IRODS_PORT=str(irods.port), IRODS_USER_NAME="bulktester",
            IRODS_ZONE_NAME=irods.zone, IRODS_PASSWORD="bulkpass",
        )  # fmt: skip
    finally:
        irods.users.remove("bulktester")
    assert (ran.status, "--bulk needs a rodsadmin account" in ran.out) == (255, True)
    assert not list(irods.query(DataObject.id).filter(DataObject.path == str(source / "f0")))
