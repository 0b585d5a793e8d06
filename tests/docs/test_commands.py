"""Every command line in the documentation is run against the zone under test, or parsed to the end.

`WAYS` has which of the two applies to a line. A line that no entry matches fails.
"""

from __future__ import annotations

import json
import re
import shlex
import shutil
import subprocess
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path

import click
import pytest

from devzone.cli import main as devzone
from landingzone.consume import cli as consume
from landingzone.scan import cli as scan_cli
from landingzone.watch import cli as watch
from tests.conftest import CommandLine, HandlerFile
from tests.docs.pages import shell_blocks
from tests.support.services import ROOT

COMMANDS: dict[str, click.Command] = {
    "ingest-scan": scan_cli,
    "ingest-watch": watch,
    "ingest-consume": consume,
    "ingest-devzone": devzone,
}
END_SECONDS = 60
FAILS_FOR_A = """@staticmethod
def pre_data_obj_create(hdlr_mod, logger, session, meta, *args, **options):
    if meta["path"].endswith("a.txt"):
        raise ValueError("not this one")"""

PARSE, START, ENDED, CHECKED, FAILED = "parse", "start", "ended", "checked", "failed"
ACTIVE, PAUSED, PROFILED = "active", "paused", "profiled"
WAYS = [
    (r"ingest-(watch|consume|devzone)\b", PARSE, "runs until a signal"),
    (r"ingest-scan start s3://", PARSE, "needs an S3 server"),
    (r"ingest-scan start .*--(interval|cron)\b", PARSE, "runs until it is stopped"),
    (r"ingest-scan start ", START, "run"),
    (r"ingest-scan (list|watch|failures|why|forget)\b", ENDED, "run on a job that has ended"),
    (r"ingest-scan retry\b", FAILED, "run on a job with a failure"),
    (r"ingest-scan (pause|stop)\b", ACTIVE, "run on an active job"),
    (r"ingest-scan resume\b", PAUSED, "run on a paused job"),
    (r"ingest-scan verify .*--checksum\b", CHECKED, "run on an ended job that has stored checksums"),
    (r"ingest-scan verify\b", ENDED, "run on a job that has ended"),
    (r"ingest-scan trace\b", PROFILED, "run on a profile"),
]
OTHERS = {"aws", "cp", "docker", "export", "install", "make", "pip", "sysctl", "systemctl"}
"""Programs that are not ours: only their blocks are checked as shell, and the files and targets that they name."""


def lines() -> list[list[str]]:
    """The command lines of all pages as words, without comments and assignments; each one once."""
    found: dict[str, list[str]] = {}
    for block in shell_blocks():
        text = block.replace("\\\n", " ").replace("$(hostname)", "host").replace("$(cat ", "$(")
        for words in _commands(text):
            found.setdefault(shlex.join(words), words)
    return list(found.values())


def _commands(block: str) -> Iterator[list[str]]:
    running = ""
    for line in block.splitlines():
        running = f"{running}\n{line}" if running else line
        try:
            words = shlex.split(running, comments=True)
        except ValueError:  # a quote goes on in the next line
            continue
        running = ""
        while words and re.match(r"[A-Z_]+=", words[0]):
            words = words[1:]
        if words:
            yield words
    assert not running, f"a quote does not end: {running}"


OURS = [words for words in lines() if words[0] in COMMANDS]


def way(words: list[str]) -> str:
    """How this line is tested. Raises StopIteration for a line that has no entry in WAYS."""
    return next(each for pattern, each, _ in WAYS if re.match(pattern, " ".join(words)))


def test_every_line_is_of_a_known_program() -> None:
    assert len(OURS) >= 35
    assert {words[0] for words in lines()} <= OTHERS | COMMANDS.keys()


def test_every_line_of_ours_has_a_way() -> None:
    assert {way(words) for words in OURS} == {each for _, each, _ in WAYS}


def test_the_blocks_are_shell() -> None:
    for block in shell_blocks():
        subprocess.run(["sh", "-n"], input=block, text=True, check=True)


