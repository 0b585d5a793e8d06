"""One flat directory of 200,000 files: complete, in order, and in bounded memory."""

from __future__ import annotations

import os
import subprocess
import sys

import pytest

FILES = 200_000
PROGRAM = """
import sys
from scanner.files.filesystem import list_directory
from scanner.rules import Rules

def peak():
    # Not ru_maxrss: a child starts with that of its parent.
    with open("/proc/self/status") as status:
        return next(int(line.split()[1]) for line in status if line.startswith("VmHWM:"))

before = peak()
with list_directory(sys.argv[1].encode(), b"", Rules(), spill_above=int(sys.argv[2])) as listing:
    last, count = b"", 0
    for entry in listing:
        assert entry.path > last
        last, count = entry.path, count + 1
    assert listing.has(last) and not listing.has(last + b"x")
print(count, peak() - before)
"""


@pytest.fixture
def large(root: bytes) -> bytes:
    # Long names make the memory that holding all of them would take stand out.
    for number in range(FILES):
        os.mknod(root + b"/%0200d" % (number * 7919 % FILES))
    return root


def count_and_growth(root: bytes, spill_above: int) -> tuple[int, int]:
    """The number of entries listed in a fresh process, and the growth of its peak memory in KiB."""
    command = [sys.executable, "-c", PROGRAM, os.fsdecode(root), str(spill_above)]
    output = subprocess.run(command, capture_output=True, text=True, check=True).stdout.split()
    return int(output[0]), int(output[1])


def test_a_large_directory_is_listed_in_full_and_in_order_in_memory_that_does_not_hold_it(large: bytes) -> None:
    all_names = FILES * 233 // 1024
    count, spilled = count_and_growth(large, 1000)
    assert count == FILES
    count, in_memory = count_and_growth(large, FILES)
    assert count == FILES
    assert spilled < all_names / 3 < all_names < in_memory
