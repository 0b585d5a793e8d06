"""A running `ingest-watch`, killed and started again, and what is known of its job."""

from __future__ import annotations

import re
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import Any

from irods.session import iRODSSession

from tests.conftest import CommandLine
from tests.support.catalog import catalog, tree

END_SECONDS = 30
READY_SECONDS = 60
UNREGISTER = "@staticmethod\ndef delete_mode(meta):\n    return DeleteMode.UNREGISTER\n"


class Watching:
    """A watcher on a source, and the files beside it; `again` starts another one with the same command."""

    def __init__(
        self,
        command: CommandLine,
        source: Path | str,
        target: str,
        *options: str | Path,
        log: Path,
        before: Sequence[str] = (),
        environ: Mapping[str, str] | None = None,
    ) -> None:
        """What the watchers say goes to the file `log`; `before` is a command that they are run by."""
        self.command = command
        self._environ = environ or {}
        self._arguments = [*before, sys.executable, "-m", "watcher", str(source), target, *map(str, options)]
        self._log = log
        self.process: subprocess.Popen[bytes]
        self.again()

    def again(self) -> None:
        """Start it, and return when it watches."""
        before = self.said().count(" watches ")
        with self._log.open("ab") as log:
            self.process = subprocess.Popen(
                self._arguments, env={**self.command.environ, **self._environ}, stdin=subprocess.DEVNULL, stdout=log,
                stderr=log,
            )  # fmt: skip
        end = time.monotonic() + READY_SECONDS
        while self.said().count(" watches ") == before:
            assert self.process.poll() is None, self.said()
            assert time.monotonic() < end, self.said()
            time.sleep(0.02)

    def said(self) -> str:
        """What the watchers have said until now."""
        return self._log.read_text() if self._log.exists() else ""

    def alive(self) -> bool:
        """Whether it has not ended."""
        return self.process.poll() is None

    def end(self, number: int = signal.SIGTERM) -> tuple[int, str]:
        """Its exit status, and what was said."""
        self.process.send_signal(number)
        return self.process.wait(END_SECONDS), self.said()

    def kill(self) -> None:
        """End it as a crash would, also when it is stopped."""
        self.process.kill()
        self.process.wait(END_SECONDS)

    @property
    def job(self) -> dict[str, Any]:
        """Its job as `list` shows it."""
        return job(self.command)

    def memory(self, field: str = "VmRSS") -> int:
        """Resident bytes of its process alone; with VmHWM the most that it ever had."""
        status = Path(f"/proc/{self.process.pid}/status").read_text()
        found = re.search(rf"^{field}:\s+(\d+) kB$", status, re.MULTILINE)
        assert found is not None
        return int(found[1]) * 1024


def job(command: CommandLine) -> dict[str, Any]:
    """The one watch job as `list` shows it."""
    (found,) = command.jobs()["periodic"]
    return found


def in_step(irods: iRODSSession, source: Path, home: str) -> bool:
    """Whether the collection has exactly the files of the source."""
    return bool(irods.collections.exists(home)) and catalog(irods, home) == tree(source, home)


def at_rest(watching: Watching) -> Callable[[], bool]:
    """A condition: no scan runs, and nothing that was seen is still to be done (the watcher tells that at times)."""

    def holds() -> bool:
        found = watching.job
        watcher = found.get("watcher", {"settling": None, "spooled": None})
        left = (found["live"]["remaining"], watcher["settling"], watcher["spooled"])
        return found["state"] == "waiting" and left == (0, 0, 0)

    return holds
