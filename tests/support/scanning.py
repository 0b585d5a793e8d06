"""What the scanner's tests share: making odd entries, and doing something without the rights of root."""

from __future__ import annotations

import os
import pickle
import socket
from collections.abc import Callable
from typing import TypeVar

from scanner.files.filesystem import Entry, Skipped, list_directory
from scanner.rules import Rules

NOBODY = 65534

T = TypeVar("T")


def write(path: bytes, content: bytes = b"") -> bytes:
    """A file, with the directories above it."""
    os.makedirs(os.path.dirname(path), exist_ok=True)
    with open(path, "wb") as file:
        file.write(content)
    return path


def make_socket(path: bytes) -> None:
    with socket.socket(socket.AF_UNIX) as server:
        server.bind(path)


def unprivileged(function: Callable[[], T]) -> T:
    """The result of `function`, or the exception that it raised, in a child process that has no rights of root."""
    read_end, write_end = os.pipe()
    child = os.fork()
    if child == 0:
        try:
            if os.geteuid() == 0:
                os.setgroups([])
                os.setgid(NOBODY)
                os.setuid(NOBODY)
            answer: tuple[bool, object] = (True, function())
        except Exception as error:  # noqa: BLE001 - it is raised again in the parent
            answer = (False, error)
        os.write(write_end, pickle.dumps(answer))
        os._exit(0)
    os.close(write_end)
    with os.fdopen(read_end, "rb") as pipe:
        data = pipe.read()
    os.waitpid(child, 0)
    fine, result = pickle.loads(data)
    if not fine:
        raise result
    return result  # type: ignore[no-any-return]


def listed(root: bytes, path: bytes = b"", rules: Rules | None = None, **options: object) -> list[Entry | Skipped]:
    with list_directory(root, path, rules or Rules(), **options) as listing:  # type: ignore[arg-type]
        return list(listing)


def entry_of(found: Entry | Skipped | None) -> Entry:
    """`found`, which must be an entry."""
    assert isinstance(found, Entry), found
    return found


def skipped_of(found: Entry | Skipped | None) -> Skipped:
    """`found`, which must be skipped."""
    assert isinstance(found, Skipped), found
    return found


def walked(root: bytes, rules: Rules, path: bytes = b"") -> list[Entry | Skipped]:
    """All that the listings of all directories that are entered give, directories first."""
    found = listed(root, path, rules)
    for entry in list(found):
        if isinstance(entry, Entry) and entry.kind == "directory":
            found += walked(root, rules, entry.path)
    return found


def files(found: list[Entry | Skipped]) -> set[bytes]:
    """The paths of the entries that are no directories."""
    return {entry.path for entry in found if isinstance(entry, Entry) and entry.kind != "directory"}
