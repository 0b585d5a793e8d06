"""What is polled is said to be written once a look finds it as the one before did: until then it may be growing.

The interval between looks is 0, so each time that a backend is read it looks once.
"""

from __future__ import annotations

import os
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.watcher.files.contract import write
from watcher.events import Backend, Directory, Gone, Moved, Written
from watcher.files.inotify import InotifyBackend
from watcher.files.polling import PollingBackend


@pytest.fixture
def root(tmp_path: Path) -> bytes:
    root = os.fsencode(tmp_path.resolve() / "root")
    os.mkdir(root)
    write(root + b"/known")
    return root


@pytest.fixture(params=["polling", "inotify beyond its limit"])
def backend(root: bytes, request: pytest.FixtureRequest) -> Iterator[Backend]:
    polling = PollingBackend(root, poll_interval=0.0)
    with polling if request.param == "polling" else InotifyBackend(root, poll_interval=0.0, max_watches=0) as backend:
        backend.start()
        yield backend


def append(path: bytes) -> None:
    with open(path, "ab") as file:
        file.write(b"a line\n")


@pytest.mark.parametrize(("name", "new"), [(b"known", False), (b"new", True)])
def test_a_file_that_grows_from_look_to_look_is_written_when_it_has_stood_still(
    backend: Backend, root: bytes, name: bytes, new: bool
) -> None:
    for _ in range(3):
        append(root + b"/" + name)
        assert backend.read(0.0) == []
    assert backend.read(0.0) == [Written(name, new=new)]


def test_what_cannot_grow_is_written_when_it_is_seen(backend: Backend, root: bytes) -> None:
    os.symlink(b"nowhere", root + b"/link")
    os.mkdir(root + b"/directory")
    assert set(backend.read(0.0)) == {Written(b"link", new=True), Directory(b"directory")}


def test_a_new_file_that_is_renamed_before_it_was_written_is_new_under_its_other_name(
    backend: Backend, root: bytes
) -> None:
    write(root + b"/new")
    assert backend.read(0.0) == []
    os.rename(root + b"/new", root + b"/other")
    assert backend.read(0.0) == [Gone(b"new", directory=False)]
    assert backend.read(0.0) == [Written(b"other", new=True)]


def test_a_new_file_whose_directory_is_renamed_before_it_was_written_is_new_there(
    backend: Backend, root: bytes
) -> None:
    os.mkdir(root + b"/directory")
    assert backend.read(0.0) == [Directory(b"directory")]
    write(root + b"/directory/new")
    assert backend.read(0.0) == []
    os.rename(root + b"/directory", root + b"/other")
    assert Moved(b"directory", b"other", directory=True) in (moves := backend.read(0.0))
    assert Written(b"other/new", new=True) in moves


def test_a_known_file_that_is_renamed_while_a_change_of_it_is_held_has_moved(backend: Backend, root: bytes) -> None:
    append(root + b"/known")
    assert backend.read(0.0) == []
    os.rename(root + b"/known", root + b"/other")
    assert backend.read(0.0) == [Moved(b"known", b"other", directory=False), Written(b"other")]
