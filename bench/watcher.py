"""Measure the rate and the losses of each watcher backend in bursts. Events are neither settled nor published.

Usage: python -m bench.watcher [FILES] [DIRECTORIES]

Two processes write FILES files into one directory, as fast as they can, and then DIRECTORIES new nested directories of
5 files each. A file is lost if no Written event names it. The rate is FILES divided by the time from the first write to
the last new file in an event. "CPU" is the CPU time of the backend's process. "missed" counts Missed events: after one,
a watcher scans the directory, and finds the lost files.
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
"""Seconds without an event until the measurement ends."""


class Result(NamedTuple):
    rate: float
    lost: int
    missed: int
    cpu: float


def burst(kind: Callable[[bytes], Backend], write: Callable[[str, range], None], count: int, files: int) -> Result:
    """Read events from a backend while two processes write."""
    with tempfile.TemporaryDirectory() as folder, kind(os.fsencode(folder)) as backend:
        backend.start()
        writers = [multiprocessing.Process(target=write, args=(folder, range(first, count, 2))) for first in range(2)]
        began = last = time.monotonic()
        cpu = time.process_time()
        for writer in writers:
            writer.start()
        seen: set[bytes] = set()
        missed = 0
        while any(writer.is_alive() for writer in writers) or time.monotonic() - last < QUIET_SECONDS:
            events, before = backend.read(0.1), len(seen)
            seen.update(event.path for event in events if isinstance(event, Written))
            if len(seen) > before:
                last = time.monotonic()
            missed += sum(isinstance(event, Missed) for event in events)
        return Result(files / (last - began), files - len(seen), missed, time.process_time() - cpu)


def main(files: int, directories: int) -> None:
    warnings.filterwarnings("ignore", module="watchdog")  # watchdog warns about each nested directory
    bursts = {
        f"{files:,} files in one directory": (write_flat, files, files),
        f"{directories:,} nested directories": (write_nested, directories, directories * PER_DIRECTORY),
    }
    for label, (write, count, expected) in bursts.items():
        print(f"{label}\n{'':12}{'files/s':>10}{'lost':>8}{'missed':>8}{'CPU us/file':>13}")
        results = {}
        for kind in (InotifyBackend, ObserverBackend):
            result = burst(kind, write, count, expected)
            name = {InotifyBackend: "inotify", ObserverBackend: "watchdog"}[kind]
            results[name] = result
            print(f"{name:12}{result.rate:10,.0f}{result.lost:8,}{result.missed:8,}{result.cpu / expected * 1e6:13.1f}")
        ours, theirs = results["inotify"], results["watchdog"]
        print(
            f"inotify : watchdog = {ours.rate / theirs.rate:.1f} in files/s, 1 : {theirs.cpu / ours.cpu:.1f} in CPU\n"
        )


if __name__ == "__main__":
    numbers = [int(argument) for argument in sys.argv[1:]]
    main(*(numbers + [100_000, 3_000][len(numbers) :]))
