"""A put or an append that does not come to its end never leaves a good replica."""

from __future__ import annotations

import os
import time
from collections.abc import Callable
from contextlib import closing
from pathlib import Path

import pytest
from irods.session import iRODSSession

from consumer.irods import transfer
from consumer.irods.catalog import look_up
from ingest.messages import GOOD, Replica
from scanner.content import FileChanged
from scanner.files.content import FileContent

MIB = 1024 * 1024
SIZE = 72 * MIB


class Meddled(FileContent):
    """The content of a file to which something happens while it is read: at the read of a byte from `at` on."""

    def __init__(self, file: Path, at: int, what: Callable[[Path], None]) -> None:
        super().__init__(os.open(file, os.O_RDONLY))
        self._file, self._at, self._what = file, at, what

    def read(self, offset: int, length: int) -> bytes:
        if offset + length > self._at:
            self._at = SIZE * 2
            self._what(self._file)
        return super().read(offset, length)


def truncated(file: Path) -> None:
    os.truncate(file, 20 * MIB)


def grown(file: Path) -> None:
    with file.open("ab") as to:
        to.write(b"more")


def unreadable(_: Path) -> None:
    raise OSError(5, "Input/output error")


def interrupted(_: Path) -> None:
    raise KeyboardInterrupt


def replicas(irods: iRODSSession, path: str) -> list[Replica]:
    """The replicas of an object once none is in transfer any more."""
    end = time.monotonic() + 30
    while time.monotonic() < end:
        found = [each for each in look_up(irods, path) if isinstance(each, Replica)]
        if not any(each.status in "23" for each in found):
            return found
        time.sleep(0.05)
    raise AssertionError(f"{path} is still in transfer")


@pytest.fixture
def file(tmp_path: Path) -> Path:
    """A file that is put in parallel."""
    path = tmp_path / "file"
    path.write_bytes(b"0123456789abcdef" * (SIZE // 16))
    return path


@pytest.fixture
def path(irods: iRODSSession, home: str) -> str:
    irods.collections.create(home)
    return f"{home}/object"


@pytest.mark.parametrize("checksum", [False, True])
@pytest.mark.parametrize(
    ("what", "error"),
    [(truncated, FileChanged), (grown, FileChanged), (unreadable, OSError), (interrupted, KeyboardInterrupt)],
)
@pytest.mark.parametrize("at", [10 * MIB, 30 * MIB, SIZE - 1])
def test_a_put_that_ends_in_an_exception_leaves_no_good_replica(
    irods: iRODSSession,
    path: str,
    file: Path,
    at: int,
    what: Callable[[Path], None],
    error: type[BaseException],
    checksum: bool,
) -> None:
    with closing(Meddled(file, at, what)) as content, pytest.raises(error):
        transfer.put(irods, path, content, checksum=checksum)
    assert GOOD not in {each.status for each in replicas(irods, path)}


def test_a_replica_that_is_overwritten_is_not_good_after_an_exception(
    irods: iRODSSession, path: str, file: Path
) -> None:
    with closing(FileContent(os.open(file, os.O_RDONLY))) as content:
        assert transfer.put(irods, path, content) == SIZE
    (over,) = replicas(irods, path)
    assert (over.status, over.size) == (GOOD, SIZE)
    with closing(Meddled(file, 30 * MIB, truncated)) as content, pytest.raises(FileChanged):
        transfer.put(irods, path, content, over=over)
    assert [each.status for each in replicas(irods, path)] != [GOOD]


def test_an_append_that_ends_in_an_exception_leaves_no_good_replica(
    irods: iRODSSession, path: str, file: Path, tmp_path: Path
) -> None:
    head = tmp_path / "head"
    head.write_bytes(file.read_bytes()[: 10 * MIB])
    with closing(FileContent(os.open(head, os.O_RDONLY))) as content:
        transfer.put(irods, path, content)
    (replica,) = replicas(irods, path)
    with closing(Meddled(file, 30 * MIB, truncated)) as content, pytest.raises(FileChanged):
        transfer.append(irods, path, content, replica)
    assert [each.status for each in replicas(irods, path)] != [GOOD]


def test_an_object_that_came_in_between_is_not_overwritten(irods: iRODSSession, path: str, file: Path) -> None:
    with irods.data_objects.open(path, "w") as other:
        other.write(b"another's")
    with closing(FileContent(os.open(file, os.O_RDONLY))) as content, pytest.raises(Exception, match=path):
        transfer.put(irods, path, content)
    assert [(each.status, each.size) for each in replicas(irods, path)] == [(GOOD, len("another's"))]
