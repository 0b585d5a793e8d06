"""Options of `ingest-watch` that cannot be meant are refused in a sentence, before anything starts."""

from __future__ import annotations

from pathlib import Path

import pytest
from irods.session import iRODSSession

from tests.conftest import CommandLine
from tests.support.integration import rows, wait_until
from tests.support.watching import Watching, at_rest

BAD_TOGETHER = [
    ["--no-events", "--quiet", "5"],
    ["--no-events", "--marker", ".done"],
    ["--no-events", "--temporary", "*.tmp"],
    ["--no-events", "--backend", "polling"],
    ["--no-events", "--poll-interval", "5"],
    ["--no-events", "--max-watches", "5"],
    ["--no-events", "--spool", "spool.db"],
    ["--backend polling", "--max-watches", "5"],
    ["--backend watchdog", "--poll-interval", "5"],
]


def refused(scan: CommandLine, source: Path, *options: str | Path) -> str:
    """Why the options are refused; there is no job then, and no state file in the source."""
    ran = scan(source, "/zone/home/target", *options, program="watcher")
    assert (ran.status, ran.err.count("\n")) == (1, 1), ran.err
    assert not list(source.iterdir())
    return ran.err


@pytest.mark.parametrize("options", BAD_TOGETHER, ids=" ".join)
def test_an_option_that_would_be_ignored_is_refused(scan: CommandLine, source: Path, options: list[str]) -> None:
    said = refused(scan, source, *options[0].split(), *options[1:])
    assert said == f"ingest-watch: {options[1]} has no meaning with {options[0]}" + (
        ", which only scans\n" if options[0] == "--no-events" else "\n"
    )


def test_a_marker_that_no_name_can_end_in_is_refused(scan: CommandLine, source: Path) -> None:
    assert "--marker 'a/b' has a slash" in refused(scan, source, "--marker", "a/b")


def test_a_bad_temporary_name_is_refused_under_the_name_of_its_option(scan: CommandLine, source: Path) -> None:
    assert "--temporary '[' is not a gitignore pattern" in refused(scan, source, "--temporary", "[")


def test_a_time_that_no_clock_can_hold_is_refused(scan: CommandLine, source: Path) -> None:
    for option in ("--reconcile-interval", "--quiet"):
        ran = scan(source, "/zone/home/target", option, "9" * 400, program="watcher")
        assert (ran.status, option in ran.err, ran.err.count("\n")) == (2, True, 1), ran.err
    ran = scan("start", source, "/zone/home/target", "--interval", "9" * 400)
    assert (ran.status, "--interval" in ran.err, ran.err.count("\n")) == (2, True, 1), ran.err


def test_a_spool_that_is_the_state_file_is_refused(scan: CommandLine, source: Path) -> None:
    assert scan.jobs()["periodic"] == []  # the state file is there
    link = scan.state.with_name("link.db")
    link.symlink_to(scan.state)
    for spool in (scan.state, link):
        assert "is the state file" in refused(scan, source, "--spool", spool)


@pytest.mark.parametrize("option", ["--state (INGEST_STATE)", "--spool", "--log_filename", "--profile_filename"])
def test_a_file_of_ours_within_the_source_is_refused_unless_it_is_left_out(
    scan: CommandLine, source: Path, home: str, irods: iRODSSession, tmp_path: Path, option: str
) -> None:
    link = tmp_path / "link"
    link.symlink_to(source)
    file = link / "ours" / "file"
    options: list[str | Path] = [
        option.split(maxsplit=1)[0],
        file,
        *(["--profile"] if option == "--profile_filename" else []),
    ]
    said = refused(scan, source, *options)
    assert said.startswith(f"ingest-watch: {option} {file} is within the source: ")
    if option == "--state (INGEST_STATE)":
        assert "is within the source" in refused(scan, source, *options, "--exclude", "file")  # and file-wal is not
        options += ["--spool", tmp_path / "spool.db"]
    (source / "theirs").write_text("x")
    (source / "ours").mkdir()
    scan.state = file if option.startswith("--state") else scan.state
    watching = Watching(scan, source, home, *options, "--exclude", "ours/", "--workers", "1", log=tmp_path / "log")
    wait_until(at_rest(watching))
    assert set(rows(irods, home)) == {"theirs"}
    assert watching.end()[0] == 0


def test_that_linked_directories_are_not_watched_is_said(
    scan: CommandLine, source: Path, home: str, irods: iRODSSession, tmp_path: Path
) -> None:
    (tmp_path / "elsewhere").mkdir()
    (tmp_path / "elsewhere/file").write_text("x")
    (source / "link").symlink_to(tmp_path / "elsewhere")
    options = ("--follow-symlinks", "--reconcile-interval", "1", "--workers", "1")
    watching = Watching(scan, source, home, *options, log=tmp_path / "log")
    assert watching.said().count("warning: linked directories are not watched") == 1
    (tmp_path / "elsewhere/new").write_text("x")
    wait_until(lambda: irods.collections.exists(home) and set(rows(irods, home)) == {"link/file", "link/new"})
    assert watching.end()[0] == 0