def test_the_files_and_targets_exist() -> None:
    targets = set(re.findall(r"^([a-z-]+):", (ROOT / "Makefile").read_text(), re.MULTILINE))
    for words in lines():
        if words[0] == "make":
            assert {each for each in words[1:] if "=" not in each} <= targets
        if words[0] in {"cp", "install"}:
            sources = [each for each in words if each.startswith("config/") and each != "config/compose.env"]
            assert sources
            assert all(list(ROOT.glob(each)) for each in sources)


@pytest.mark.parametrize("words", OURS, ids=" ".join)
def test_a_command_parses(words: list[str], tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("INGEST_CONFIG", raising=False)
    profile = tmp_path / "run42.jsonl"
    profile.touch()
    words = [str(profile) if each == "/tmp/run42.jsonl" else each for each in words]
    command, arguments = COMMANDS[words[0]], words[1:]
    with command.make_context(words[0], list(arguments)) as context:
        if isinstance(command, click.Group):
            name, found, rest = command.resolve_command(context, arguments)
            assert found is not None
            found.make_context(name, rest, parent=context)


@pytest.fixture
def substituted(source: Path, home: str, tmp_path: Path, handler_file: HandlerFile) -> Callable[[str], str]:
    """Replaces the paths of the documentation by those of the test."""
    (source / "a.txt").write_text("a")
    (source / "b.log").write_text("b")
    table = {
        "/data/run42": str(source),
        "/data": str(source),
        "/tempZone/home/alice/run42": f"{home}/run42",
        "/tempZone/home/rods/run42": f"{home}/run42",
        "/tempZone/home/alice/data": f"{home}/data",
        "/data/run42/a.txt": str(source / "a.txt"),
        "/tmp/run42.jsonl": str(tmp_path / "run42.jsonl"),
        "/tmp/run42.csv": str(tmp_path / "run42.csv"),
        "/tmp/run42.json": str(tmp_path / "run42.json"),
        "config/handlers/permissions.py": str(handler_file("pass")),
        "put.py": str(shutil.copy(ROOT / "demo" / "put_handler.py", tmp_path / "put.py")),
    }

    def substitute(word: str) -> str:
        known = table.get(word, word)
        assert known != word or not word.startswith("/"), f"{word} needs a substitute"
        return known

    return substitute


@pytest.mark.parametrize("words", [each for each in OURS if way(each) != PARSE], ids=" ".join)
def test_a_command_runs(
    words: list[str],
    scan: CommandLine,
    source: Path,
    home: str,
    substituted: Callable[[str], str],
    handler_file: HandlerFile,
    tmp_path: Path,
) -> None:
    target = f"{home}/run42"
    arguments = [substituted(each) for each in words[1:]]
    with _before(way(words), scan, [source, target, "--job-name", "run42", "--workers", "1"], handler_file, tmp_path):
        done = scan(*arguments)
    # The hook fails again in a retry: that some of the work failed is the right answer.
    assert done.status == (255 if way(words) == FAILED else 0), done.err


@contextmanager
def _before(
    which: str, scan: CommandLine, job: list[str | Path], handler_file: HandlerFile, tmp_path: Path
) -> Iterator[None]:
    if which in {ENDED, PROFILED}:
        profile = tmp_path / "run42.jsonl"
        assert scan("start", *job, "--synchronous", "--profile", "--profile_filename", profile).status == 0
    if which == CHECKED:
        assert scan("start", *job, "--synchronous", "--checksum").status == 0
    if which == FAILED:
        handler = handler_file(FAILS_FOR_A)
        assert scan("start", *job, "--synchronous", "--event_handler", handler).status == 255
    if which not in {ACTIVE, PAUSED}:
        yield
        return
    process = scan.process("start", *job, "--interval", "3600")
    try:
        _wait_for_job(scan)
        if which == PAUSED:
            assert scan("pause", "run42").status == 0
        yield
    finally:
        process.kill()
        process.communicate(timeout=END_SECONDS)


def _wait_for_job(scan: CommandLine) -> None:
    end = time.monotonic() + END_SECONDS
    while not any(json.loads(scan("list").out or "{}").values()):
        assert time.monotonic() < end, "the job has not started"
        time.sleep(0.2)
