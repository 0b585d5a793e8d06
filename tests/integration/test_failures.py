"""What fails: one path alone, with its reason; and what is no failure although the zone was away."""

import json
import os
import signal
import socket
from pathlib import Path

import pytest
from irods.session import iRODSSession

from ingest.store.embedded import EmbeddedStore
from tests.conftest import CommandLine, HandlerFile
from tests.support.catalog import catalog, tree
from tests.support.devzone_process import running_zone
from tests.support.integration import children, gated, handler, hooks, logged, only, rows, wait_until

pytestmark = pytest.mark.usefixtures("two_workers")


def make(source: Path, count: int, name: str = "f") -> None:
    """Files f0, f1 and so on."""
    for number in range(count):
        (source / f"{name}{number}").write_text(str(number))


def on(file: str, statements: str) -> str:
    """A pre_data_obj_create hook that does something for one file only."""
    return (
        "@staticmethod\ndef pre_data_obj_create(module, logger, session, meta, *args, **options):\n"
        f"    import os, signal, time\n    if meta['path'].endswith('/{file}'):\n        {statements}\n"
    )


def test_one_bad_file_of_fifty_fails_alone_and_is_listed_with_the_reason(
    scan: CommandLine, source: Path, home: str, irods: iRODSSession
) -> None:
    make(source, 50)
    irods.collections.create(f"{home}/f7")
    ran = scan.ingest(source, home)
    assert (ran.status, ran.out.count("49 synced"), ran.out.count("1 failed")) == (255, 1, 1), ran
    assert "Failed f7: a collection has this name" in ran.out
    assert "Traceback" not in ran.err
    assert set(rows(irods, home)) == {f"f{number}" for number in range(50)} - {"f7"}
    job = scan.last()
    assert job["failed_tasks"] == 1
    assert job["files"] == {"total": 50, "done": 49, "unchanged": 0, "skipped": 0, "failed": 1, "remaining": 0}
    irods.collections.remove(f"{home}/f7", force=True)
    assert "1 synced" in scan.ingest(source, home).out
    assert catalog(irods, home) == tree(source, home)


def test_an_exception_whose_text_is_not_utf_8_fails_its_path_alone(
    scan: CommandLine, source: Path, home: str, irods: iRODSSession, handler_file: HandlerFile
) -> None:
    make(source, 5)
    more = on("f3", "raise RuntimeError('caf' + chr(0xDCE9))")
    ran = scan.ingest(source, home, "--event_handler", handler_file(handler("REGISTER_SYNC", more=more)))
    assert (ran.status, ran.out.count("4 synced"), ran.out.count("1 failed")) == (255, 1, 1), ran
    job = scan.last()["job_name"]
    (failed,) = map(json.loads, scan("failures", job).out.splitlines())
    assert (failed["path"], failed["reason"]) == (
        "f3",
        "pre_data_obj_create() of the event handler: RuntimeError: caf\\udce9",
    )


def test_a_failing_path_is_retried_after_the_delay_and_counted(
    scan: CommandLine, source: Path, home: str, irods: iRODSSession, handler_file: HandlerFile, tmp_path: Path
) -> None:
    make(source, 3)
    log = tmp_path / "delays"
    statements = (
        f"open({str(tmp_path / 'tries')!r}, 'a').write('x')\n"
        f"        if len(open({str(tmp_path / 'tries')!r}).read()) < 3:\n"
        "            raise ValueError('not yet')"
    )
    more = on("f1", statements) + (
        "@staticmethod\ndef max_retries(module, logger, meta):\n    return 3\n"
        "@staticmethod\ndef delay(module, logger, meta, retries):\n"
        f"    open({str(log)!r}, 'a').write(f'{{retries}} ')\n    return 0.1\n"
    )
    ran = scan.ingest(source, home, "--event_handler", handler_file(handler("REGISTER_SYNC", more=more)))
    assert (ran.status, ran.out.count("3 synced")) == (0, 1), ran
    assert (tmp_path / "tries").read_text() == "xxx"
    assert {"1", "2"} <= set(log.read_text().split())
    job = scan.last()
    assert (job["retried_tasks"], job["failed_tasks"], job["remaining_tasks"]) == (2, 0, 0)
    assert catalog(irods, home) == tree(source, home)


