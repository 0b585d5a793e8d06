"""Measure the listing of one flat directory. Compare it with a bare loop of `os.scandir` and `lstat` in the same run.

Usage: python -m bench.listing [FILES]
"""

from __future__ import annotations

import os
import sys
import tempfile
import time
from collections.abc import Callable

from scanner.files.filesystem import list_directory
from scanner.rules import Rules

ROUNDS = 5


def bare(root: bytes) -> int:
    count = 0
    with os.scandir(root) as entries:
        for entry in entries:
            entry.stat(follow_symlinks=False)
            count += 1
    return count


def ours(root: bytes, *, spill_above: int = 10**9, **options: list[str]) -> int:
    with list_directory(root, b"", Rules(**options), spill_above=spill_above) as listing:  # type: ignore[arg-type]
        return sum(1 for _ in listing)


def best_rate(listing: Callable[[bytes], int], root: bytes) -> float:
    """Files per second in the best of ROUNDS rounds: other load on the machine only makes a round slower."""
    rates = []
    for _ in range(ROUNDS):
        began = time.perf_counter()
        count = listing(root)
        rates.append(count / (time.perf_counter() - began))
    return max(rates)


def main(files: int) -> None:
    ways: dict[str, Callable[[bytes], int]] = {
        "os.scandir + lstat": bare,
        "list_directory": ours,
        "list_directory, spilled": lambda root: ours(root, spill_above=1000),
        "list_directory, 3 patterns": lambda root: ours(root, patterns=["*.tmp", "/raw/", "!keep.tmp"]),
        "list_directory, 1 regex": lambda root: ours(root, file_names=[r".*\.tmp$"]),
    }
    with tempfile.TemporaryDirectory() as folder:
        for number in range(files):
            os.mknod(os.path.join(folder, f"image_{number:08d}.tif"))
        rates = {label: best_rate(way, os.fsencode(folder)) for label, way in ways.items()}
    for label, rate in rates.items():
        print(f"{label:28} {rate:10,.0f} files/s  {rate / rates['os.scandir + lstat']:5.2f}")


if __name__ == "__main__":
    main(int(sys.argv[1]) if len(sys.argv) > 1 else 100_000)
