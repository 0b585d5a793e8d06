"""The 24 combinations of operation and delete mode: what is in the catalog, the trash, the vault and the source."""

import shutil
from collections.abc import Iterator
from pathlib import Path
from typing import NamedTuple

import pytest
from irods.session import iRODSSession

from ingest import DeleteMode, Operation
from tests.conftest import CommandLine, HandlerFile, Ran
from tests.support.integration import Storage, collections, content, deleting, handler, let_others_in, rows

GOES = {
    "NO_OP": ("DO_NOT_DELETE",),
    "PUT": ("DO_NOT_DELETE",),
    "REGISTER_SYNC": ("DO_NOT_DELETE", "UNREGISTER"),
    "REGISTER_AS_REPLICA_SYNC": ("DO_NOT_DELETE", "UNREGISTER"),
    "PUT_SYNC": ("DO_NOT_DELETE", "TRASH", "NO_TRASH"),
    "PUT_APPEND": ("DO_NOT_DELETE", "TRASH", "NO_TRASH"),
}
ALL = [(operation.name, mode.name) for operation in Operation for mode in DeleteMode]
COMPATIBLE = [each for each in ALL if each[1] in GOES[each[0]]]
INCOMPATIBLE = [each for each in ALL if each not in COMPATIBLE]
GONE = {"gone", "d/gone", "d/e/gone"}


class Ingested(NamedTuple):
    """A target with objects of `operation`, and `alien`, which somebody else registered; their sources then went."""

    operation: str
    resource: str
    alien: Path
    trash: str


@pytest.fixture
def scan(served: CommandLine) -> CommandLine:
    return served


@pytest.fixture
def ingested(
    request: pytest.FixtureRequest, scan: CommandLine, source: Path, home: str, irods: iRODSSession, storage: Storage,
    handler_file: HandlerFile, tmp_path: Path,
) -> Iterator[Ingested]:  # fmt: skip
    operation, resource = request.param, storage.resource()
    (source / "d" / "e").mkdir(parents=True)
    for name in ("kept", *GONE):
        (source / name).write_text(f"content of {name}")
    first = "REGISTER_SYNC" if operation == "NO_OP" else operation
    assert scan.ingest(source, home, "--event_handler", handler_file(handler(first, resource=resource))).status == 0
    alien = let_others_in(tmp_path) / "registered"
    alien.write_text("somebody's data")
    irods.data_objects.register(str(alien), f"{home}/alien", rescName=resource)
    shutil.rmtree(source / "d")
    (source / "gone").unlink()
    (source / "kept").write_text("content of kept, and more")
    (source / "new").write_text("new")
    trash = home.replace(f"/{irods.zone}/home/", f"/{irods.zone}/trash/home/", 1)
    yield Ingested(operation, resource, alien, trash)
    if irods.collections.exists(trash):
        irods.collections.remove(trash, recurse=True, force=True)


def run(scan: CommandLine, source: Path, home: str, handler_file: HandlerFile, done: Ingested, mode: str) -> Ran:
    file = handler_file(handler(done.operation, resource=done.resource, more=deleting(mode)))
    return scan.ingest(source, home, "--event_handler", file)


@pytest.mark.parametrize(("ingested", "mode"), INCOMPATIBLE, indirect=["ingested"])
def test_an_incompatible_mode_fails_the_job_and_touches_nothing(
    scan: CommandLine, source: Path, home: str, irods: iRODSSession, handler_file: HandlerFile, ingested: Ingested,
    mode: str,
) -> None:  # fmt: skip
    before, known = rows(irods, home), collections(irods, home)
    ran = run(scan, source, home, handler_file, ingested, mode)
    assert ran.status in (1, 255), ran
    assert f"operation {ingested.operation} and delete mode {mode} are incompatible" in ran.err + ran.out
    assert (rows(irods, home), collections(irods, home)) == (before, known)
    assert not irods.collections.exists(ingested.trash)
    assert ingested.alien.read_text() == "somebody's data"


