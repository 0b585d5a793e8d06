"""`--delete-only-ingested` leaves what others brought, also if this program has tried to change it and was refused."""

from __future__ import annotations

from pathlib import Path

from irods.session import iRODSSession

from tests.conftest import CommandLine, HandlerFile
from tests.support.integration import deleting, handler, rows


def test_an_object_of_others_that_could_not_be_overwritten_stays_when_its_file_is_gone(
    scan: CommandLine, source: Path, home: str, handler_file: HandlerFile, irods: iRODSSession, tmp_path: Path
) -> None:
    theirs = tmp_path / "theirs"
    theirs.write_text("of others")
    (source / "x").write_text("ours")
    (source / "y").write_text("ours")
    irods.collections.create(home)
    irods.data_objects.register(str(theirs), f"{home}/x", dataSize="9", dataModify="01700000000")
    command = [
        "--event_handler",
        str(handler_file(handler("PUT_SYNC", more=deleting("NO_TRASH")))),
        "--delete-only-ingested",
    ]
    ran = scan.ingest(source, home, *command)
    assert (ran.status, "would overwrite that file" in ran.out) == (255, True), ran
    (source / "x").unlink()
    assert scan.ingest(source, home, *command).status == 0
    assert set(rows(irods, home)) == {"x", "y"}
    assert theirs.read_text() == "of others"
