"""Fixtures of the integration tests alone."""

import os
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest
from irods.message import ET, XML_Parser_Type
from irods.session import iRODSSession

from tests.conftest import COMMAND_SECONDS, CommandLine, Ran
from tests.integration.support import Storage, let_others_in

# Names with control characters make a listing unparsable for the default parser.
ET(XML_Parser_Type.QUASI_XML)


@pytest.fixture
def storage(irods: iRODSSession, home: str, tmp_path: Path) -> Iterator[Storage]:
    """Resources of the test's own; they and the test's collection are removed afterwards."""
    storage = Storage(irods, let_others_in(tmp_path) / "vaults")
    yield storage
    if irods.collections.exists(home):
        irods.collections.remove(home, recurse=True, force=True)
    storage.remove()


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
