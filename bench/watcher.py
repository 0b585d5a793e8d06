"""How many files a second each backend hears of whole, and what it loses in bursts. Nothing is settled or published.

    python -m bench.watcher [FILES] [DIRECTORIES]

FILES go into one directory, written and closed by two processes as fast as they can; then DIRECTORIES new nested
directories of 5 files each appear. A file is lost when no Written names it. The rate is FILES over the time from the
first write until the last file was heard of; seconds of CPU are those of the backend's process. Where a backend says
that it missed something, a scan would find what it lost.
"""

from __future__ import annotations

import multiprocessing
import os
import sys
import tempfile
import time
import warnings
from collections.abc import Callable
from typing import NamedTuple

from tests.support.bursts import PER_DIRECTORY, write_flat, write_nested
from watcher.events import Backend, Missed, Written
from watcher.files.inotify import InotifyBackend
from watcher.files.observer import ObserverBackend

QUIET_SECONDS = 3.0
"""After this long without an event there will be no more."""


class Heard(NamedTuple):
    rate: float
    lost: int
    missed: int
    cpu: float


def burst(kind: Callable[[bytes], Backend], write: Callable[[str, range], None], count: int, files: int) -> Heard:
    """Two processes write while a backend is read."""
    with tempfile.TemporaryDirectory() as folder, kind(os.fsencode(folder)) as backend:
        backend.start()
        writers = [multiprocessing.Process(target=write, args=(folder, range(first, count, 2))) for first in range(2)]
        began = last = time.monotonic()
        cpu = time.process_time()
        for writer in writers:
            writer.start()
        heard: set[bytes] = set()
        missed = 0
        while any(writer.is_alive() for writer in writers) or time.monotonic() - last < QUIET_SECONDS:
            events, before = backend.read(0.1), len(heard)
            heard.update(event.path for event in events if isinstance(event, Written))
            if len(heard) > before:
                last = time.monotonic()
            missed += sum(isinstance(event, Missed) for event in events)
        return Heard(files / (last - began), files - len(heard), missed, time.process_time() - cpu)


def main(files: int, directories: int) -> None:
    warnings.filterwarnings("ignore", module="watchdog")  # of each nested directory
    bursts = {
        f"{files:,} files in one directory": (write_flat, files, files),
        f"{directories:,} nested directories": (write_nested, directories, directories * PER_DIRECTORY),
    }
    for label, (write, count, expected) in bursts.items():
        print(f"{label}\n{'':12}{'files/s':>10}{'lost':>8}{'missed':>8}{'CPU us/file':>13}")
        said = {}
        for kind in (InotifyBackend, ObserverBackend):
            heard = burst(kind, write, count, expected)
            name = {InotifyBackend: "inotify", ObserverBackend: "watchdog"}[kind]
            said[name] = heard
            print(f"{name:12}{heard.rate:10,.0f}{heard.lost:8,}{heard.missed:8,}{heard.cpu / expected * 1e6:13.1f}")
        ours, theirs = said["inotify"], said["watchdog"]
        print(
            f"inotify : watchdog = {ours.rate / theirs.rate:.1f} in files/s, 1 : {theirs.cpu / ours.cpu:.1f} in CPU\n"
        )


if __name__ == "__main__":
    numbers = [int(argument) for argument in sys.argv[1:]]
    main(*(numbers + [100_000, 3_000][len(numbers) :]))
