"""The fence lets a worker act while its consumer has the partition, and ends it when it has not."""

from __future__ import annotations

import os
import select
import subprocess
import sys
from collections.abc import Iterator

import pytest

from consumer.fence import LOST_STATUS, Fence
from ingest.boot_clock import boot_seconds
from tests.support.integration import wait_until

_LATE = 1e-6
_PROGRAM = """
import sys
from consumer.fence import Fence
fence = Fence(int(sys.argv[1]))
print("ready", flush=True)
for line in sys.stdin:
    print("asks", flush=True)
    fence.check()
    print("acted", fence.asked_back, flush=True)
"""


@pytest.fixture
def fence() -> Iterator[Fence]:
    fence = Fence()
    yield fence
    fence.discard()


class Worker:
    """A process that acts once for each line it gets."""

    def __init__(self, fence: Fence) -> None:
        self.process = subprocess.Popen(
            [sys.executable, "-c", _PROGRAM, str(fence.descriptor)], pass_fds=[fence.descriptor],
            stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True,
        )  # fmt: skip
        assert self.said() == "ready"

    def tell(self) -> None:
        assert self.process.stdin
        self.process.stdin.write("act\n")
        self.process.stdin.flush()
        assert self.said() == "asks"

    def said(self) -> str:
        assert self.process.stdout
        return self.process.stdout.readline().strip()


@pytest.fixture
def worker(fence: Fence) -> Iterator[Worker]:
    worker = Worker(fence)
    yield worker
    worker.process.kill()
    worker.process.communicate()


def test_an_open_fence_and_one_that_holds_let_the_worker_act(fence: Fence, worker: Worker) -> None:
    worker.tell()
    assert worker.said() == "acted False"
    fence.hold_until(boot_seconds() + 3600)
    fence.ask_back()
    worker.tell()
    assert worker.said() == "acted True"


def test_after_the_end_of_the_lease_the_worker_waits_until_the_lease_is_renewed(fence: Fence, worker: Worker) -> None:
    fence.hold_until(boot_seconds() - _LATE)
    worker.tell()
    wait_until(lambda: _sleeps(worker.process.pid))
    assert worker.process.stdout
    assert not select.select([worker.process.stdout], [], [], 0)[0], "it would have said that it acted"
    fence.hold_until(boot_seconds() + 3600)
    assert worker.said() == "acted False"


def test_a_worker_whose_partition_is_lost_ends_before_it_acts(fence: Fence, worker: Worker) -> None:
    fence.close()
    worker.tell()
    assert worker.said() == ""
    assert worker.process.wait(60) == LOST_STATUS


def test_a_new_task_finds_nothing_of_the_last_one(fence: Fence) -> None:
    fence.close()
    fence.ask_back()
    fence.open()
    fence.check()
    assert not fence.asked_back
    assert os.fstat(fence.descriptor).st_size == 16


def _sleeps(pid: int) -> bool:
    """Whether the process sleeps."""
    with open(f"/proc/{pid}/stat") as file:
        return file.read().rpartition(")")[2].split()[0] == "S"
