"""Logs go to a terminal as text and to a file as JSON, and secrets to neither."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from datetime import datetime, timezone
from pathlib import Path
from typing import Any

import pytest

from ingest.job import LOG_LEVELS

ROOT = Path(__file__).parents[3]
SECRET = "rods-password"


def run(program: str, **settings: Any) -> str:
    """Run a program in a process of its own, after logging is configured with the settings; its stderr."""
    head = "import logging\nfrom ingest.service import logs\nfrom ingest.errors import Refused\n"
    head += "from ingest.job import LogSettings\n"
    head += f"logs.configure(LogSettings(**{settings!r}))\n"
    done = subprocess.run(
        [sys.executable, "-c", head + program], cwd=ROOT, env={**os.environ, "NO_COLOR": "1"},
        stderr=subprocess.PIPE, text=True, check=True,
    )  # fmt: skip
    return done.stderr


def lines(file: Path) -> list[dict[str, Any]]:
    return [json.loads(line) for line in file.read_text(encoding="ascii").splitlines()]


@pytest.fixture
def file(tmp_path: Path) -> Path:
    return tmp_path / "ingest.log"


def test_a_file_has_one_json_object_per_line_with_time_level_and_logger(file: Path) -> None:
    err = run(
        "log = logs.get('consumer').bind(job='j')\n"
        "log.warning('failed', path=b'a\\xff', target='/z/ü\\n')\n"
        "logging.getLogger('other.library').error('went %s', 'wrong')",
        filename=str(file),
    )
    assert err == ""
    ours, theirs = lines(file)
    assert ours["@timestamp"] <= theirs["@timestamp"]
    assert {key: value for key, value in ours.items() if key != "@timestamp"} == {
        "event": "failed", "job": "j",
        "path": "b'a\\xff'", "target": "/z/ü\n", "logger": "consumer", "level": "warning",
    }  # fmt: skip
    assert (theirs["event"], theirs["logger"], theirs["level"]) == ("went wrong", "other.library", "error")


def test_without_a_file_lines_go_to_stderr_as_text() -> None:
    err = run("logs.get('consumer').warning('out of reach', seconds=2)")
    assert "out of reach" in err
    assert "seconds=2" in err
    assert "\x1b" not in err
    assert err.count("\n") == 1


@pytest.mark.parametrize("level", [None, *LOG_LEVELS])
def test_the_level_decides_what_is_written_and_is_warning_unless_said_otherwise(file: Path, level: str | None) -> None:
    names = ["debug", "info", "warning", "error", "critical"]
    run(
        f"log, library = logs.get('consumer'), logging.getLogger('library')\nfor name in {names}:\n"
        "    getattr(log, name)(name)\n    getattr(library, name)(name)",
        filename=str(file),
        level=level,
    )
    first = {None: 2, "NOTSET": 0, "DEBUG": 0, "INFO": 1, "WARNING": 2, "ERROR": 3, "CRITICAL": 4}[level]
    assert [line["event"] for line in lines(file)] == [name for name in names[first:] for _ in range(2)]


@pytest.mark.parametrize("library", ["irods", "botocore", "boto3"])
@pytest.mark.parametrize("level", ["NOTSET", "DEBUG"])
def test_what_client_libraries_write_at_debug_is_never_logged_for_it_has_secrets(
    file: Path, level: str, library: str
) -> None:
    run(
        f"logging.getLogger({library!r}).debug({SECRET!r})\nlogging.getLogger('{library}.auth').debug({SECRET!r})\n"
        f"logging.getLogger('{library}.auth').info('connected')\nlogs.get('consumer').debug('ours')",
        filename=str(file),
        level=level,
    )
    assert SECRET not in file.read_text()
    assert [line["event"] for line in lines(file)] == ["connected", "ours"]


def test_a_login_at_debug_leaves_no_password_in_the_log(file: Path, zone_environment: Path) -> None:
    run(
        "import json, sys\nfrom irods.session import iRODSSession\n"
        f"settings = json.load(open({str(zone_environment)!r}))\n"
        "with iRODSSession(host=settings['irods_host'], port=settings['irods_port'], user=settings['irods_user_name'],"
        f" zone=settings['irods_zone_name'], password={SECRET!r}) as session:\n"
        "    try:\n        session.server_version\n        session.collections.get('/')\n"
        "    except Exception as error:\n        logs.get('consumer').error('refused', error=type(error).__name__)",
        filename=str(file),
        level="DEBUG",
    )
    assert SECRET not in file.read_text()
    assert lines(file)


@pytest.mark.parametrize("logger", ["logs.get('consumer')", "logging.getLogger('library')"])
def test_an_exception_is_logged_with_its_traceback(file: Path, logger: str) -> None:
    run(f"try:\n    1 / 0\nexcept ZeroDivisionError:\n    {logger}.exception('broken')", filename=str(file))
    (line,) = lines(file)
    assert line["event"] == "broken"
    assert line["exception"].startswith("Traceback (most recent call last)")
    assert line["exception"].endswith("ZeroDivisionError: division by zero")


@pytest.mark.parametrize("logger", ["logs.get('consumer')", "logging.getLogger('library')"])
def test_a_traceback_on_a_terminal_shows_no_values(logger: str) -> None:
    err = run(f"password = {SECRET!r}\ntry:\n    1 / 0\nexcept ZeroDivisionError:\n    {logger}.exception('broken')")
    assert err.count("Traceback (most recent call last)") == 1
    assert "UserWarning" not in err
    assert SECRET not in err


def test_a_file_is_rotated_after_the_interval_given(file: Path) -> None:
    run(
        "handler = logging.getLogger().handlers[0]\nassert (handler.when, handler.interval) == ('M', 7 * 60)",
        filename=str(file), when="m", interval=7,
    )  # fmt: skip


def test_a_file_that_cannot_be_written_is_refused_by_its_name(tmp_path: Path) -> None:
    run(
        "try:\n    logs.configure(LogSettings(filename='/proc/no/such/folder/log'))\n"
        "except Refused as error:\n    assert str(error).startswith('cannot log to /proc/no/such/folder/log: ')\n"
        "else:\n    raise AssertionError",
    )


def test_configuring_again_replaces_what_was_set_up_before(file: Path) -> None:
    run(
        f"logs.configure(LogSettings(filename={str(file)!r}))\nlogs.get('consumer').warning('once')\n"
        "assert len(logging.getLogger().handlers) == 1",
    )
    assert [line["event"] for line in lines(file)] == ["once"]


WRITER = """
import os, sys
from multiprocessing.connection import Connection
from ingest.job import LogSettings
from ingest.service import logs
settings = LogSettings(filename=sys.argv[2], when="s", interval=1)
logs.configure(settings, Connection(int(sys.argv[1])))
for number in range(250):
    logs.get("consumer").warning("written", writer=int(sys.argv[3]), number=number, much="x" * 2000)
