"""The polling backend keeps the contract as far as two looks can tell."""

from __future__ import annotations

import os

from tests.support.scanning import unprivileged
from tests.watcher.files.contract import BackendContract, ExclusionContract, write
from tests.watcher.files.contract_tree import RootContract, TreeContract, UpheavalContract
from tests.watcher.files.heard import Heard
from watcher.events import Directory, Event, Gone, Missed, Moved
from watcher.files.polling import PollingBackend
from watcher.files.root import Excluded


class PollingFixtures:
    def make(self, root: bytes, excluded: Excluded) -> PollingBackend:
        return PollingBackend(root, excluded, poll_interval=0.05)


class TestContract(PollingFixtures, BackendContract):
    pass


class TestExclusions(PollingFixtures, ExclusionContract):
    pass


class TestTrees(PollingFixtures, TreeContract):
    def test_a_file_and_a_directory_that_exchanged_names_are_scanned(self, heard: Heard, root: bytes) -> None:
        write(root + b"/other")
        heard.until_in_step()
        os.rename(root + b"/file", root + b"/aside")
        os.rename(root + b"/other", root + b"/file")
        os.rename(root + b"/aside", root + b"/other")
        heard.until_heard(Missed(b"", "names were exchanged"))

    def test_an_inode_that_is_used_again_is_no_rename(self, heard: Heard, root: bytes) -> None:
        for number in range(20):  # the file system gives the same one again sooner or later
            os.unlink(root + b"/file") if number == 0 else os.unlink(root + b"/file%d" % (number - 1))
            write(root + b"/file%d" % number, b"another one")
            heard.until_in_step()
        assert not [event for event in heard.events if isinstance(event, Moved)]

    def test_one_of_two_hard_links_that_is_renamed_is_gone_and_new(self, heard: Heard, root: bytes) -> None:
        os.link(root + b"/file", root + b"/link")
        heard.until_written(b"link")
        os.rename(root + b"/link", root + b"/renamed")
        heard.until_heard(Gone(b"link", directory=False))
        heard.until_written(b"renamed")

    def test_a_file_that_is_written_again_in_the_same_tick_with_as_many_bytes_is_written(
        self, heard: Heard, root: bytes
    ) -> None:
        for number in range(20):
            heard.forget()
            write(root + b"/new", b"first %02d" % number)
            heard.until_written(b"new")
            write(root + b"/new", b"other %02d" % number)
            heard.until_in_step()

    def test_a_directory_that_is_moved_into_one_that_was_renamed_is_there_with_all_in_it(
        self, heard: Heard, root: bytes
    ) -> None:
        for one, other in ((b"a", b"b"), (b"d", b"c")):  # one of them comes first in each listing
            for name in (one, other):
                os.mkdir(root + b"/" + name)
                write(root + b"/" + name + b"/file")
            heard.until_in_step()
            os.rename(root + b"/" + one, root + b"/new_" + one)
            os.rename(root + b"/" + other, root + b"/new_" + one + b"/" + other)
            heard.until_in_step()

    def test_a_new_directory_that_was_away_for_a_moment_is_said_again_with_all_in_it(
        self, heard: Heard, root: bytes, place: bytes
    ) -> None:
        os.mkdir(root + b"/new")
        write(root + b"/new/file")
        heard.until_heard(Directory(b"new"))
        heard.forget()
        os.rename(root + b"/new", place + b"/away")
        os.rename(place + b"/away", root + b"/new")
        heard.until_heard(Directory(b"new"))
        heard.until_written(b"new/file")


class TestUpheaval(PollingFixtures, UpheavalContract):
    pass


class TestRoot(PollingFixtures, RootContract):
    pass


def test_what_is_in_a_directory_that_cannot_be_listed_any_more_is_not_said_to_be_gone(open_root: bytes) -> None:
    def heard_of_closed() -> list[Event]:
        os.mkdir(open_root + b"/closed")
        write(open_root + b"/closed/file")
        with PollingBackend(open_root, poll_interval=0.05) as backend:
            backend.start()
            heard = Heard(open_root, backend)
            os.chmod(open_root + b"/closed", 0)
            write(open_root + b"/first")
            heard.until_written(b"first")
            os.chmod(open_root + b"/closed", 0o700)
            os.unlink(open_root + b"/closed/file")
            heard.until_heard(Gone(b"closed/file", directory=False))
            return heard.events

    assert [each for each in unprivileged(heard_of_closed) if isinstance(each, Gone)] == [Gone(b"closed/file", False)]
