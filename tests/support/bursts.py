"""Bursts: many files as fast as some processes can write them, in one directory and in new nested ones."""

from __future__ import annotations

import multiprocessing
import os
from collections.abc import Iterator
from contextlib import contextmanager
from multiprocessing.process import BaseProcess
from pathlib import Path
from typing import NamedTuple

PER_DIRECTORY = 5
Part = tuple[range, range]
_QUEUE = Path("/proc/sys/fs/inotify/max_queued_events")


class Burst(NamedTuple):
    """How many files are written into one directory, and how many nested directories."""

    flat: int
    nested: int

    @property
    def files(self) -> int:
        """The number of all files."""
        return self.flat + self.nested * PER_DIRECTORY

    def split(self, flat: int, nested: int) -> tuple[Part, Part]:
        """The numbers of files and directories before these, and from these on."""
        return (range(flat), range(nested)), (range(flat, self.flat), range(nested, self.nested))


def image(number: int) -> str:
    """The name of a file."""
    return f"image_{number:08d}.tif"


def write_flat(root: str, numbers: range) -> None:
    """Files with these numbers into one directory."""
    for number in numbers:
        with open(f"{root}/{image(number)}", "wb") as file:
            file.write(b"x")


def write_nested(root: str, numbers: range) -> None:
    """New directories with these numbers, three levels deep, with PER_DIRECTORY files each."""
    for number in numbers:
        folder = f"{root}/run_{number // 100}/day_{number // 10 % 10}/scan_{number % 10}"
        os.makedirs(folder)
        for file_number in range(PER_DIRECTORY):
            with open(f"{folder}/file_{file_number}", "wb") as file:
                file.write(b"x")


def overflow_queue(root: Path) -> None:
    """Let more happen than the kernel remembers; two files take turns, since equal events in a row become one."""
    files = [root / "one", root / "other"]
    for file in files:
        file.touch()
    for number in range(int(_QUEUE.read_text()) + 1):
        os.utime(files[number % 2])


def _write(root: str, flat: range, nested: range) -> None:
    write_flat(root, flat)
    write_nested(root, nested)


@contextmanager
def writing(root: Path, flat: range, nested: range, writers: int = 2) -> Iterator[list[BaseProcess]]:
    """The processes that write files and then directories with these numbers; at the end they have ended well."""
    make = multiprocessing.get_context("spawn").Process  # a test process may have threads, which a fork would upset
    processes: list[BaseProcess] = [
        make(target=_write, args=(str(root), flat[first::writers], nested[first::writers])) for first in range(writers)
    ]
    for process in processes:
        process.start()
    yield processes
    for process in processes:
        process.join()
        assert process.exitcode == 0