os.kill(os.getpid(), 9)
"""


def test_lines_of_several_workers_are_all_in_the_rotated_files_even_if_the_workers_are_killed(file: Path) -> None:
    run(
        "import socket, subprocess, sys\nfrom multiprocessing.connection import Connection\nthreads = []\n"
        "handler = logging.getLogger().handlers[0]\n"
        "handler.shouldRollover = lambda record: handler.stream.tell() > 50_000  # many times within one second\n"
        "for number in range(4):\n"
        "    ours, theirs = socket.socketpair()\n"
        f"    arguments = [sys.executable, '-c', {WRITER!r}, str(theirs.fileno()), {str(file)!r}, str(number)]\n"
        "    subprocess.Popen(arguments, pass_fds=[theirs.fileno()])\n"
        "    theirs.close()\n"
        "    threads.append(logs.write_lines_of(Connection(ours.detach())))\n"
        "for thread in threads:\n    thread.join()\n",
        filename=str(file), when="s", interval=1,
    )  # fmt: skip
    files = list(file.parent.iterdir())
    found = [(line["writer"], line["number"]) for each in files for line in lines(each)]
    assert sorted(found) == [(writer, number) for writer in range(4) for number in range(250)]
    assert len(files) > 10


def test_a_file_is_not_rotated_unless_asked_and_reopened_when_it_was_moved(file: Path) -> None:
    run(
        "import os\nlog = logs.get('consumer')\nlog.warning('first')\n"
        f"os.utime({str(file)!r}, (0, 0))\nlog.warning('second')\n"
        f"os.rename({str(file)!r}, {str(file)!r} + '.1')\nlog.warning('third')",
        filename=str(file),
    )
    moved = file.with_name(file.name + ".1")
    assert sorted(file.parent.iterdir()) == [file, moved]
    assert [line["event"] for line in lines(moved) + lines(file)] == ["first", "second", "third"]


def test_the_time_is_utc_with_its_offset_whatever_the_time_zone(file: Path) -> None:
    before = datetime.now(timezone.utc)
    run(
        "import os, time\nos.environ['TZ'] = 'Asia/Tokyo'\ntime.tzset()\nlogs.get('consumer').warning('now')",
        filename=str(file),
    )
    (line,) = lines(file)
    assert line["@timestamp"].endswith("+00:00")
    assert before <= datetime.fromisoformat(line["@timestamp"]) <= datetime.now(timezone.utc)