@pytest.mark.parametrize(("ingested", "mode"), COMPATIBLE, indirect=["ingested"])
def test_a_compatible_mode_does_what_the_table_says_and_no_registered_file_is_lost(
    scan: CommandLine, source: Path, home: str, irods: iRODSSession, handler_file: HandlerFile, ingested: Ingested,
    mode: str,
) -> None:  # fmt: skip
    before = rows(irods, home)
    assert set(before) == {"kept", "alien", *GONE}
    ran = run(scan, source, home, handler_file, ingested, mode)
    assert ran.status == 0, ran
    after = rows(irods, home)
    assert_synced(irods, home, ingested.operation, mode)
    old = [Path(before[name][0].path) for name in sorted(GONE)]
    if mode == "DO_NOT_DELETE":
        assert {name: after[name] for name in ("alien", *GONE)} == {name: before[name] for name in ("alien", *GONE)}
        assert collections(irods, home) == {"d", "d/e"}
    else:
        assert not set(after) & {"alien", *GONE}
        assert collections(irods, home) == set()
        assert " 6 deleted" in ran.out
    puts = ingested.operation.startswith("PUT")
    assert [path.exists() for path in old] == [puts and mode == "DO_NOT_DELETE"] * 3
    assert ingested.alien.read_text() == "somebody's data"
    if mode == "TRASH":
        trashed = rows(irods, ingested.trash)
        assert {name for name in trashed if name in GONE} == GONE
        assert {content(irods, f"{ingested.trash}/{name}") for name in GONE} == {
            f"content of {name}".encode() for name in GONE
        }
        assert trashed["alien"][0].path == str(ingested.alien)
    else:
        assert not irods.collections.exists(ingested.trash)


def assert_synced(irods: iRODSSession, home: str, operation: str, mode: str) -> None:
    """What the source still has, or has now, is in the catalog as the operation says."""
    after = rows(irods, home)
    sizes = {name: after[name][0].size for name in ("kept", "new") if name in after}
    if operation == "NO_OP":
        assert sizes == {"kept": 15}
    elif operation == "PUT":
        assert sizes == {"kept": 15, "new": 3}
    else:
        assert sizes == {"kept": 25, "new": 3}


PER_FILE = """@staticmethod
def operation(session, meta, **options):
    size = meta['size'] if meta.get('entry_type') == 'file' else None
    return Operation.PUT if meta['path'].endswith('.put') else Operation.REGISTER_SYNC
"""


@pytest.mark.parametrize("operation", ["PUT", "NO_OP"])
def test_the_answer_for_the_directory_governs_deletion_and_a_file_of_another_operation_is_no_failure(
    scan: CommandLine, source: Path, home: str, irods: iRODSSession, handler_file: HandlerFile, operation: str
) -> None:
    names = ("gone", "gone.put", "kept", "kept.put")
    for name in names:
        (source / name).write_text("content")
    assert scan.ingest(source, home).status == 0
    before = rows(irods, home)
    for name in names:
        (source / name).write_text("changed content")
    for name in ("gone", "gone.put"):
        (source / name).unlink()
    body = PER_FILE.replace("Operation.PUT ", f"Operation.{operation} ") + deleting("UNREGISTER")
    ran = scan.ingest(source, home, "--event_handler", handler_file(body))
    assert (ran.status, ran.out.count("0 failed"), ran.out.count("2 deleted")) == (0, 1, 1), ran
    after = rows(irods, home)
    assert set(after) == {"kept", "kept.put"}
    assert (after["kept"][0].size, after["kept.put"]) == (15, before["kept.put"])


def test_an_incompatible_directory_fails_alone_and_nothing_in_it_is_deleted(
    scan: CommandLine, source: Path, home: str, irods: iRODSSession, handler_file: HandlerFile
) -> None:
    for name in ("fine", "dir.put"):
        (source / name).mkdir()
        (source / name / "gone").write_text("content")
        (source / name / "kept").write_text("content")
    assert scan.ingest(source, home).status == 0
    for name in ("fine", "dir.put"):
        (source / name / "gone").unlink()
    ran = scan.ingest(source, home, "--event_handler", handler_file(PER_FILE + deleting("UNREGISTER")))
    assert ran.status == 255, ran
    assert "Failed dir.put: operation PUT and delete mode UNREGISTER are incompatible" in ran.out
    assert set(rows(irods, home)) == {"fine/kept", "dir.put/gone", "dir.put/kept"}


def test_what_only_a_worker_can_know_to_be_incompatible_fails_the_job_before_anything_is_touched(
    scan: CommandLine, source: Path, home: str, irods: iRODSSession, handler_file: HandlerFile
) -> None:
    (source / "gone").write_text("content")
    assert scan.ingest(source, home).status == 0
    (source / "gone").unlink()
    (source / "new").write_text("content")
    body = "@staticmethod\ndef operation(session, meta, **options):\n"
    body += "    return Operation.PUT if session.zone and meta['path'] else None\n"
    ran = scan.ingest(source, home, "--event_handler", handler_file(body + deleting("NO_TRASH")))
    assert (ran.status, ran.out.count("operation PUT and delete mode NO_TRASH are incompatible")) == (255, 1), ran
    assert set(rows(irods, home)) == {"gone"}
