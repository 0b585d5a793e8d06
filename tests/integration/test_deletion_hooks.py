"""Hooks around deletions, what comes back while they run, and passes that are killed in the middle of them."""

import shutil
from pathlib import Path

import pytest
from irods.session import iRODSSession

from tests.conftest import CommandLine, HandlerFile
from tests.support.integration import children, collections, content, deleting, handler, rows, running, wait_until

pytestmark = pytest.mark.usefixtures("two_workers")

EVENTS = ("data_obj_delete", "coll_delete")
REGISTER = handler("REGISTER_SYNC", more=deleting("UNREGISTER"))


def make(source: Path, *names: str) -> None:
    for name in names:
        (source / name).parent.mkdir(parents=True, exist_ok=True)
        (source / name).write_text(f"content of {name}")


def on_delete(name: str, body: str) -> str:
    """A hook of a deletion with the arguments that the documentation gives it."""
    lines = "".join(f"    {line}\n" for line in body.splitlines())
    return f"@staticmethod\ndef {name}(hdlr_mod, session, meta, **options):\n{lines}"


def logging(log: Path, *events: str) -> str:
    """Hooks that log each call with all that they were given."""
    return "".join(
        on_delete(
            f"{when}_{event}",
            "there = session.data_objects.exists(meta['target']) or session.collections.exists(meta['target'])\n"
            f"line = ('{when}_{event}', meta['target'], there, meta['path'], meta['task'], hdlr_mod.__name__[:5],"
            " sorted(options))\n"
            f"open({str(log)!r}, 'a').write(repr(line) + '\\n')",
        )
        for event in events
        for when in ("pre", "post")
    )


@pytest.mark.parametrize(("operation", "mode"), [("REGISTER_SYNC", "UNREGISTER"), ("PUT_SYNC", "NO_TRASH")])
def test_hooks_run_once_each_around_the_deletion_without_a_logger_and_the_deepest_go_first(
    served: CommandLine, source: Path, home: str, irods: iRODSSession, handler_file: HandlerFile, tmp_path: Path,
    operation: str, mode: str,
) -> None:  # fmt: skip
    make(source, "a/b/c/d/e/f", "a/b/x", "a/y", "z", "kept")
    (source / "a" / "b" / "empty").mkdir()
    log = tmp_path / "log"
    more = deleting(mode) + logging(log, *EVENTS)
    options = ("--event_handler", handler_file(handler(operation, more=more)))
    assert served.ingest(source, home, *options).status == 0
    assert not log.exists()
    shutil.rmtree(source / "a")
    (source / "z").unlink()
    ran = served.ingest(source, home, *options)
    assert (ran.status, ran.out.count(" 10 deleted")) == (0, 1), ran
    assert (set(rows(irods, home)), collections(irods, home)) == ({"kept"}, set())
    lines = [eval(line) for line in log.read_text().splitlines()]
    called = [(line[0], line[1].removeprefix(f"{home}/")) for line in lines]
    gone = ["a/b/c/d/e", "a/b/c/d", "a/b/c", "a/b/empty", "a/b", "a"]
    assert [each for each in called if each[0].endswith("coll_delete")] == [
        (f"{when}_coll_delete", name) for name in gone for when in ("pre", "post")
    ]
    objects = [each for each in called if each[0].endswith("data_obj_delete")]
    assert sorted(objects) == sorted(
        (f"{when}_data_obj_delete", name) for name in ("a/b/c/d/e/f", "a/b/x", "a/y", "z") for when in ("pre", "post")
    )
    assert called[: len(objects)] == objects
    for name, target, there, path, task, module, given in lines:
        assert there is name.startswith("pre")
        assert path == f"{source}{target.removeprefix(home)}"
        assert task == ("delete_collection" if "coll" in name else "delete_data_object")
        assert (module, given) == ("event", [])


def test_a_failing_pre_hook_keeps_the_object_and_its_collections_and_is_told(
    served: CommandLine, source: Path, home: str, irods: iRODSSession, handler_file: HandlerFile, tmp_path: Path
) -> None:
    make(source, "a/b/holy", "a/b/x", "a/c/y", "kept")
    allowed = tmp_path / "allowed"
    body = f"import os\nif meta['target'].endswith('holy') and not os.path.exists({str(allowed)!r}):\n"
    body += "    raise ValueError('never')"
    options = ("--event_handler", handler_file(REGISTER + on_delete("pre_data_obj_delete", body)))
    assert served.ingest(source, home, *options).status == 0
    shutil.rmtree(source / "a")
    ran = served.ingest(source, home, *options, "--delete-only-ingested")
    assert (ran.status, ran.out.count(" 3 deleted")) == (255, 1), ran
    assert (set(rows(irods, home)), collections(irods, home)) == ({"a/b/holy", "kept"}, {"a", "a/b"})
    assert "Failed a/b/holy: " in ran.out
    assert "ValueError: never" in ran.out
    assert "Skipped a/b: the collection is not empty and was left alone" in ran.out
    allowed.touch()
    ran = served.ingest(source, home, *options, "--delete-only-ingested")
    assert (ran.status, set(rows(irods, home)), collections(irods, home)) == (0, {"kept"}, set()), ran


