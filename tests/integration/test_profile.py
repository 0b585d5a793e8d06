"""`--profile`: what a run writes of its tasks, hooks and iRODS calls, where, and when not."""

import json
import os
import signal
import time
from pathlib import Path
from typing import Any

import pytest
from irods.session import iRODSSession

from tests.conftest import CommandLine, HandlerFile, Ran
from tests.support.integration import handler, hooks, rows

Line = dict[str, Any]
KEYS = {"kind", "name", "job", "pass_id", "task", "pid", "tid", "start", "duration"}
CONTENT = b"nobody-else-reads-this"


def lines(file: Path) -> list[Line]:
    return [json.loads(line) for line in file.read_text().splitlines()]


def span(line: Line) -> tuple[int, int]:
    """Start and end in microseconds."""
    start = round(line["start"] * 1e6)
    return start, start + round(line["duration"] * 1e6)


def within(inner: Line, outer: Line) -> bool:
    (start, end), (first, last) = span(inner), span(outer)
    return inner["pid"] == outer["pid"] and first <= start <= end <= last


def named(found: list[Line], name: str) -> list[Line]:
    return [line for line in found if line["name"] == name]


@pytest.fixture
def profile(tmp_path: Path) -> Path:
    """Where the profile goes; nothing is there yet."""
    return tmp_path / "profile.jsonl"


@pytest.fixture
def tree(source: Path) -> Path:
    """Two files, one of them in a directory whose name is no UTF-8."""
    (source / "a").write_bytes(CONTENT)
    below = os.fsencode(source) + b"/d\xff"
    os.mkdir(below)
    with open(below + b"/b", "wb") as out:
        out.write(CONTENT)
    return source


def test_tasks_hooks_and_calls_are_measured_and_lie_within_one_another(
    scan: CommandLine, tree: Path, home: str, profile: Path, tmp_path: Path, handler_file: HandlerFile
) -> None:
    asking = (
        "@staticmethod\ndef pre_data_obj_create(module, logger, session, meta, *args, **options):\n"
        "    session.collections.exists(meta['target'])\n"
    )
    body = handler("PUT", more=asking + hooks(tmp_path / "log", "pre_job", "post_coll_create"))
    before = time.time()
    options = ("--event_handler", handler_file(body), "--profile", "--profile_filename", profile, "--workers", "2")
    ran = scan.ingest(tree, home, *options, "--job_name", "measured")
    assert ran.status == 0, ran
    found = lines(profile)
    tasks = {line["task"]: line for line in found if line["kind"] == "task"}
    names = sorted(line["name"] for line in tasks.values())
    assert set(names) == {"OpenPass", "ListPath", "SyncFiles", "ClosePass"}
    assert names.count("ListPath") == 2
    assert sorted(line["name"] for line in found if line["kind"] == "hook") == [
        "post_coll_create", "post_coll_create", "pre_data_obj_create", "pre_data_obj_create", "pre_job",
    ]  # fmt: skip
    for line in found:
        assert KEYS <= line.keys() <= KEYS | {"path", "target", "error"}
        assert line["job"] == "measured"
        assert before <= line["start"] <= line["start"] + line["duration"] <= time.time()
        assert within(line, tasks[line["task"]]), line
    (hook,) = [each for each in named(found, "pre_data_obj_create") if each["target"] == f"{home}/a"]
    assert hook["path"] == str(tree / "a")
    assert {each["name"] for each in found if each["kind"] == "call" and within(each, hook)} == {"GEN_QUERY"}
    puts = named(found, "DATA_OBJ_PUT")
    assert [tasks[put["task"]]["name"] for put in puts] == ["SyncFiles", "SyncFiles"]
    assert f"{home}/a" in {put["target"] for put in puts}
    assert {line["path"] for line in named(found, "ListPath")} == {str(tree), f"{tree}/d\\udcff"}
    assert CONTENT.decode() not in profile.read_text()


def test_a_trace_of_a_run_has_every_event(scan: CommandLine, tree: Path, home: str, profile: Path) -> None:
    assert scan.ingest(tree, home, "--profile", "--profile-filename", profile).status == 0
    pieces = json.loads(scan("trace", profile).out)["traceEvents"]
    slices = [(each["cat"], each["name"], each["ts"]) for each in pieces if each["ph"] == "X"]
    assert slices == [(line["kind"], line["name"], span(line)[0]) for line in lines(profile)]
    assert {each["pid"] for each in pieces if each["ph"] == "M"} == {line["pid"] for line in lines(profile)}


def test_without_profile_nothing_is_written(scan: CommandLine, tree: Path, home: str, profile: Path) -> None:
    assert scan.ingest(tree, home, "--profile_filename", profile, "--profile_level", "DEBUG").status == 0
    assert not profile.exists()


@pytest.mark.parametrize(("level", "kinds"), [("DEBUG", {"task", "call"}), ("INFO", {"task"}), ("WARNING", set())])
def test_the_level_leaves_out_calls_and_then_tasks(
    scan: CommandLine, tree: Path, home: str, profile: Path, level: str, kinds: set[str]
) -> None:
    options = ("--profile", "--profile_filename", profile, "--profile_level", level)
    assert scan.ingest(tree, home, *options).status == 0
    assert {line["kind"] for line in lines(profile)} == kinds


def test_a_profile_of_an_earlier_hour_is_rotated_away(scan: CommandLine, tree: Path, home: str, profile: Path) -> None:
    profile.write_text("old\n")
    os.utime(profile, (1_700_000_000, 1_700_000_000))
    options = ("--profile", "--profile_filename", profile, "--profile_when", "h", "--profile_interval", "2")
    assert scan.ingest(tree, home, *options).status == 0
    (old,) = profile.parent.glob("profile.jsonl.*")
    assert old.read_text() == "old\n"
    assert named(lines(profile), "SyncFiles")


