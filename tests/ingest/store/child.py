"""A second process that runs commands of the test on a store, until it is killed."""

from __future__ import annotations

import subprocess
import sys
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import msgspec

from ingest.store import Step, Store


class Process:
    """The test calls `process("settle", steps)` to run that method of `_Commands` in the process."""

    def __init__(self, source: str) -> None:
        """Start a process with the store that the Python code `source` assigns to `store`."""
        self._process = subprocess.Popen(
            [sys.executable, "-m", "tests.ingest.store.child", source],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            text=True,
            cwd=Path(__file__).parents[3],
        )

    def __call__(self, command: str, argument: Any) -> Any:
        self.send(command, argument)
        return self.answer()

    def send(self, command: str, argument: Any) -> None:
        assert self._process.stdin
        self._process.stdin.write(msgspec.json.encode([command, argument]).decode() + "\n")
        self._process.stdin.flush()

    def answer(self) -> Any:
        assert self._process.stdout
        line = self._process.stdout.readline()
        assert line, "the child has died; its traceback is on stderr"
        return msgspec.json.decode(line)

    def kill(self) -> None:
        """Kill the process with SIGKILL, and wait for its end."""
        self._process.kill()
        self._process.communicate()


class _Commands:
    def __init__(self, store: Store) -> None:
        self._store = store

    def settle(self, argument: Any) -> list[bool]:
        steps: Sequence[Step] = msgspec.convert(argument, list[Step])
        return [self._store.tasks.settle(step) for step in steps]

    def settle_then_stall(self, argument: Any) -> None:
        """Print the result of each step, so that the test can kill the process between two steps."""
        for step in msgspec.convert(argument, list[Step]):
            print(msgspec.json.encode(self._store.tasks.settle(step)).decode(), flush=True)

    def fire_all(self, _: Any) -> bool:
        """Fire until nothing is scheduled."""
        while self._store.outbox.fire_due() is not None:
            pass
        return True

    def lease(self, argument: Any) -> int:
        """Return how many of these leases the owner gets."""
        owner, names = argument
        return sum(self._store.leases.take(name, owner, 60.0) for name in names)


def _main() -> None:
    names: dict[str, Any] = {}
    exec(sys.argv[1], names)
    commands = _Commands(names["store"])
    for line in sys.stdin:
        command, argument = msgspec.json.decode(line)
        result = getattr(commands, command)(argument)
        if result is not None:
            print(msgspec.json.encode(result).decode(), flush=True)


if __name__ == "__main__":
    _main()
