"""An event of a file is complete when its hooks are: whatever stops it, a retry or the next pass completes it."""

from __future__ import annotations

import os
import signal
from pathlib import Path

import pytest
from irods.session import iRODSSession

from tests.conftest import CommandLine, HandlerFile
from tests.support.integration import avus, rows

OPERATIONS = ("REGISTER_SYNC", "PUT", "PUT_SYNC", "PUT_APPEND", "NO_OP")
TROUBLES = {
    "an error": "raise RuntimeError('not now')",
    "a refused connection": "raise ConnectionRefusedError(111, 'Connection refused')",
    "a timeout of its own": "raise TimeoutError('too slow')",
    "a network error": "from irods.exception import NetworkException; raise NetworkException('gone')",
    "a killed worker": "import os; os.kill(os.getpid(), 9)",
    "a hanging hook": "import time; time.sleep(60)",
}
CURES = ("the retry", "the next pass", "retry JOB")

BODY = """
@staticmethod
def operation(session, meta, **options):
    return Operation.{operation}

@staticmethod
def max_retries(hdlr_mod, logger, meta):
    return {retries}

@staticmethod
def timeout(hdlr_mod, logger, meta):
    return 5

@staticmethod
def delay(hdlr_mod, logger, meta, retries):
    return 0

@staticmethod
def {when}_data_obj_{event}(hdlr_mod, logger, session, meta, *args, **options):
    import os
    if os.path.basename(meta["path"]) == "bad" and not os.path.exists({flag!r}):
        open({flag!r}, "w").close()
        {trouble}
    with open({log!r}, "a") as log:
        log.write(os.path.basename(meta["path"]) + "\\n")
"""


def cases() -> list[tuple[str, str, str, str, str]]:
    """Each operation with each hook and each trouble; the cures take turns, so that each meets each of the others."""
    found, number = [], 0
    for operation in OPERATIONS:
        for when in ("pre", "post"):
            for event in ("create", "modify"):
                if operation in ("PUT", "NO_OP") and event == "modify":
                    continue  # they change nothing that exists
                for trouble in TROUBLES:
                    found.append((operation, when, event, trouble, CURES[number % 3]))
                    number += 1
                number += 1
    return found


@pytest.mark.parametrize("case", cases()[::3], ids=", ".join)
def test_what_stops_an_event_leaves_it_to_be_completed(
    scan: CommandLine,
    source: Path,
    home: str,
    handler_file: HandlerFile,
    irods: iRODSSession,
    tmp_path: Path,
    case: tuple[str, str, str, str, str],
) -> None:
    operation, when, event, trouble, cure = case
    log, flag = tmp_path / "hooks", tmp_path / "trouble"
    body = BODY.format(
        operation=operation, when=when, event=event, trouble=TROUBLES[trouble], flag=str(flag), log=str(log),
        retries=2 if cure == "the retry" else 0,
    )  # fmt: skip
    command: list[str | os.PathLike[str]] = ["start", source, home, "--event_handler", handler_file(body)]
    command += ["--job_name", "j", "--synchronous", "--workers", "1"]
    for name in ("good", "bad", "other"):
        (source / name).write_text(name)
    if event == "modify":
        flag.touch()
        assert scan(*command).status == 0
        flag.unlink()
        for name in ("good", "bad", "other"):
            (source / name).write_text(name + " changed")
    ran = scan(*command)
    if cure == "the retry" or trouble == "a network error":  # which may be that of our session: the same task goes on
        assert (ran.status, scan.last()["files"]["failed"]) == (0, 0), ran.err
    else:
        assert ran.status != 0
        assert scan.last()["files"]["failed"] == 1
        assert "bad" in scan("failures", "j").out
        ran = scan(*command) if cure == "the next pass" else scan("retry", "j")
        assert ran.status == 0, ran.err
        assert (scan.last()["files"]["failed"], scan.last()["files"]["done"]) == (0, 1)
        assert scan("failures", "j").out.count("bad") == 0
    assert set(log.read_text().split()) == {"good", "bad", "other"}
    if operation != "NO_OP":
        found = {path: int(replicas[0].size) for path, replicas in rows(irods, home).items()}
        assert found == {each.name: each.stat().st_size for each in source.iterdir()}
    assert avus(irods, home) == []


@pytest.mark.parametrize("operation", ["REGISTER_SYNC", "PUT", "PUT_SYNC"])
@pytest.mark.parametrize("event", ["create", "modify"])
def test_a_consumer_that_is_killed_in_a_hook_leaves_its_event_to_the_same_command(
    scan: CommandLine, source: Path, home: str, handler_file: HandlerFile, tmp_path: Path, operation: str, event: str
) -> None:
    if (operation, event) == ("PUT", "modify"):
        event = "create"
    log, flag = tmp_path / "hooks", tmp_path / "trouble"
    body = BODY.format(
        operation=operation, when="post", event=event, flag=str(flag), log=str(log), retries=0,
        trouble="import os; os.kill(os.getppid(), 9); os.kill(os.getpid(), 9)",
    )  # fmt: skip
    command: list[str | os.PathLike[str]] = ["start", source, home, "--event_handler", handler_file(body)]
    command += ["--synchronous", "--workers", "1"]
    for name in ("bad", "good"):
        (source / name).write_text(name)
    if event == "modify":
        flag.touch()
        assert scan(*command).status == 0
        flag.unlink()
        for name in ("bad", "good"):
            (source / name).write_text(name + " changed")
    assert scan(*command).status == -signal.SIGKILL
    ran = scan(*command)
    assert ran.status == 0, ran.err
    files = scan.last()["files"]
    assert (files["done"], files["unchanged"], files["failed"]) == (2, 0, 0)
    assert set(log.read_text().split()) == {"bad", "good"}
