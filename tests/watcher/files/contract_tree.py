"""What every backend does with whole trees, with changes that come at once, and with a root that is lost."""

from __future__ import annotations

import os
import random
import shutil
import threading
from contextlib import suppress

import pytest

from tests.watcher.files.contract import BackendFixtures, write
from tests.watcher.files.heard import Heard
from watcher.events import Directory, Gone, Missed, RootLost, Written

BACK = Missed(b"", "the source is visible again")


class TreeContract(BackendFixtures):
    """Many entries at a time."""

    def test_every_file_of_nested_directories_that_are_made_at_once_is_written(self, heard: Heard, root: bytes) -> None:
        directories = {b"run%d/a/b" % number for number in range(100)} | {b"run%d/c" % number for number in range(100)}
        files = {b"%s/file%d" % (directory, number) for directory in directories for number in range(5)}
        for directory in directories:
            os.makedirs(os.path.join(root, directory))
            for number in range(5):
                write(os.path.join(root, directory, b"file%d" % number))
        heard.until(lambda: heard.paths(Written) >= files and heard.paths(Directory) >= directories)

    def test_every_file_of_a_deep_directory_is_written(self, heard: Heard, root: bytes) -> None:
        deep = b"/".join([b"level"] * 200)
        os.makedirs(os.path.join(root, deep))
        write(os.path.join(root, deep, b"file"))
        heard.until_written(deep + b"/file")
        os.rename(root + b"/level", root + b"/other")
        os.unlink(os.path.join(root, b"other" + deep[5:], b"file"))
        heard.until_in_step()

    def test_a_tree_that_is_moved_in_is_written_and_watched(self, heard: Heard, root: bytes, place: bytes) -> None:
        os.makedirs(place + b"/outside/a/b")
        write(place + b"/outside/a/b/file")
        os.rename(place + b"/outside", root + b"/directory/in")
        heard.until_written(b"directory/in/a/b/file")
        assert {Directory(b"directory/in"), Directory(b"directory/in/a/b")} <= set(heard.events)
        write(root + b"/directory/in/a/b/more")
        heard.until_written(b"directory/in/a/b/more")

    def test_a_tree_that_is_moved_out_is_gone_and_no_longer_watched(
        self, heard: Heard, root: bytes, place: bytes
    ) -> None:
        os.mkdir(root + b"/directory/a")
        heard.until_heard(Directory(b"directory/a"))
        os.rename(root + b"/directory", place + b"/outside")
        heard.until_heard(Gone(b"directory", directory=True))
        heard.forget()
        write(place + b"/outside/a/file")
        write(root + b"/last")
        heard.until_written(b"last")
        assert {event.path for event in heard.events if isinstance(event, Written)} == {b"last"}


class UpheavalContract(BackendFixtures):
    """Many changes of every kind, faster than they can be followed one by one."""

    def test_a_tree_that_is_deleted_is_gone(self, heard: Heard, root: bytes) -> None:
        os.makedirs(root + b"/directory/a/b")
        heard.until_heard(Directory(b"directory/a/b"))
        shutil.rmtree(root + b"/directory")
        heard.until_heard(Gone(b"directory", directory=True))
        heard.until_in_step()

    def test_a_directory_that_is_deleted_and_made_again_is_watched(self, heard: Heard, root: bytes) -> None:
        for number in range(20):
            shutil.rmtree(root + b"/directory")
            os.mkdir(root + b"/directory")
            write(root + b"/directory/file%d" % number)
        heard.until_in_step()
        write(root + b"/directory/last")
        heard.until_written(b"directory/last")

    def test_names_that_go_round_lead_to_the_tree_that_is_there(self, heard: Heard, root: bytes) -> None:
        for number in range(5):
            os.mkdir(root + b"/run%d" % number)
            write(root + b"/run%d/file%d" % (number, number))
        heard.until_in_step()
        os.rename(root + b"/run4", root + b"/last")
        for number in (3, 2, 1, 0):
            os.rename(root + b"/run%d" % number, root + b"/run%d" % (number + 1))
        os.rename(root + b"/last", root + b"/run0")
        heard.until_in_step()
        write(root + b"/run3/new")
        heard.until_written(b"run3/new")

    @pytest.mark.parametrize("seed", range(3))
    def test_acting_on_what_is_heard_between_changes_leads_to_the_tree_that_is_there(
        self, heard: Heard, root: bytes, place: bytes, seed: int
    ) -> None:
        chance = random.Random(seed)
        os.mkdir(place + b"/outside")
        for _ in range(4):
            change_much(chance, root, place + b"/outside")
            if chance.random() < 0.5:
                heard.take(heard.backend.read(0.0))
        check_nothing_is_lost(heard)

    @pytest.mark.parametrize("seed", range(3))
    def test_acting_on_what_is_heard_during_changes_leads_to_the_tree_that_is_there(
        self, heard: Heard, root: bytes, place: bytes, seed: int
    ) -> None:
        os.mkdir(place + b"/outside")
        changes = threading.Thread(target=change_much, args=(random.Random(seed), root, place + b"/outside", 400))
        changes.start()
        while changes.is_alive():
            heard.take(heard.backend.read(0.001))
        check_nothing_is_lost(heard)