def test_what_a_hook_does_to_its_options_holds_when_it_is_measured(
    scan: CommandLine, tree: Path, home: str, profile: Path, tmp_path: Path, handler_file: HandlerFile
) -> None:
    body = (
        "@classmethod\ndef pre_data_obj_create(cls, module, logger, session, meta, *args, **options):\n"
        "    options['mine'] = cls.pre_calculate()\n"
        "@staticmethod\ndef pre_calculate():\n    return 1\n"
        "@classmethod\ndef on_data_obj_create(cls, func, *args, **options):\n"
        "    super().on_data_obj_create(func, *args, **options)\n"
        "@classmethod\ndef post_data_obj_create(cls, module, logger, session, meta, *args, **options):\n"
        f"    with open({str(tmp_path / 'seen')!r}, 'a') as out:\n        out.write(str(options['mine']))\n"
    )
    options = ("--profile", "--profile_filename", profile, "--workers", "1")
    ran = scan.ingest(tree, home, "--event_handler", handler_file(handler("PUT", more=body)), *options)
    assert ran.status == 0, ran
    assert (tmp_path / "seen").read_text() == "11"
    events = [line for line in lines(profile) if line["kind"] == "hook"]
    around = named(events, "on_data_obj_create")
    assert len(around) == 2
    for name in ("pre_data_obj_create", "post_data_obj_create"):
        assert [any(within(each, one) for one in around) for each in named(events, name)] == [True, True]


def test_hooks_and_calls_that_fail_are_told_with_the_class_of_the_error(
    scan: CommandLine, tree: Path, home: str, profile: Path, handler_file: HandlerFile
) -> None:
    body = (
        "@staticmethod\ndef pre_data_obj_create(module, logger, session, meta, *args, **options):\n"
        "    session.resources.remove('no-such-resource')\n"
    )
    options = ("--profile", "--profile_filename", profile, "--event_handler", handler_file(handler("PUT", more=body)))
    assert scan.ingest(tree, home, *options).status == 255
    (hook, _) = named(lines(profile), "pre_data_obj_create")
    (call,) = [line for line in lines(profile) if line["kind"] == "call" and within(line, hook)]
    assert call["error"] == hook["error"] != ""


def test_a_task_that_is_broken_off_is_in_the_profile(
    scan: CommandLine, tree: Path, home: str, profile: Path, handler_file: HandlerFile
) -> None:
    body = (
        "@staticmethod\ndef pre_data_obj_create(module, logger, session, meta, *args, **options):\n"
        "    import os, signal\n    os.kill(os.getpid(), signal.SIGKILL)\n"
    )
    options = ("--profile", "--profile_filename", profile, "--event_handler", handler_file(handler("PUT", more=body)))
    assert scan.ingest(tree, home, *options).status == 255
    broken = [line for line in lines(profile) if line.get("error") == "Aborted"]
    assert {(line["kind"], line["name"]) for line in broken} == {("task", "SyncFiles")}


def test_a_consumer_that_serves_jobs_has_its_own_profile_and_start_says_so(
    scan: CommandLine, tree: Path, home: str, profile: Path, tmp_path: Path, irods: iRODSSession
) -> None:
    options = ("--profile", "--profile_filename", profile, "--workers", "1")
    with scan.process(*options, program="consumer") as consumer:
        try:
            assert consumer.stderr is not None
            assert "Serving" in consumer.stderr.readline()
            ran = scan.ingest(tree, home, "--profile", "--profile_filename", tmp_path / "other")
        finally:
            consumer.send_signal(signal.SIGTERM)
            consumer.communicate()
    assert (ran.status, ran.err.count("--profile has no effect")) == (0, 1), ran
    assert len(rows(irods, home)) == 2
    assert named(lines(profile), "ClosePass")
    assert not (tmp_path / "other").exists()


def test_a_full_disk_costs_the_profile_and_not_the_job(
    scan: CommandLine, tree: Path, home: str, irods: iRODSSession
) -> None:
    ran = scan.ingest(tree, home, "--profile", "--profile_filename", "/dev/full")
    assert ran.status == 0, ran
    assert ran.err.count("the profile cannot be written") == 1
    assert "Traceback" not in ran.err
    assert len(rows(irods, home)) == 2


@pytest.mark.parametrize("program", ["scanner", "consumer"])
@pytest.mark.parametrize(
    ("options", "status", "word"),
    [
        (["--profile"], 1, "--profile_filename"),
        (["--profile", "--profile_filename", "/no/such/directory/p"], 1, "/no/such/directory/p"),
        (["--profile", "--profile_filename", "FILE", "--profile_when", "sometimes"], 1, "SOMETIMES"),
        (["--profile_level", "LOUD"], 2, "LOUD"),
        (["--profile_interval", "0"], 2, "--profile_interval"),
    ],
)
def test_profiles_that_cannot_be_are_refused_before_anything_starts(
    scan: CommandLine, source: Path, profile: Path, program: str, options: list[str], status: int, word: str
) -> None:
    options = [str(profile) if each == "FILE" else each for each in options]
    arguments = ["start", str(source), "/tempZone/home/rods/x", *options] if program == "scanner" else options
    ran: Ran = scan(*arguments, program=program)
    assert (ran.status, ran.out, ran.err.count("\n")) == (status, "", 1), ran
    assert word in ran.err
    assert "unexpected" not in ran.err
    assert not any(scan.jobs().values())
