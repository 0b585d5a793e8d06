"""The log has a line for each path, with what became of it, and groups failures of one kind."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest

from tests.conftest import CommandLine, HandlerFile
from tests.support.integration import wait_until

HANDLER = """
@staticmethod
def operation(session, meta, **options):
    return Operation.PUT_SYNC
@staticmethod
def delete_mode(meta):
    return DeleteMode.TRASH
"""
REFUSING = """
@staticmethod
def operation(session, meta, **options):
    return Operation.PUT_SYNC
@staticmethod
def pre_data_obj_create(hdlr_mod, logger, session, meta, **options):
    if meta["path"].endswith(".bad"):
        raise RuntimeError("not today: " + meta["path"])
"""


def lines(log: Path) -> list[dict[str, Any]]:
    return [json.loads(line) for line in log.read_text().splitlines()]


def test_each_file_collection_deletion_and_pass_has_a_line_at_info(
    scan: CommandLine, source: Path, home: str, tmp_path: Path, handler_file: HandlerFile
) -> None:
    (source / "sub").mkdir()
    (source / "sub" / "file").write_text("12345")
    (source / "other").write_text("1")
    options = ("--event_handler", handler_file(HANDLER), "--log_level", "INFO", "--log_filename")
    ran = scan.ingest(source, home, *options, tmp_path / "first")
    assert ran.status == 0, ran
    written = lines(tmp_path / "first")
    files = {line["path"]: line for line in written if line["event"] == "file"}
    assert {path: (each["target"], each["outcome"], each["bytes"]) for path, each in files.items()} == {
        "sub/file": (f"{home}/sub/file", "done", 5),
        "other": (f"{home}/other", "done", 1),
    }
    assert all(line["seconds"] >= 0 for line in files.values())
    events = [line["event"] for line in written]
    assert [line["path"] for line in written if line["event"] == "collection created"] == ["", "sub"]
    (begun,) = [line for line in written if line["event"] == "pass begun"]
    (ended,) = [line for line in written if line["event"] == "pass ended"]
    assert (begun["target"], begun["pass_id"]) == (home, ended["pass_id"])
    assert (ended["done"], ended["failed"], ended["collections"], ended["bytes"]) == (2, 0, 2, 6)
    assert events.index("pass begun") < events.index("file") < events.index("pass ended")

    (source / "other").unlink()
    ran = scan.ingest(source, home, *options, tmp_path / "second")
    assert ran.status == 0, ran
    written = lines(tmp_path / "second")
    assert [(line["target"], line["outcome"]) for line in written if line["event"] == "deletion"] == [
        (f"{home}/other", "done")
    ]
    assert {
        line["path"]: line["unchanged"] for line in written if line["event"] == "listed" and "unchanged" in line
    } == {"sub": 1}
    (ended,) = [line for line in written if line["event"] == "pass ended"]
    assert (ended["unchanged"], ended["deleted"]) == (1, 1)


def test_failures_of_one_kind_are_grouped_after_the_first_ten_but_each_has_its_line_at_info(
    scan: CommandLine, source: Path, home: str, tmp_path: Path, handler_file: HandlerFile
) -> None:
    for number in range(25):
        (source / f"{number}.bad").write_text("1")
    handler = handler_file(REFUSING)
    for level in ("WARNING", "INFO"):
        log = tmp_path / level
        options = ("--event_handler", handler, "--log_level", level, "--log_filename", log)
        assert scan.ingest(source, f"{home}/{level}", *options).status == 255
        failed = [line for line in lines(log) if line["event"] == "failed"]
        assert [line["level"] for line in failed][:10] == ["error"] * 10
        assert len({line["path"] for line in failed}) == len(failed) == (10 if level == "WARNING" else 25)
        (more,) = [line for line in lines(log) if line["event"].startswith("… and")]
        assert (more["event"], more["level"]) == ("… and 15 more of this kind", "error")
        assert "not today" in more["kind"] or more["kind"] == "RuntimeError"


def test_letters_set_the_level_and_retry_has_them_too(
    scan: CommandLine, source: Path, home: str, handler_file: HandlerFile
) -> None:
    (source / "1.bad").write_text("1")
    handler = handler_file(REFUSING)
    ran = scan.ingest(source, home, "--job_name", "job", "--event_handler", handler)
    assert (ran.status, "failed" in ran.err, "pass begun" in ran.err) == (255, True, False)
    for letter, words in {"-v": ["pass begun", "error"], "-vv": ["pass begun", "error"], "-q": ["error"]}.items():
        ran = scan("retry", "job", letter)
        assert ran.status == 255, ran
        assert [word for word in ("pass begun", "error") if word in ran.err] == words, ran


def test_letters_go_before_the_environment(scan: CommandLine, source: Path, home: str, tmp_path: Path) -> None:
    (source / "file").write_text("1")
    log = tmp_path / "log"
    ran = scan("start", source, home, "--synchronous", "-v", "--log_filename", log, INGEST_LOG_LEVEL="ERROR")
    assert ran.status == 0, ran
    assert "pass ended" in [line["event"] for line in lines(log)]


@pytest.mark.parametrize("program", ["watcher", "consumer"])
def test_watch_and_consume_have_the_letters(scan: CommandLine, program: str) -> None:
    ran = scan("-vq", *(["/nowhere", "/z"] if program == "watcher" else []), program=program)
    assert ran.status == 2
    assert "-v and -q cannot be given together" in " ".join(ran.err.split())


def test_a_move_has_a_line_with_both_names(scan: CommandLine, source: Path, home: str, tmp_path: Path) -> None:
    (source / "before").write_text("1")
    log = tmp_path / "log"
    watching = scan.process(source, home, "-v", "--log_filename", log, "--quiet", "0.1", program="watcher")
    try:
        wait_until(lambda: log.exists() and any(each.get("path") == "before" for each in lines(log)))
        (source / "before").rename(source / "after")
        wait_until(lambda: any(each["event"] == "moved" for each in lines(log)))
    finally:
        watching.terminate()
        watching.communicate(timeout=60)
    (moved,) = [each for each in lines(log) if each["event"] == "moved"]
    assert (moved["old"], moved["path"]) == ("before", "after")