def test_when_all_retries_have_failed_the_path_has_failed_once(
    scan: CommandLine, source: Path, home: str, irods: iRODSSession, handler_file: HandlerFile
) -> None:
    make(source, 3)
    more = on("f1", "raise ValueError('never')")
    more += "@staticmethod\ndef max_retries(module, logger, meta):\n    return 2\n"
    ran = scan.ingest(source, home, "--event_handler", handler_file(handler("REGISTER_SYNC", more=more)))
    assert (ran.status, ran.out.count("2 synced"), ran.out.count("1 failed")) == (255, 1, 1), ran
    assert (scan.last()["retried_tasks"], scan.last()["failed_tasks"]) == (2, 1)
    (line,) = (each for each in ran.err.splitlines() if each.startswith("[error"))
    for word in ("attempts=3", "path=f1", "ValueError: never", "pre_data_obj_create", "error=ValueError"):
        assert word in line


@pytest.mark.parametrize(
    ("statements", "reason"),
    [
        ("time.sleep(3600)", "timeout after 2 s"),
        ("os._exit(3)", "exit status 3"),
        ("os.kill(os.getpid(), signal.SIGKILL)", "signal 9"),
        ("raise RuntimeError('the hook is not\\nhappy')", "RuntimeError: the hook is not happy"),
        ("raise SystemExit(7)", "exit status 7"),
    ],
)
def test_a_hook_that_hangs_dies_or_raises_fails_its_own_path_and_the_rest_of_the_batch_arrives(
    scan: CommandLine, source: Path, home: str, irods: iRODSSession, handler_file: HandlerFile, statements: str,
    reason: str,
) -> None:  # fmt: skip
    make(source, 20)
    more = on("f7", statements) + "@staticmethod\ndef timeout(module, logger, meta):\n    return 2\n"
    ran = scan.ingest(source, home, "--event_handler", handler_file(handler("REGISTER_SYNC", more=more)))
    assert (ran.status, ran.out.count("19 synced"), ran.out.count("1 failed")) == (255, 1, 1), ran
    failed = next(line for line in ran.out.splitlines() if line.startswith("Failed f7: "))
    assert reason in failed
    assert "Traceback" not in ran.err
    assert set(rows(irods, home)) == {f"f{number}" for number in range(20)} - {"f7"}


def test_workers_that_die_before_they_begin_fail_nothing_until_five_did(
    scan: CommandLine, source: Path, home: str, tmp_path: Path
) -> None:
    make(source, 3)
    deaths = tmp_path / "deaths"
    file = tmp_path / "handler.py"
    file.write_text(
        "import os, signal, sys\n"
        "from ingest import Core, Operation\n"
        f"DEATHS = {str(deaths)!r}\n"
        "if sys.argv[0] == '-c' and os.path.exists(DEATHS) and os.path.getsize(DEATHS) < LIMIT:\n"
        "    with open(DEATHS, 'a') as out:\n"
        "        out.write('x')\n"
        "    os.kill(os.getpid(), signal.SIGKILL)\n"
        "class event_handler(Core):\n" + "".join(f"    {line}\n" for line in handler("REGISTER_SYNC").splitlines())
    )
    text = file.read_text()
    for limit in (4, 1000):
        file.write_text(text.replace("LIMIT", str(limit)))
        deaths.write_text("")
        ran = scan.ingest(source, f"{home}/{limit}", "--event_handler", file)
        if limit == 4:
            assert (ran.status, "3 synced" in ran.out, scan.last()["retried_tasks"]) == (0, True, 0), ran
        else:
            assert ran.status == 255, ran
            assert "5 worker processes, one after the other, have died before they began" in ran.err + ran.out
            assert "signal 9" in ran.err + ran.out
            assert deaths.stat().st_size == 5


def test_an_object_that_another_client_has_open_is_put_when_that_one_closes_it(
    scan: CommandLine, source: Path, home: str, irods: iRODSSession, handler_file: HandlerFile
) -> None:
    make(source, 3)
    irods.collections.create(home)
    (held := irods.data_objects.open(f"{home}/f1", "w")).write(b"of the other client")
    running = scan.process(
        "start", source, home, "--synchronous", "--job_name", "j", "--event_handler", handler_file(handler("PUT_SYNC"))
    )
    store = EmbeddedStore(scan.state)

    def waits() -> bool:
        """Whether all but one file are in, and the task of that one is in a later round."""
        status = store.jobs.get("j")
        return status is not None and status.counts.done == 2

    wait_until(waits, lambda: running.poll() is None)
    store.close()
    held.close()
    out, err = running.communicate(timeout=60)
    assert (running.returncode, "3 synced" in out, err.count("[error")) == (0, True, 0), (out, err)
    assert scan.last()["retried_tasks"] == 0
    assert only(irods, home, "f1").size == (source / "f1").stat().st_size


