"""The path cache is about one root collection: what was removed or restored as a whole is not "unchanged"."""

from __future__ import annotations

from pathlib import Path

import pytest
from irods.session import iRODSSession

from tests.conftest import CommandLine, HandlerFile
from tests.support.integration import handler, rows


@pytest.mark.parametrize("restored", [False, True], ids=["removed", "made again by somebody"])
def test_a_target_that_was_removed_is_filled_again(
    scan: CommandLine, source: Path, home: str, handler_file: HandlerFile, irods: iRODSSession, *, restored: bool
) -> None:
    (source / "d").mkdir()
    for name in ("a", "d/b"):
        (source / name).write_text(name)
    options: list[str | Path] = ["--event_handler", handler_file(handler("PUT_SYNC"))]
    assert scan.ingest(source, home, *options).status == 0
    irods.collections.remove(home, recurse=True, force=True)
    if restored:
        irods.collections.create(home)
    assert scan.ingest(source, home, *options).status == 0
    assert scan.last()["files"]["done"] == 2
    assert set(rows(irods, home)) == {"a", "d/b"}
    assert scan.ingest(source, home, *options).status == 0
    assert scan.last()["files"]["unchanged"] == 2
