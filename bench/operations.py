"""Measure registration and put through the whole pipeline. Compare them with bare loops of the same iRODS calls.

Usage: python -m bench.operations [--files 400] [--latency real|none]

The zone is the development zone. With `--latency real` its answers take as long as those of a real 5.0.2 server.
"""

from __future__ import annotations

import argparse
import multiprocessing
import os
import subprocess
import sys
import tempfile
import time
from pathlib import Path

from irods.session import iRODSSession

from tests.support.devzone_process import running_zone

PUT_HANDLER = """
from ingest import Core, Operation
class event_handler(Core):
    @staticmethod
    def operation(session, meta, **options):
        return Operation.PUT_SYNC
"""


def bare(environment: str, kind: str, collection: str, files: list[str]) -> None:
    """Run one client that makes one iRODS call per file, and nothing else."""
    from consumer.irods import registration, requests  # noqa: PLC0415 - in the child process

    with iRODSSession(irods_env_file=environment) as session:
        for file in files:
            path = f"{collection}/{os.path.basename(file)}"
            stat = os.lstat(file)
            if kind == "register":
                registration.register(session, path, file, stat.st_size, int(stat.st_mtime))
            else:
                with open(file, "rb") as source:
                    requests.put(session, path, source.read(), {})


def timed_bare(environment: Path, kind: str, collection: str, files: list[str], processes: int) -> float:
    """Seconds that ``processes`` bare clients need for all files, including process starts and logins."""
    with iRODSSession(irods_env_file=str(environment)) as session:
        session.collections.create(collection)
    start = time.monotonic()
    shares = [files[number::processes] for number in range(processes)]
    clients = [
        multiprocessing.Process(target=bare, args=(str(environment), kind, collection, share)) for share in shares
    ]
    for client in clients:
        client.start()
    for client in clients:
        client.join()
    return time.monotonic() - start


def timed_ingest(environment: Path, source: Path, collection: str, workers: int, *options: str) -> float:
    """Seconds of `ingest-scan start`, including process starts."""
    start = time.monotonic()
    command = [sys.executable, "-m", "scanner", "start", str(source), collection, "--workers", str(workers), *options]
    env = {**os.environ, "IRODS_ENVIRONMENT_FILE": str(environment)}
    subprocess.run(command, env=env, check=True, capture_output=True)
    return time.monotonic() - start


def report(name: str, files: int, ours: float, other: float, what: str) -> None:
    """Print one line: the two rates and their ratio."""
    print(
        f"{name:32} {files / ours:9.0f} files/s   {what} {files / other:9.0f}   ratio {other / ours:6.2f}", flush=True
    )


def main() -> None:
    """Measure and print."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--files", type=int, default=400)
    parser.add_argument("--latency", choices=("real", "none"), default="real")
    arguments = parser.parse_args()
    with (
        tempfile.TemporaryDirectory() as folder,
        running_zone(Path(folder) / "zone", latency=arguments.latency) as zone,
    ):
        source, state = Path(folder) / "source", f"{folder}/state.db"
        source.mkdir()
        for number in range(arguments.files):
            (source / f"f{number}").write_bytes(b"x" * 1000)
        files = [str(path) for path in source.iterdir()]
        handler = Path(folder) / "put.py"
        handler.write_text(PUT_HANDLER)
        home, count = "/tempZone/home/rods", arguments.files
        for kind, options in (("register", []), ("put", ["--event_handler", str(handler)])):
            for workers in (1, 4):
                loop = timed_bare(zone.environment, kind, f"{home}/bare-{kind}-{workers}", files, workers)
                target = f"{home}/{kind}-{workers}"
                ours = timed_ingest(zone.environment, source, target, workers, "--state", state, *options)
                report(f"{kind}, {workers} workers", count, ours, loop, "bare loop")
        target = f"{home}/register-1"
        warm = timed_ingest(zone.environment, source, target, 1, "--state", state)
        empty = timed_ingest(zone.environment, source, target, 1, "--state", f"{folder}/other.db")
        report("unchanged, warm cache", count, warm, empty, "empty cache")


if __name__ == "__main__":
    main()