def test_a_failing_hook_is_named(
    scan: CommandLine, source: Path, home: str, irods: iRODSSession, handler_file: HandlerFile
) -> None:
    make(source, 2)
    more = on("f1", "raise ValueError('no')")
    ran = scan.ingest(source, home, "--event_handler", handler_file(handler("REGISTER_SYNC", more=more)))
    assert "pre_data_obj_create" in next(line for line in ran.out.splitlines() if line.startswith("Failed f1: ")), ran


def test_a_zone_that_is_down_at_the_start_is_one_sentence_and_leaves_no_job(
    scan: CommandLine, source: Path, tmp_path: Path
) -> None:
    with socket.create_server(("127.0.0.1", 0)) as free:
        port = free.getsockname()[1]
    settings = json.loads(scan.environment.read_text())
    scan.environment = tmp_path / "environment.json"
    scan.environment.write_text(json.dumps({**settings, "irods_host": "127.0.0.1", "irods_port": port}))
    ran = scan.ingest(source, "/tempZone/home/rods/x")
    assert (ran.status, ran.out) == (1, ""), ran
    assert ran.err.startswith("ingest-scan: iRODS does not answer: ")
    assert ran.err.count("\n") == 1
    assert json.loads(scan("list").out) == {"periodic": [], "singlepass": [], "stopped": [], "finished": []}


def test_a_zone_that_is_killed_and_comes_back_costs_no_file(
    scan: CommandLine, source: Path, handler_file: HandlerFile, tmp_path: Path
) -> None:
    make(source, 3000)
    target = "/tempZone/home/rods/x"
    with socket.create_server(("127.0.0.1", 0)) as free:
        port = free.getsockname()[1]
    with running_zone(tmp_path / "zone", port=port) as zone:
        scan.environment = zone.environment
        file = handler_file(handler("REGISTER_SYNC", more=gated(tmp_path, 600)))
        process = scan.process("start", source, target, "--synchronous", "--event_handler", file)
        with zone.session() as session:
            wait_until(lambda: len(rows(session, target)) > 300, lambda: process.poll() is None)
        zone.kill()
    (tmp_path / "released").touch()
    assert process.poll() is None
    with running_zone(tmp_path / "zone", port=port) as zone, zone.session() as session:
        out, err = process.communicate(timeout=60)
        assert (process.returncode, out.count(" 0 failed")) == (0, 1), out + err
        assert catalog(session, target) == tree(source, target)
    files = scan.last()["files"]
    assert isinstance(files, dict)
    assert (files["total"], files["done"] + files["unchanged"], files["remaining"]) == (3000, 3000, 0)


def test_pre_job_and_post_job_run_once_also_after_failures(
    scan: CommandLine, source: Path, home: str, handler_file: HandlerFile, tmp_path: Path
) -> None:
    make(source, 60)
    log = tmp_path / "log"
    more = on("f1", "raise ValueError('no')") + hooks(log, "pre_job", "post_job")
    ran = scan.ingest(source, home, "--event_handler", handler_file(handler("REGISTER_SYNC", more=more)))
    assert ran.status == 255, ran
    assert logged(log, home) == [f"post_job {home}", f"pre_job {home}"]


@pytest.mark.parametrize("statement", ["raise ValueError('not today')", "__import__('os')._exit(3)"])
def test_a_pre_job_that_fails_ends_the_pass_before_anything_is_touched(
    scan: CommandLine, source: Path, home: str, irods: iRODSSession, handler_file: HandlerFile, statement: str
) -> None:
    make(source, 3)
    more = f"@staticmethod\ndef pre_job(module, logger, meta):\n    {statement}\n"
    ran = scan.ingest(source, home, "--event_handler", handler_file(handler("REGISTER_SYNC", more=more)))
    assert ran.status == 255, ran
    assert "not today" in ran.out or "exit status 3" in ran.out, ran
    assert not irods.collections.exists(home)


def test_a_worker_that_is_killed_from_outside_costs_at_most_the_path_in_its_hands(
    scan: CommandLine, source: Path, home: str, irods: iRODSSession, handler_file: HandlerFile, tmp_path: Path
) -> None:
    make(source, 2000)
    file = handler_file(handler("REGISTER_SYNC", more=gated(tmp_path, 400)))
    process = scan.process("start", source, home, "--synchronous", "--event_handler", file)
    wait_until(lambda: len(rows(irods, home)) > 200, lambda: process.poll() is None)
    killed = 0
    for worker in children(process.pid):
        os.kill(worker, signal.SIGKILL)
        killed += 1
    (tmp_path / "released").touch()
    _, err = process.communicate(timeout=60)
    assert killed, err
    files = scan.last()["files"]
    assert isinstance(files, dict)
    assert files["total"] == 2000
    assert files["failed"] <= killed
    assert files["remaining"] == 0
    assert len(rows(irods, home)) >= 2000 - killed
