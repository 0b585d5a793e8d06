"""The zone answers every recorded case as the real iRODS 5.0.2 server did, except for explained differences."""

import importlib.util
import json
import os
import pwd
import shutil
import subprocess
import sys
import tempfile
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from tests.devzone.differences import DIFFERENCES
from tests.support.devzone_process import running_zone

FACTS = Path(__file__).parent / "facts"
PROGRAM, RECORD = FACTS / "irods_facts.py", FACTS / "real-5.0.2.json"
RECORDED = json.loads(RECORD.read_text())["cases"]
# These cases need files that the server may not access. So the tests must run as root, and the server as another user.
OTHER_USER = {"phypathreg.unreadable_file", "phypathreg.read_back", "put.append"}


def unprivileged() -> int | None:
    """The user that runs the zone if the tests run as root."""
    return pwd.getpwnam("nobody").pw_uid if os.getuid() == 0 else None


def program() -> Any:
    """The facts program as a module, for its comparison function."""
    specification = importlib.util.spec_from_file_location("irods_facts", PROGRAM)
    assert specification is not None
    assert specification.loader is not None
    module = importlib.util.module_from_spec(specification)
    specification.loader.exec_module(module)
    return module


@pytest.fixture(scope="module")
def folder() -> Iterator[Path]:
    """A folder with a short path that the zone's user can enter. The facts program requires it."""
    path = Path(tempfile.mkdtemp(prefix="dz", dir="/tmp"))
    try:
        path.chmod(0o755)
        (path / "work").mkdir(mode=0o755)
        (path / "zone").mkdir(mode=0o700)
        user = unprivileged()
        if user is not None:
            os.chown(path / "zone", user, -1)
        yield path
    finally:
        shutil.rmtree(path)


@pytest.fixture(scope="module")
def answers(folder: Path) -> dict[str, Any]:
    """The zone's answers to all cases."""
    with running_zone(folder / "zone", user=unprivileged()) as zone:
        with zone.session() as session:
            session.users.create("alice", "rodsuser")
            session.users.modify("alice", "password", "apass")
        out = folder / "answers.json"
        subprocess.run(
            [
                sys.executable, str(PROGRAM), "check", "--host", zone.host, "--port", str(zone.port), "--user", "rods",
                "--second-user", "alice:apass", "--work", str(folder / "work"), "--out", str(out), str(RECORD),
            ],
            check=False, capture_output=True, timeout=200,
        )  # fmt: skip
        found: dict[str, Any] = json.loads(out.read_text())["cases"]
        return found


@pytest.mark.parametrize("case", sorted(RECORDED))
def test_answers_as_recorded(case: str, answers: dict[str, Any]) -> None:
    """The answers are those of the real server, or they differ and the difference is explained."""
    if case in OTHER_USER and unprivileged() is None:
        pytest.skip("the zone must run as another user than the tests")
    assert "skipped" not in answers[case]
    found = list(program().differences(RECORDED[case], answers[case]))
    assert bool(found) == (case in DIFFERENCES), found


def test_explains_only_recorded_cases() -> None:
    """Every entry in the table of differences is a recorded case."""
    assert set(DIFFERENCES) <= set(RECORDED)