def test_a_failing_post_hook_is_told_and_what_it_followed_comes_back_with_its_source(
    served: CommandLine, source: Path, home: str, irods: iRODSSession, handler_file: HandlerFile, tmp_path: Path
) -> None:
    make(source, "d/x", "d/e/y", "kept")
    failing = "".join(on_delete(f"post_{event}", "raise ValueError('too late')") for event in EVENTS)
    options = ("--event_handler", handler_file(REGISTER + failing))
    assert served.ingest(source, home, *options).status == 0
    before, known = rows(irods, home), collections(irods, home)
    (source / "d").rename(tmp_path / "away")
    ran = served.ingest(source, home, *options)
    assert (ran.status, ran.out.count("too late")) == (255, 4), ran
    assert (set(rows(irods, home)), collections(irods, home)) == ({"kept"}, set())
    (tmp_path / "away").rename(source / "d")
    ran = served.ingest(source, home, *options)
    assert (ran.status, rows(irods, home), collections(irods, home)) == (0, before, known), ran


def test_files_and_directories_that_come_back_before_their_turn_stay(
    scan: CommandLine, source: Path, home: str, irods: iRODSSession, handler_file: HandlerFile, tmp_path: Path
) -> None:
    names = ("a", "b", "d/x", "d/e/y")
    make(source, *names, "kept")
    away = tmp_path / "away"
    recreate = f"import os, shutil\nif os.path.exists({str(away)!r}):\n"
    recreate += f"    shutil.copytree({str(away)!r}, {str(source)!r}, dirs_exist_ok=True)\n"
    recreate += f"    os.rename({str(away)!r}, {str(away) + '.back'!r})"
    options = ("--event_handler", handler_file(REGISTER + on_delete("pre_data_obj_delete", recreate)))
    assert scan.ingest(source, home, *options).status == 0
    known = collections(irods, home)
    source.rename(away)
    make(source, "kept")
    ran = scan.ingest(source, home, *options, "--workers", "1")
    assert (ran.status, ran.out.count(" 1 deleted")) == (0, 1), ran
    left = rows(irods, home)
    assert len(left) == 4
    assert collections(irods, home) == known
    assert scan.ingest(source, home, *options).status == 0
    assert set(rows(irods, home)) == {*names, "kept"}


def gate(directory: Path, when: str) -> str:
    """Hooks of which only the first ten return before `directory/released` is there."""
    body = (
        "import os, time\n"
        f"with open({str(directory / 'passed')!r}, 'ab') as out:\n    out.write(b'x')\n    out.flush()\n"
        f"    while out.tell() > 10 and not os.path.exists({str(directory / 'released')!r}):\n"
        "        time.sleep(0.05)"
    )
    return on_delete(f"{when}_data_obj_delete", body)


def test_after_kill_9_during_deletions_the_same_command_deletes_the_rest_and_nothing_else(
    scan: CommandLine, source: Path, home: str, irods: iRODSSession, handler_file: HandlerFile, tmp_path: Path
) -> None:
    make(source, *(f"d{number % 3}/f{number}" for number in range(120)), *(f"kept/f{number}" for number in range(9)))
    options = ("--event_handler", handler_file(REGISTER + gate(tmp_path, "pre")))
    assert scan.ingest(source, home, *options).status == 0
    before = rows(irods, home)
    for number in range(3):
        shutil.rmtree(source / f"d{number}")
    kill_in_the_middle(scan, source, home, irods, options, 129)
    (tmp_path / "released").touch()
    ran = scan.ingest(source, home, *options)
    assert (ran.status, ran.out.count(" 0 failed")) == (0, 1), ran
    assert rows(irods, home) == {name: row for name, row in before.items() if name.startswith("kept/")}
    assert collections(irods, home) == {"kept"}


def kill_in_the_middle(
    scan: CommandLine, source: Path, home: str, irods: iRODSSession, options: tuple[str, Path], objects: int
) -> None:
    """Kill a pass that has deleted something of so many objects, and waits in a hook."""
    process = scan.process("start", source, home, "--synchronous", *options)
    wait_until(lambda: len(rows(irods, home)) <= objects - 10, lambda: process.poll() is None)
    workers = children(process.pid)
    process.kill()
    process.communicate(timeout=60)
    wait_until(lambda: not any(map(running, workers)))
    assert len(rows(irods, home)) > 9


def test_what_was_deleted_before_a_kill_9_comes_back_when_its_source_does(
    scan: CommandLine, source: Path, home: str, irods: iRODSSession, handler_file: HandlerFile, tmp_path: Path
) -> None:
    make(source, *(f"d/f{number}" for number in range(60)), "kept")
    put = handler("PUT_SYNC", more=deleting("NO_TRASH") + gate(tmp_path, "post"))
    options = ("--event_handler", handler_file(put))
    assert scan.ingest(source, home, *options).status == 0
    names = set(rows(irods, home))
    (source / "d").rename(tmp_path / "away")
    kill_in_the_middle(scan, source, home, irods, options, 61)
    (tmp_path / "released").touch()
    (tmp_path / "away").rename(source / "d")
    for _ in range(2):  # the pass that was interrupted, and another
        ran = scan.ingest(source, home, *options)
        assert ran.status == 0, ran
    assert set(rows(irods, home)) == names
    assert content(irods, f"{home}/d/f7") == b"content of d/f7"
