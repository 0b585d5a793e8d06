"""The demonstration behind `make demo`: a zone, a tree of files with everything odd in it, two ingests, a watcher."""

from __future__ import annotations

import json
import os
import shutil
import subprocess
import sys
import tempfile
import time
from pathlib import Path

from irods.column import Like
from irods.models import Collection, DataObject
from irods.session import iRODSSession

FILES = 1_200
ARRIVAL_SECONDS = 30
ODD_NAMES = ("it's", 'double "quote"', " leading", "trailing ", "a and 'b'", "100 %", "back\\slash", "new\nline")
TARGET = "/tempZone/home/rods/demo"


def make_tree(root: Path) -> None:
    """Some 1,200 files on three levels, and one of everything that makes ingests go wrong."""
    for number in range(FILES):
        folder = root / f"run{number % 6}" / f"lane{number % 4}"
        folder.mkdir(parents=True, exist_ok=True)
        (folder / f"tile_{number:04d}.dat").write_bytes(os.urandom(number % 2_000))
    odd = root / "odd names"
    odd.mkdir()
    for name in (*ODD_NAMES, "日本語.txt", "n" * 255):
        (odd / name).write_text(name)
    Path(os.fsdecode(os.fsencode(odd) + b"/not-utf8-\xff\xfe")).write_text("undecodable")
    (root / "empty" / "directory").mkdir(parents=True)
    (root / "link").symlink_to("run0/lane0/tile_0000.dat")
    (root / "link out of the source").symlink_to("/etc/hostname")
    (root / "broken link").symlink_to("nowhere")
    os.mkfifo(root / "pipe")
    unreadable = root / "unreadable.dat"
    unreadable.write_text("secret")
    unreadable.chmod(0)


def say(text: str) -> None:
    """A heading."""
    print(f"\n\033[1m# {text}\033[0m" if sys.stdout.isatty() else f"\n# {text}", flush=True)


def run(*command: str | Path, **environ: str) -> int:
    """Show a command as one would type it, and run it."""
    words = [str(word) for word in command]
    print("$ " + " ".join([Path(words[0]).name, *words[1:]]), flush=True)
    return subprocess.run([*_without_override(), *words], env={**os.environ, **environ}, check=False).returncode


def _without_override() -> list[str]:
    """Root may read everything; without these capabilities it meets unreadable files as everybody does."""
    if os.geteuid() != 0 or not shutil.which("setpriv"):
        return []
    return ["setpriv", "--bounding-set=-dac_override,-dac_read_search", "--"]


def count_catalog(environment: str) -> tuple[int, int]:
    """Objects and collections below the target, asked with python-irodsclient."""
    with iRODSSession(irods_env_file=environment) as session:
        objects = collections = 0
        for below in (Collection.name == TARGET, Like(Collection.name, f"{TARGET}/%")):
            objects += sum(1 for _ in session.query(Collection.name, DataObject.name).filter(below))
        for below in (Collection.name == TARGET, Like(Collection.name, f"{TARGET}/%")):
            collections += sum(1 for _ in session.query(Collection.name).filter(below))
        return objects, collections


def demonstrate(work: Path, programs: Path) -> int:
    """Run the whole of it in a folder; the exit status."""
    say("A tree of files")
    source = work / "source"
    make_tree(source)
    print(f"{sum(len(files) for _, _, files in os.walk(source))} files in {source}")

    say("A development zone that speaks the iRODS protocol")
    command = [str(programs / "ingest-devzone"), "--port", "0", "--data", str(work / "zone")]
    with subprocess.Popen(command, stdout=subprocess.PIPE, text=True) as zone:
        try:
            assert zone.stdout is not None
            ready = json.loads(zone.stdout.readline())
            print(f"listens on {ready['host']}:{ready['port']}")
            status = ingest_twice(work, programs, source, ready["environment"])
            return status or watch(work, programs, source, ready["environment"])
        finally:
            zone.terminate()


def ingest_twice(work: Path, programs: Path, source: Path, environment: str) -> int:
    """Put the tree into the zone, see what arrived, and show that a second run does nothing."""
    handler = Path(__file__).with_name("put_handler.py")
    start: list[str | Path] = [programs / "ingest-scan", "start", source, TARGET, "--synchronous"]
    start += ["--event_handler", handler]
    environ = {"IRODS_ENVIRONMENT_FILE": environment, "INGEST_STATE": str(work / "state.db")}

    say("Everything into the zone")
    status = run(*start, "--progress", **environ)
    objects, collections = count_catalog(environment)
    print(f"The catalog has {objects} objects in {collections} collections.")
    expected = FILES + len(ODD_NAMES) + 4  # two more odd names, the undecodable one, the link

    say("The same again: nothing is done twice")
    again = run(*start, **environ)
    unchanged = count_catalog(environment)

    say("What was run")
    run(programs / "ingest-scan", "list", **environ)
    if (status, again, objects, unchanged) != (0, 0, expected, (objects, collections)):
        print(f"Something went wrong: {objects} objects instead of {expected}, exit status {status} and {again}.")
        return 1
    return 0


def watch(work: Path, programs: Path, source: Path, environment: str) -> int:
    """Watch the tree, drop a file into it, and see it in the catalog; the exit status."""
    say("From now on as it happens: a file that is dropped into the folder")
    options = ["--event_handler", str(Path(__file__).with_name("put_handler.py")), "--quiet", "0.5"]
    command = [str(programs / "ingest-watch"), str(source), TARGET, *options]
    environ = {**os.environ, "IRODS_ENVIRONMENT_FILE": environment, "INGEST_STATE": str(work / "state.db")}
    print("$ " + " ".join([Path(command[0]).name, *command[1:]]), flush=True)
    with subprocess.Popen([*_without_override(), *command], env=environ, stderr=subprocess.PIPE, text=True) as watcher:
        try:
            assert watcher.stderr is not None
            ready_line = next((line for line in watcher.stderr if " watches " in line), None)
            if ready_line is None:
                return 1
            print(ready_line, end="")
            (source / "run0" / "dropped.dat").write_text("fresh from the instrument")
            dropped = time.monotonic()
            print("dropped run0/dropped.dat", flush=True)
            if not arrives(environment, f"{TARGET}/run0/dropped.dat"):
                print("Something went wrong: it does not arrive.")
                return 1
            print(f"{TARGET}/run0/dropped.dat is in the catalog, {time.monotonic() - dropped:.1f} s later.")
        finally:
            watcher.terminate()
    return 0


def arrives(environment: str, path: str) -> bool:
    """Wait until the catalog has a data object; False when it takes too long."""
    end = time.monotonic() + ARRIVAL_SECONDS
    with iRODSSession(irods_env_file=environment) as session:
        while not session.data_objects.exists(path):
            if time.monotonic() > end:
                return False
            time.sleep(0.05)
    return True


def main() -> None:
    """Run in a temporary folder and clean up."""
    began = time.monotonic()
    work = Path(tempfile.mkdtemp(prefix="ingest-demo-"))
    try:
        status = demonstrate(work, Path(sys.executable).parent)
    finally:
        (work / "source" / "unreadable.dat").chmod(0o600)
        shutil.rmtree(work)
    print(f"\nDone in {time.monotonic() - began:.0f} s." if status == 0 else "\nFailed.")
    sys.exit(status)


if __name__ == "__main__":
    main()
