"""`--dry-run` prints what the run that follows does, and changes nothing."""

import json
import os
import shutil
from pathlib import Path

import pytest
from irods.session import iRODSSession

from tests.conftest import CommandLine, HandlerFile
from tests.support.integration import collections, deleting, handler, rows

EVENT = {
    "create collection": "coll_create",
    "register": "data_obj_create",
    "put": "data_obj_create",
    "update": "data_obj_modify",
    "overwrite": "data_obj_modify",
    "append": "data_obj_modify",
    "modify hooks": "data_obj_modify",
    "delete": "data_obj_delete",
    "delete collection": "coll_delete",
}
NOTHING_DONE = {"nothing", "skip", "fail", "delete nothing"}
UNREGISTERS = ("REGISTER_SYNC", "UNREGISTER")
both = pytest.mark.parametrize(("operation", "mode"), [UNREGISTERS, ("PUT_SYNC", "NO_TRASH")])


@pytest.fixture
def scan(served: CommandLine) -> CommandLine:
    return served


def told(log: Path, operation: str, mode: str, more: str = "") -> str:
    """The body of a handler class that logs the events of a run as JSON lines."""
    body = handler(operation, more=deleting(mode) + more)
    for event in sorted(set(EVENT.values())):
        arguments = "session, meta" if event.endswith("_delete") else "logger, session, meta, *args"
        body += (
            f"@staticmethod\ndef post_{event}(module, {arguments}, **options):\n    import json\n"
            f"    open({str(log)!r}, 'a').write(json.dumps([{event!r}, meta['target']]) + '\\n')\n"
        )
    return body


def make(source: Path) -> None:
    """A tree, as the first pass finds it."""
    for name in ("same", "changed", "gone", "d/gone", "d/same", "gone d/e/f", "to file/a/b", "to directory", "mode"):
        (source / name).parent.mkdir(parents=True, exist_ok=True)
        (source / name).write_text(f"content of {name}")


def change(source: Path) -> None:
    """Something of everything."""
    for name in ("gone", "d/gone", "to directory"):
        (source / name).unlink()
    for name in ("gone d", "to file"):
        shutil.rmtree(source / name)
    (source / "to file").mkdir()
    (source / "to file").rmdir()
    (source / "to file").write_text("now a file")
    (source / "to directory" / "sub").mkdir(parents=True)
    (source / "to directory" / "sub" / "x").write_text("now a directory")
    (source / "changed").write_text("changed")
    (source / "new d").mkdir()
    (source / "new").write_text("new")
    Path(os.fsdecode(os.fsencode(source) + b"/bad\xff")).write_text("undecodable")
    (source / "loop").symlink_to("/etc/hostname")
    (source / "mode").chmod(0o600)


def plan_of(scan: CommandLine, source: Path, home: str, *options: str | Path) -> list[dict[str, str]]:
    ran = scan("start", source, home, "--dry-run", *options)
    assert ran.status == 0, ran
    return [json.loads(line) for line in ran.out.splitlines()]


def compare(scan: CommandLine, source: Path, home: str, log: Path, *options: str | Path) -> list[dict[str, str]]:
    """Plan, run, and hold one against the other; gives the plan."""
    log.unlink(missing_ok=True)
    plan = plan_of(scan, source, home, *options)
    assert not log.exists()
    assert not {line["action"] for line in plan} - set(EVENT) - NOTHING_DONE
    ran = scan.ingest(source, home, *options)
    events = [json.loads(line) for line in log.read_text().splitlines()] if log.exists() else []
    planned = [[EVENT[line["action"]], line["target"]] for line in plan if line["action"] in EVENT]
    assert sorted(events) == sorted(planned), ran
    order = [[each for each in these if each[0] == "coll_delete"] for these in (events, planned)]
    assert order[0] == order[1]
    problems = [line for line in plan if line["action"] in ("skip", "fail", "delete nothing")]
    for line in problems:
        assert line["reason"].split(": ", 1)[-1] in ran.out, ran
    assert ran.out.count("\nFailed ") == sum(line["action"] in ("fail", "delete nothing") for line in plan), ran
    assert ran.out.count("\nSkipped ") == sum(line["action"] == "skip" for line in plan), ran
    return plan


@both
def test_plan_and_run_agree_on_everything_and_the_plan_changes_nothing(
    scan: CommandLine, source: Path, home: str, irods: iRODSSession, handler_file: HandlerFile, tmp_path: Path,
    operation: str, mode: str,
) -> None:  # fmt: skip
    log = tmp_path / "log"
    options = ("--event_handler", handler_file(told(log, operation, mode)))
    make(source)
    if operation == "PUT_SYNC":  # a zone keeps the folders of a removed tree in its vault: no file can take its name
        shutil.move(source / "to file" / "a" / "b", source / "to file" / "b")
        (source / "to file" / "a").rmdir()
    compare(scan, source, home, log, *options)
    plan = compare(scan, source, home, log, *options)
    assert {line["action"] for line in plan} == {"nothing"}
    change(source)
    before, known = rows(irods, home), collections(irods, home)
    plan_of(scan, source, home, *options)
    assert (rows(irods, home), collections(irods, home)) == (before, known)
    plan = compare(scan, source, home, log, *options)
    deleted = {line["target"].removeprefix(f"{home}/") for line in plan if line["action"].startswith("delete")}
    assert deleted >= {"gone", "d/gone", "gone d", "gone d/e", "gone d/e/f", "to file", "to file/b", "to directory"} - (
        {"to file/b"} if operation == "REGISTER_SYNC" else set()
    )


def test_an_objection_is_planned_with_its_consequences(
    scan: CommandLine, source: Path, home: str, irods: iRODSSession, handler_file: HandlerFile, tmp_path: Path
) -> None:
    log = tmp_path / "log"
    options = ("--event_handler", handler_file(told(log, *UNREGISTERS)))
    make(source)
    assert scan.ingest(source, home, *options).status == 0
    change(source)
    plan = compare(scan, source, home, log, *options, "--max-delete", "8")
    actions = [line["action"] for line in plan]
    assert (actions.count("delete nothing"), actions.count("fail")) == (1, 2)
    assert not [each for each in actions if each in ("delete", "delete collection")]
    plan = compare(scan, source, home, log, *options, "--max-delete", "9")
    assert len([line for line in plan if line["action"].startswith("delete")]) == 9


def test_what_has_another_operation_or_is_kept_by_the_handler_is_planned_as_it_goes(
    scan: CommandLine, source: Path, home: str, irods: iRODSSession, handler_file: HandlerFile, tmp_path: Path
) -> None:
    log = tmp_path / "log"
    make(source)
    assert scan.ingest(source, home, "--event_handler", handler_file(told(log, *UNREGISTERS))).status == 0
    more = (
        "@staticmethod\ndef operation(session, meta, **options):\n"
        "    return Operation.PUT if meta['path'].endswith('new') else Operation.REGISTER_SYNC\n"
        "@staticmethod\ndef delete_mode(meta):\n"
        "    return DeleteMode.DO_NOT_DELETE if meta['path'].endswith('gone') else DeleteMode.UNREGISTER\n"
    )
    change(source)
    plan = compare(scan, source, home, log, "--event_handler", handler_file(told(log, *UNREGISTERS, more)))
    assert [line["target"] for line in plan if line["action"] == "put"] == [f"{home}/new"]
    assert {f"{home}/gone", f"{home}/d/gone"}.isdisjoint(
        line["target"] for line in plan if line["action"].startswith("delete")
    )
    assert {"gone", "d/gone"} <= set(rows(irods, home))
