"""Start and stop a development zone as a process of its own."""

import json
import os
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

from irods.session import iRODSSession

ROOT = Path(__file__).parents[2]
END_SECONDS = 30
# Everything is imported before the process gives its rights up, because that user may not be able to read the code.
AS_USER = """
import encodings.idna, os, sys
import devzone.process  # while its files can be read
from devzone.cli import main
os.setgroups([])
os.setgid({gid})
os.setuid({user})
sys.argv[0] = "devzone"
main()
"""


@dataclass
class Zone:
    """A running zone: where it listens, its client environment, its process."""

    host: str
    port: int
    environment: Path
    process: "subprocess.Popen[str]"

    def session(self, user: str = "rods", password: str = "rods", **settings: object) -> iRODSSession:
        """A client session of some user."""
        return iRODSSession(host=self.host, port=self.port, user=user, password=password, zone="tempZone", **settings)

    def stop(self) -> int:
        """End it cleanly; returns its exit status."""
        self.process.terminate()
        return self.process.wait(END_SECONDS)

    def kill(self) -> None:
        """End it as a crash would."""
        self.process.kill()
        self.process.wait(END_SECONDS)


def command(data: Path, *options: str, user: int | None = None) -> list[str]:
    """The command line of a zone on a data folder, for a zone that runs as another user if one is given."""
    program = ["-c", AS_USER.format(user=user, gid=user)] if user is not None else ["-m", "devzone"]
    return [sys.executable, *program, "--data", str(data), *options]


@contextmanager
def running_zone(data: Path, *, latency: str = "none", port: int = 0, user: int | None = None) -> Iterator[Zone]:
    """A zone on a data folder, ready for clients; stopped at the end if it still runs."""
    process = subprocess.Popen(
        command(data, "--port", str(port), "--latency", latency, user=user),
        stdout=subprocess.PIPE, text=True, env={**os.environ, "PYTHONPATH": str(ROOT)},
    )  # fmt: skip
    try:
        assert process.stdout is not None
        line = process.stdout.readline()
        if not line:
            raise RuntimeError(f"the zone ended with status {process.wait(END_SECONDS)}")
        ready = json.loads(line)
        zone = Zone(ready["host"], ready["port"], Path(ready["environment"]), process)
        yield zone
    finally:
        if process.poll() is None:
            process.terminate()
            try:
                process.wait(END_SECONDS)
            except subprocess.TimeoutExpired:
                process.kill()
        process.wait(END_SECONDS)
        if process.stdout is not None:
            process.stdout.close()
