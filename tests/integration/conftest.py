"""Fixtures of the integration tests alone."""

import logging
import os
import subprocess
import sys
from collections.abc import Callable, Iterator
from contextlib import ExitStack
from pathlib import Path

import pytest
from click.testing import CliRunner
from irods.message import ET, XML_Parser_Type
from irods.session import iRODSSession

from ingest.errors import Refused
from landingzone.scan import cli
from tests.conftest import COMMAND_SECONDS, CommandLine, Ran
from tests.support.integration import Storage, let_others_in
from tests.support.passes import Passes, running_consumer
from tests.support.s3_servers import S3Server

# Names with control characters make a listing unparsable for the default parser.
ET(XML_Parser_Type.QUASI_XML)


@pytest.fixture(params=["minio", pytest.param("versitygw", marks=pytest.mark.slow)])
def s3(request: pytest.FixtureRequest) -> S3Server:
    """A real server. What differs between servers is tested below tests/scanner; what a pass does, on one of them.

    A test that is parametrized with `BOTH_S3` runs on both.
    """
    server: S3Server = request.getfixturevalue(f"{request.param}_server")
    return server


@pytest.fixture
def storage(irods: iRODSSession, home: str, tmp_path: Path) -> Iterator[Storage]:
    """Resources of the test's own; they and the test's collection are removed afterwards."""
    storage = Storage(irods, let_others_in(tmp_path) / "vaults")
    yield storage
    if irods.collections.exists(home):
        irods.collections.remove(home, recurse=True, force=True)
    storage.remove()


@pytest.fixture
def two_workers(scan: CommandLine) -> None:
    """Have the commands of `scan` work with two worker processes, for what could go wrong between them."""
    scan.workers = 2


class Served(CommandLine):
    """The commands on a state file that a consumer serves; this very process starts a pass, to be quick."""

    def __call__(self, *arguments: str | os.PathLike[str], program: str = "scanner", **environ: str) -> Ran:
        """Run a command to its end; `ingest-scan start` in this process."""
        if (program, arguments[0]) != ("scanner", "start"):
            return super().__call__(*arguments, program=program, **environ)
        root = logging.getLogger()
        kept = root.handlers
        done = CliRunner().invoke(cli, [os.fspath(each) for each in arguments], env=self.environ | environ)
        root.handlers = kept
        refused = str(done.exception) if isinstance(done.exception, Refused) else ""
        if done.exception is not None and not refused and not isinstance(done.exception, SystemExit):
            raise done.exception
        return Ran(done.exit_code, done.stdout, done.stderr + refused)


@pytest.fixture(scope="session")
def served_state(tmp_path_factory: pytest.TempPathFactory, zone_environment: Path) -> Iterator[tuple[Path, Passes]]:
    """A state file with a consumer at work."""
    state = tmp_path_factory.mktemp("served") / "state.db"
    with running_consumer(CommandLine(state, zone_environment)) as passes:
        yield state, passes


@pytest.fixture
def passes(served_state: tuple[Path, Passes]) -> Passes:
    """Passes of jobs that are put into the store, one at a time."""
    return served_state[1]


@pytest.fixture
def served(served_state: tuple[Path, Passes], zone_environment: Path) -> CommandLine:
    """`ingest-scan` where a consumer is at work, for tests of what a pass does, not of the process that does it."""
    return Served(served_state[0], zone_environment)


@pytest.fixture(scope="session")
def s3_states(tmp_path_factory: pytest.TempPathFactory, zone_environment: Path) -> Iterator[Callable[[S3Server], Path]]:
    """The state file of a consumer that has the credentials of an S3 server; it is started when it is asked for."""
    states: dict[str, Path] = {}
    with ExitStack() as stack:

        def state_of(server: S3Server) -> Path:
            if server.endpoint not in states:
                states[server.endpoint] = tmp_path_factory.mktemp("served") / "state.db"
                command = CommandLine(states[server.endpoint], zone_environment)
                stack.enter_context(running_consumer(command, server.environ))
            return states[server.endpoint]

        yield state_of


@pytest.fixture
def served_s3(s3: S3Server, s3_states: Callable[[S3Server], Path], zone_environment: Path) -> CommandLine:
    """`served` for buckets of `s3`."""
    return Served(s3_states(s3), zone_environment)


class Unprivileged(CommandLine):
    """The commands without what lets root read everything.

    Root keeps its user id, because the interpreter may be in its home, but loses the capabilities, for good.
    """

    def __call__(self, *arguments: str | os.PathLike[str], program: str = "scanner", **environ: str) -> Ran:
        """Run a command to its end."""
        drop = ["setpriv", "--bounding-set=-dac_override,-dac_read_search"] if os.geteuid() == 0 else []
        done = subprocess.run(
            [*drop, sys.executable, "-m", program, *[os.fspath(each) for each in arguments]],
            env={**self.environ, **environ}, stdin=subprocess.DEVNULL, capture_output=True, text=True,
            timeout=COMMAND_SECONDS, check=False,
        )  # fmt: skip
        return Ran(done.returncode, done.stdout, done.stderr)


@pytest.fixture
def unprivileged(scan: CommandLine) -> CommandLine:
    """`ingest-scan` on a fresh state file, run by an account that may not read what is closed to it."""
    return Unprivileged(scan.state, scan.environment)
