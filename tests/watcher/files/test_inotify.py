"""The inotify backend keeps the contract, and makes up for what the system cannot hold."""

from __future__ import annotations

import os
import tracemalloc
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from tests.watcher.files.contract import BackendContract, ExclusionContract, write
from tests.watcher.files.contract_tree import RootContract, TreeContract, UpheavalContract
from tests.watcher.files.heard import Heard
from watcher.events import Directory, Gone, Moved, Written
from watcher.files.inotify import InotifyBackend
from watcher.files.root import Excluded


class InotifyFixtures:
    def make(self, root: bytes, excluded: Excluded) -> InotifyBackend:
        return InotifyBackend(root, excluded)


class TestContract(InotifyFixtures, BackendContract):
    pass


class TestExclusions(InotifyFixtures, ExclusionContract):
    def test_what_is_renamed_right_after_a_directory_above_it_has_moved(self, heard: Heard, root: bytes) -> None:
        os.makedirs(root + b"/one/below")
        heard.until_heard(Directory(b"one/below"))
        os.rename(root + b"/one", root + b"/two")
        os.rename(root + b"/two/below", root + b"/two/other")
        heard.until_heard(Moved(b"one", b"two", directory=True), Moved(b"two/below", b"two/other", directory=True))

    def test_rules_are_applied_to_the_new_paths_of_what_is_in_a_directory_that_was_renamed(
        self, root: bytes, watch: Callable[[Excluded], Heard]
    ) -> None:
        def private(path: bytes, directory: bool) -> bool:
            return path.startswith(b"private/") and path != b"private/kept" and (directory or path.endswith(b".txt"))

        os.makedirs(root + b"/private/kept")
        os.makedirs(root + b"/private/directory/below")
        write(root + b"/private/a.txt")
        write(root + b"/private/directory/below/file")
        heard = watch(private)
        os.rename(root + b"/private", root + b"/public")
        heard.until_heard(Moved(b"private", b"public", directory=True), Directory(b"public/directory/below"))
        heard.until_heard(Written(b"public/a.txt", new=True), Written(b"public/directory/below/file", new=True))
        assert Directory(b"public/kept") not in heard.events
        os.rename(root + b"/public", root + b"/private")
        heard.until_heard(Gone(b"private/a.txt", directory=False), Gone(b"private/directory", directory=True))
        assert Gone(b"private/kept", directory=True) not in heard.events


class TestTrees(InotifyFixtures, TreeContract):
    def test_a_directory_that_is_moved_into_one_that_is_not_watched_yet_has_moved(
        self, heard: Heard, root: bytes
    ) -> None:
        os.makedirs(root + b"/new/below")
        os.rename(root + b"/directory", root + b"/new/below/directory")
        heard.until_heard(Moved(b"directory", b"new/below/directory", directory=True))
        write(root + b"/new/below/directory/file")
        heard.until_written(b"new/below/directory/file")
        heard.until_in_step()


class TestUpheaval(InotifyFixtures, UpheavalContract):
    pass


class TestUpheavalBeyondTheLimit(UpheavalContract):
    @pytest.fixture(params=[0, 1, 4, 10])
    def most(self, request: pytest.FixtureRequest) -> int:
        return int(request.param)

    @pytest.fixture
    def watch(self, root: bytes, most: int) -> Iterator[Callable[[], Heard]]:
        with InotifyBackend(root, poll_interval=0.1, max_watches=most) as backend:

            def start() -> Heard:
                backend.start()
                return Heard(root, backend)

            yield start


class TestRoot(InotifyFixtures, RootContract):
    pass


def test_of_what_is_there_at_the_start_nothing_is_kept_in_memory(tmp_path: Path) -> None:
    root = bytes(tmp_path)
    for number in range(3_000):
        write(root + b"/a file with a rather long name, number %d" % number)
    with InotifyBackend(root) as backend:
        tracemalloc.start()
        backend.start()
        most = tracemalloc.get_traced_memory()[1]
        tracemalloc.stop()
    assert most < 3_000 * 60, "as much as their names would need"
