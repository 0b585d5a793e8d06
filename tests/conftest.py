"""What every test may ask for: a zone, a collection of its own in it, and the command line as a user runs it."""

import json
import os
import secrets
import signal
import subprocess
import sys
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest
from click.testing import CliRunner
from irods.session import iRODSSession

from landingzone.scan import cli
from tests.support.counting_proxy import CountingProxy, counting_proxy
from tests.support.devzone_process import ROOT, running_zone
from tests.support.s3_servers import bucket, minio_server, moto_server, s3, versitygw_server
from tests.support.services import kafka_bootstrap, kafka_broker, redis_server, redis_url
from tests.support.slow import (
    pytest_addoption,
    pytest_collection_modifyitems,
    pytest_configure,
    pytest_report_header,
    pytest_sessionfinish,
    pytest_terminal_summary,
    pytest_testnodedown,
)

__all__ = [
    "bucket",
    "kafka_bootstrap",
    "kafka_broker",
    "minio_server",
    "moto_server",
    "pytest_addoption",
    "pytest_collection_modifyitems",
    "pytest_configure",
    "pytest_report_header",
    "pytest_sessionfinish",
    "pytest_terminal_summary",
    "pytest_testnodedown",
    "redis_server",
    "redis_url",
    "s3",
    "versitygw_server",
]

COMMAND_SECONDS = 240

signal.signal(
    signal.SIGINT, signal.default_int_handler
)  # a job in the background of a shell ignores it, and its children

HandlerFile = Callable[[str], Path]


@pytest.fixture(scope="session")
def zone_environment(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Path]:
    """The client environment of the zone under test: INGEST_TEST_IRODS_ENV, else a development zone of this run."""
    named = os.environ.get("INGEST_TEST_IRODS_ENV")
    if named:
        yield Path(named)
        return
    with running_zone(tmp_path_factory.mktemp("zone")) as zone:
        yield zone.environment


@pytest.fixture(scope="session")
def irods(zone_environment: Path) -> Iterator[iRODSSession]:
    """A session of the account that the tests run with, a rodsadmin."""
    with iRODSSession(irods_env_file=str(zone_environment)) as session:
        yield session


@pytest.fixture
def home(irods: iRODSSession) -> Iterator[str]:
    """A collection path of its own below the user's home; nothing is there yet, and it is removed afterwards."""
    path = f"/{irods.zone}/home/{irods.username}/ingest-test-{secrets.token_hex(4)}"
    yield path
    if irods.collections.exists(path):
        irods.collections.remove(path, recurse=True, force=True)


@dataclass
class Ran:
    """How a command ended."""

    status: int
    out: str
    err: str


class CommandLine:
    """The commands as a user runs them, on a state file and a zone of the test's.

    `workers` is how many worker processes a command starts if it has no option that says so: starting one takes longer
    than most tests' work.
    """

    workers = 1

    def __init__(self, state: Path, environment: Path) -> None:
        self.state = state
        self.environment = environment

    @property
    def environ(self) -> dict[str, str]:
        """The environment of a command."""
        kept = {name: value for name, value in os.environ.items() if not name.startswith(("IRODS_", "INGEST_"))}
        return {
            **kept,
            "PYTHONPATH": str(ROOT),
            "IRODS_ENVIRONMENT_FILE": str(self.environment),
            "INGEST_STATE": str(self.state),
            "INGEST_WORKERS": str(self.workers),
            "NO_COLOR": "1",
        }

    def process(
        self, *arguments: str | os.PathLike[str], program: str = "scanner", **environ: str
    ) -> "subprocess.Popen[str]":
        """Start a command and leave it running; the caller ends it."""
        return subprocess.Popen(
            [sys.executable, "-m", program, *[os.fspath(each) for each in arguments]],
            env={**self.environ, **environ}, stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, stderr=subprocess.PIPE,
            text=True,
        )  # fmt: skip

    def __call__(self, *arguments: str | os.PathLike[str], program: str = "scanner", **environ: str) -> Ran:
        """Run a command to its end."""
        done = subprocess.run(
            [sys.executable, "-m", program, *[os.fspath(each) for each in arguments]],
            env={**self.environ, **environ}, stdin=subprocess.DEVNULL, capture_output=True, text=True,
            timeout=COMMAND_SECONDS, check=False,
        )  # fmt: skip
        return Ran(done.returncode, done.stdout, done.stderr)

    def ingest(self, source: Path, target: str, *options: str | os.PathLike[str]) -> Ran:
        """`ingest-scan start --synchronous`."""
        return self("start", source, target, "--synchronous", *options)

    def jobs(self) -> dict[str, list[dict[str, Any]]]:
        """What `list` prints, without a process for it: tests ask for it in loops."""
        done = CliRunner().invoke(cli, ["list"], env=self.environ, catch_exceptions=False)
        return dict(json.loads(done.stdout))

    def last(self) -> dict[str, Any]:
        """The youngest job, as `list` prints it."""
        jobs = [job for group in self.jobs().values() for job in group]
        return max(jobs, key=lambda job: str(job["start_time"]))


@pytest.fixture
def scan(tmp_path: Path, zone_environment: Path) -> CommandLine:
    """`ingest-scan` on a fresh state file."""
    return CommandLine(tmp_path / "state" / "state.db", zone_environment)


@pytest.fixture
def source(tmp_path: Path) -> Path:
    """An empty source directory."""
    path = tmp_path / "source"
    path.mkdir()
    return path


@pytest.fixture
def calls(scan: CommandLine, tmp_path: Path) -> Iterator[CountingProxy]:
    """Counts the API calls of `scan` from here on."""
    copy = tmp_path / "counted_environment.json"
    with counting_proxy(scan.environment, copy) as proxy:
        scan.environment = copy
        yield proxy


@pytest.fixture
def handler_file(tmp_path: Path) -> HandlerFile:
    """Writes the body of a handler class to a file."""

    def write(body: str) -> Path:
        file = tmp_path / "handler.py"
        head = "from ingest import Core, DeleteMode, Operation\n\nclass event_handler(Core):\n"
        file.write_text(head + "".join(f"    {line}\n" for line in body.splitlines()))
        return file

    return write
