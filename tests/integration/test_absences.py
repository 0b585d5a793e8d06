"""A source that a consumer does not see: its own job waits, and only that."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from irods.session import iRODSSession

from tests.conftest import CommandLine, HandlerFile
from tests.support.catalog import catalog, tree
from tests.support.integration import handler, wait_until

FILES = 200
ONE_BY_ONE = ("--files_per_task", "1")


@pytest.fixture
def consumer(scan: CommandLine) -> Iterator[None]:
    """A consumer that is ready."""
    process = scan.process("--workers", "2", program="consumer")
    assert process.stderr is not None
    assert "Serving restart, path, file" in process.stderr.readline()
    yield
    process.kill()
    process.communicate()


def moved_away(source: Path, aside: Path) -> str:
    """A handler that loses the source in the middle of the job, and allows the file that meets this another try."""
    return (
        handler("REGISTER_SYNC").replace(
            "    return Operation",
            f"    import os\n    if meta['path'].endswith('/f9') and not os.path.exists({str(aside)!r} + '.once'):\n"
            f"        open({str(aside)!r} + '.once', 'w').close()\n        os.rename({str(source)!r}, {str(aside)!r})\n"
            "    return Operation",
        )
        + "    @staticmethod\n    def max_retries(module, logger, meta):\n        return 3\n"
    )


@pytest.mark.usefixtures("consumer")
def test_other_jobs_go_on_while_one_waits_for_its_source(
    scan: CommandLine, source: Path, home: str, irods: iRODSSession, handler_file: HandlerFile, tmp_path: Path
) -> None:
    beside, aside = tmp_path / "beside", tmp_path / "aside"
    beside.mkdir()
    for number in range(FILES):
        (source / f"f{number}").write_text(str(number))
        (beside / f"f{number}").write_text(str(number))
    file = handler_file(moved_away(source, aside))

    def job() -> dict[str, Any]:
        jobs = [each for group in scan.jobs().values() for each in group]
        return next(each for each in jobs if each["job_name"] == "j")

    assert scan("start", source, f"{home}/j", "--job_name", "j", *ONE_BY_ONE, "--event_handler", file).status == 0
    wait_until(lambda: any("does not see" in reason for reason in job()["waits_for"]))
    assert scan.ingest(beside, f"{home}/beside", *ONE_BY_ONE).status == 0
    assert catalog(irods, f"{home}/beside") == tree(beside, f"{home}/beside")
    assert job()["files"]["remaining"] > 0
    aside.rename(source)
    wait_until(lambda: job()["state"] == "finished")
    assert (job()["files"]["done"], job()["files"]["failed"]) == (FILES, 0)
    assert catalog(irods, f"{home}/j") == tree(source, f"{home}/j")
