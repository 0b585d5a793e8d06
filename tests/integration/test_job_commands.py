"""What failed can be listed, tried again and explained, and a job can be forgotten."""

import json
import shutil
from pathlib import Path

import pytest
from irods.session import iRODSSession

from tests.conftest import CommandLine, HandlerFile
from tests.support.catalog import catalog, tree
from tests.support.counting_proxy import START_CALLS, CountingProxy

REFUSES_BAD = """
@staticmethod
def pre_data_obj_create(hdlr_mod, logger, session, meta, *args, **options):
    import os
    if os.path.exists({gate!r}) and "bad" in meta["path"]:
        raise RuntimeError("not this one")
"""


@pytest.fixture
def failed(scan: CommandLine, source: Path, home: str, handler_file: HandlerFile, tmp_path: Path) -> Path:
    """A job `j` of which two files have failed; they will go as soon as the file that is given is gone."""
    gate = tmp_path / "gate"
    gate.touch()
    for name in ("good1", "bad1", "good2"):
        (source / name).write_text(name)
    (source / "sub").mkdir()
    (source / "sub" / "bad2").write_text("x")
    (source / "pipe").symlink_to("/etc/hostname")
    handler = handler_file(REFUSES_BAD.format(gate=str(gate)))
    assert scan.ingest(source, home, "--job_name", "j", "--event_handler", handler).status == 255
    return gate


def problems(scan: CommandLine) -> dict[str, dict[str, object]]:
    """What `failures j` prints, by path."""
    lines = [json.loads(line) for line in scan("failures", "j").out.splitlines()]
    return {line["path"]: line for line in lines}


@pytest.mark.usefixtures("failed")
def test_failures_lists_each_path_with_its_reason_and_what_was_skipped_last(scan: CommandLine) -> None:
    listed = problems(scan)
    assert list(listed) == ["bad1", "sub/bad2", "pipe"]
    assert "pre_data_obj_create() of the event handler: RuntimeError: not this one" in str(listed["bad1"]["reason"])
    assert (listed["bad1"]["skipped"], listed["bad1"]["attempts"], listed["pipe"]["skipped"]) == (False, 1, True)


def test_retry_syncs_what_failed_and_nothing_else(
    scan: CommandLine, failed: Path, calls: CountingProxy, source: Path, home: str, irods: iRODSSession
) -> None:
    failed.unlink()
    ran = scan("retry", "j")
    assert (ran.status, "2 files" in ran.out, "2 synced" in ran.out) == (0, True, True)
    assert calls.calls["PHY_PATH_REG"] == 2
    expected = tree(source, home)
    del expected[f"{home}/pipe"]
    assert catalog(irods, home) == expected
    assert list(problems(scan)) == ["pipe"], "what was skipped is still told"


def test_retry_of_one_path_leaves_the_other_failures_on_the_list(scan: CommandLine, failed: Path) -> None:
    failed.unlink()
    assert scan("retry", "j", "--path", "bad1").status == 0
    assert list(problems(scan)) == ["sub/bad2", "pipe"]


@pytest.mark.usefixtures("failed")
def test_what_fails_again_is_listed_again_and_the_status_says_so(scan: CommandLine) -> None:
    assert scan("retry", "j").status == 255
    assert list(problems(scan)) == ["bad1", "sub/bad2", "pipe"]


def test_a_failed_file_that_is_gone_is_no_failure_any_more(scan: CommandLine, failed: Path, source: Path) -> None:
    shutil.rmtree(source / "sub")
    failed.unlink()
    assert scan("retry", "j").status == 0
    assert list(problems(scan)) == ["pipe"]


@pytest.mark.usefixtures("failed")
@pytest.mark.parametrize(
    ("arguments", "sentence"),
    [
        (("retry", "nobody"), "there is no job nobody"),
        (("retry", "j", "--path", "good1"), "good1 is not among the failures of j"),
        (("failures", "nobody"), "there is no job nobody"),
        (("forget", "nobody"), "there is no job nobody"),
        (("watch", "nobody"), "there is no job nobody"),
        (("stop", "nobody"), "there is no job nobody"),
        (("stop", "j"), "job j is not active: it is finished"),
        (("why", "/nowhere/at/all"), "no job covers /nowhere/at/all"),
    ],
)
def test_a_command_on_something_that_is_not_there_is_refused_in_a_sentence(
    scan: CommandLine, arguments: tuple[str, ...], sentence: str
) -> None:
    ran = scan(*arguments)
    assert (ran.status, ran.out, ran.err) == (1, "", f"ingest-scan: {sentence}\n")


@pytest.mark.usefixtures("failed")
def test_why_tells_of_a_source_path_and_of_a_logical_path_alike(scan: CommandLine, source: Path, home: str) -> None:
    of_source, of_logical = scan("why", source / "bad1").out, scan("why", f"{home}/bad1").out
    assert of_source == of_logical
    for part in ("regular, 4 bytes", f"{home}/bad1", "not known", "catalog: nothing", "not this one", "register"):
        assert part in of_source
    arrived = scan("why", source / "good1").out
    for part in ("synced before", "replica 0", "5 bytes", str(source / "good1"), "nothing"):
        assert part in arrived
    assert "left alone: a link that leaves the source" in scan("why", source / "pipe").out


def test_a_forgotten_job_is_off_the_list_and_its_paths_are_out_of_the_cache(
    scan: CommandLine, calls: CountingProxy, source: Path, home: str
) -> None:
    (source / "file").write_text("x")
    for _ in range(2):
        calls.reset()
        assert scan.ingest(source, home, "--job_name", "j").status == 0
    assert calls.total() == START_CALLS, "the path cache answers"
    assert scan("forget", "j").status == 0
    assert scan.jobs()["finished"] == []
    assert scan.ingest(source, home, "--job_name", "j").status == 0
    assert calls.total() > START_CALLS, "the catalog is asked again"