def check_nothing_is_lost(heard: Heard) -> None:
    """After changes have ended what was heard leads to the tree with all that is in its files, and all is watched."""
    heard.until_in_step()
    directories = [folder for folder, _, _ in os.walk(heard.root)]
    for folder in directories:
        write(os.path.join(folder, b"last"))
    expected = {os.path.relpath(os.path.join(folder, b"last"), heard.root) for folder in directories}
    heard.forget()
    heard.until(lambda: heard.paths(Written) >= expected)
    heard.until_in_step()


def change_much(chance: random.Random, root: bytes, outside: bytes, times: int = 40) -> None:
    """Many changes; some are impossible, such as a directory that would be moved below itself."""
    for _ in range(times):
        with suppress(OSError):
            change_something(chance, root, outside)


def change_something(chance: random.Random, root: bytes, outside: bytes) -> None:
    """One change, mostly below the root; few names, so that they are used again and again, but never a content."""
    top = root if chance.random() < 0.9 else outside
    elsewhere = outside if top is root else root
    kind = chance.choice([*["mkdir", "write", "rename"] * 3, "append", "delete", "over"])
    if kind == "mkdir":
        os.makedirs(some_place(chance, top) + b"/" + chance.choice(NAMES))
    elif kind == "write":
        write(some_place(chance, top), chance.randbytes(chance.choice([0, 8, 8, 9])))
    elif kind == "append":
        with open(some_place(chance, top), "r+b") as file:
            file.seek(0, os.SEEK_END)
            file.write(chance.randbytes(8))
    elif kind == "rename":
        os.rename(some_place(chance, top), some_place(chance, top))
    elif kind == "delete":
        one = some_place(chance, top)
        shutil.rmtree(one) if os.path.isdir(one) else os.unlink(one)
    else:
        os.rename(some_place(chance, top), some_place(chance, elsewhere))


NAMES = (b"a", b"b", b"c", b"d")


def some_place(chance: random.Random, top: bytes) -> bytes:
    """A path below a directory, of something that is there or could be."""
    place = top + b"/" + chance.choice(NAMES)
    while os.path.isdir(place) and chance.random() < 0.7:
        place += b"/" + chance.choice(NAMES)
    return place


class RootContract(BackendFixtures):
    """The root itself."""

    def until_lost(self, heard: Heard) -> None:
        heard.until(lambda: any(isinstance(event, RootLost) for event in heard.events))

    def until_back(self, heard: Heard, root: bytes) -> None:
        heard.until_heard(BACK)
        assert sum(isinstance(event, RootLost) for event in heard.events) == 1
        heard.forget()
        os.makedirs(root + b"/after/below")
        write(root + b"/after/below/file")
        heard.until_written(b"after/below/file")
        heard.until_in_step()
        assert BACK not in heard.events

    def test_a_root_that_is_deleted_and_made_again_is_lost_and_back(self, heard: Heard, root: bytes) -> None:
        shutil.rmtree(root)
        self.until_lost(heard)
        os.makedirs(root + b"/made/meanwhile")
        self.until_back(heard, root)

    def test_a_root_that_is_renamed_away_and_back_is_lost_and_back(
        self, heard: Heard, root: bytes, place: bytes
    ) -> None:
        os.rename(root, place + b"/away")
        self.until_lost(heard)
        write(place + b"/away/directory/meanwhile")
        os.rename(place + b"/away", root)
        self.until_back(heard, root)

    def test_a_root_whose_place_another_directory_takes_is_lost_and_back(
        self, heard: Heard, root: bytes, place: bytes
    ) -> None:
        os.mkdir(place + b"/other")
        write(place + b"/other/file", b"of the other one")
        os.rename(root, place + b"/away")
        os.rename(place + b"/other", root)
        self.until_back(heard, root)

    def test_a_root_that_is_a_file_now_is_waited_for(self, heard: Heard, root: bytes) -> None:
        shutil.rmtree(root)
        write(root)
        self.until_lost(heard)
        os.unlink(root)
        os.mkdir(root)
        self.until_back(heard, root)
