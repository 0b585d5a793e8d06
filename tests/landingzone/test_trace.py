"""`ingest-scan trace`: a profile becomes a trace that Perfetto reads, and a bad line is named."""

import json
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

LINE: dict[str, Any] = {
    "kind": "call", "name": "PHY_PATH_REG", "job": "j", "pass_id": "p", "task": "t", "pid": 7, "tid": 8,
    "start": 1763776801.000001, "duration": 0.000002, "target": "/z/ü",
}  # fmt: skip


def trace(*arguments: str | Path) -> "subprocess.CompletedProcess[str]":
    return subprocess.run(
        [sys.executable, "-m", "scanner", "trace", *arguments], capture_output=True, text=True, check=False
    )


@pytest.fixture
def profile(tmp_path: Path) -> Path:
    """A file with one good line."""
    file = tmp_path / "profile.jsonl"
    file.write_text(json.dumps(LINE) + "\n")
    return file


def test_an_event_becomes_a_slice_in_microseconds_on_a_named_process(profile: Path) -> None:
    ran = trace(profile)
    assert (ran.returncode, ran.stderr) == (0, "")
    name, piece = json.loads(ran.stdout)["traceEvents"]
    assert name == {"ph": "M", "name": "process_name", "pid": 7, "tid": 7, "args": {"name": "worker 7"}}
    assert piece == {
        "ph": "X", "name": "PHY_PATH_REG", "cat": "call", "pid": 7, "tid": 8, "ts": 1763776801000001, "dur": 2,
        "args": {"job": "j", "pass_id": "p", "task": "t", "target": "/z/ü"},
    }  # fmt: skip


def test_each_process_is_named_once(profile: Path) -> None:
    profile.write_text("".join(json.dumps(LINE | {"pid": pid}) + "\n" for pid in (9, 7, 9, 7)))
    phases = [(each["ph"], each["pid"]) for each in json.loads(trace(profile).stdout)["traceEvents"]]
    assert phases == [("M", 7), ("M", 9), ("X", 9), ("X", 7), ("X", 9), ("X", 7)]


def test_an_empty_profile_is_an_empty_trace(profile: Path) -> None:
    profile.write_bytes(b"")
    assert json.loads(trace(profile).stdout)["traceEvents"] == []


def test_output_goes_to_the_file_named_and_replaces_what_is_there(profile: Path, tmp_path: Path) -> None:
    out = tmp_path / "trace.json"
    out.write_text("x" * 10_000)
    ran = trace(profile, "--output", out)
    assert (ran.returncode, ran.stdout) == (0, "")
    assert out.read_text() == trace(profile).stdout


def broken(**fields: Any) -> bytes:
    """A line with other values than it should have."""
    return json.dumps(LINE | fields).encode()


@pytest.mark.parametrize(
    "line",
    [
        b"",
        b"no JSON",
        b"[]",
        b"\xff",
        b'{"kind": "\xff"}',
        b"[" * 100_000,
        json.dumps(LINE).encode()[:-9],
        json.dumps({key: value for key, value in LINE.items() if key != "task"}).encode(),
        broken(kind="other"),
        broken(start="soon"),
        broken(start=1e308),
        broken(duration=-1),
        broken(pid=-7),
        broken(pid=1 << 70),
        broken(name="\ud800"),
    ],
)
def test_a_bad_line_is_refused_with_its_number_and_nothing_is_written(
    profile: Path, tmp_path: Path, line: bytes
) -> None:
    profile.write_bytes(profile.read_bytes() + line + b"\n" + profile.read_bytes())
    out = tmp_path / "trace.json"
    for ran in (trace(profile), trace(profile, "--output", out)):
        assert (ran.returncode, ran.stdout) == (1, "")
        assert ran.stderr.startswith(f"ingest-scan: line 2 of {profile} is not of a profile: ")
        assert ran.stderr.count("\n") == 1
    assert not out.exists()


def test_files_that_cannot_be_read_or_written_are_refused(profile: Path, tmp_path: Path) -> None:
    before = profile.read_bytes()
    for arguments, status, word in (
        ([tmp_path / "nothing"], 2, "nothing"),
        ([tmp_path], 2, str(tmp_path)),
        (["/proc/self/mem"], 1, "/proc/self/mem"),
        ([profile, "--output", tmp_path / "no" / "trace"], 1, "no/trace"),
        ([profile, "--output", profile], 1, "itself"),
    ):
        ran = trace(*arguments)
        assert (ran.returncode, ran.stdout, ran.stderr.count("\n")) == (status, "", 1), ran
        assert word in ran.stderr
        assert "unexpected" not in ran.stderr
    assert profile.read_bytes() == before
