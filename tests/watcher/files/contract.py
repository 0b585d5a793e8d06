"""What every backend does, on real directories.

A subclass says how a backend is made and what its kind can know (see `BackendFixtures`), and inherits the tests.
`contract_tree.py` adds whole trees and lost roots.
"""

from __future__ import annotations

import os
import socket
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from ingest.errors import Refused
from tests.watcher.files.heard import Heard
from watcher.events import Backend, Directory, Gone, Moved, RootLost, Written
from watcher.files.root import Excluded, nothing

Open = Callable[..., Backend]


def write(path: bytes, content: bytes = b"content") -> bytes:
    with open(path, "wb") as file:
        file.write(content)
    return path


class BackendFixtures:
    """What a subclass supplies, and what follows from it."""

    def make(self, root: bytes, excluded: Excluded) -> Backend:
        """A backend, not started."""
        raise NotImplementedError

    @pytest.fixture
    def place(self, tmp_path: Path) -> bytes:
        """A directory that is not watched, on the same file system as the root."""
        return os.fsencode(tmp_path.resolve())

    @pytest.fixture
    def root(self, place: bytes) -> bytes:
        root = os.path.join(place, b"root")
        os.mkdir(root)
        return root

    @pytest.fixture
    def watch(self, root: bytes) -> Iterator[Callable[[Excluded], Heard]]:
        """Start watching what is in the root by now."""
        started: list[Backend] = []

        def start(excluded: Excluded = nothing) -> Heard:
            backend = self.make(root, excluded)
            started.append(backend)
            backend.start()
            return Heard(root, backend)

        yield start
        for backend in started:
            backend.close()

    @pytest.fixture
    def heard(self, root: bytes, watch: Callable[[], Heard]) -> Heard:
        """What is heard of a root with a file, a directory, and a file in that."""
        write(root + b"/file")
        os.mkdir(root + b"/directory")
        write(root + b"/directory/below")
        return watch()


class BackendContract(BackendFixtures):
    """One entry at a time."""

    def test_of_what_was_there_before_nothing_is_heard(self, heard: Heard) -> None:
        assert heard.backend.read(0.5) == []

    def test_a_root_that_is_not_there_is_refused_with_its_name(self, root: bytes) -> None:
        with pytest.raises(Refused, match=r"cannot watch /.*/missing: No such file"):
            self.make(root + b"/missing", nothing).start()

    def test_a_backend_that_was_never_started_can_be_closed(self, root: bytes) -> None:
        self.make(root, nothing).close()

    def test_a_file_that_is_created_and_closed_is_written(self, heard: Heard, root: bytes) -> None:
        write(root + b"/new")
        heard.until_written(b"new")

    def test_a_file_that_is_written_to_again_is_written_and_not_new(self, heard: Heard, root: bytes) -> None:
        write(root + b"/directory/below", b"more content")
        heard.until_written(b"directory/below")
        assert not any(isinstance(event, Written) and event.new for event in heard.events)

    def test_a_file_that_is_kept_open_is_written_each_time(self, heard: Heard, root: bytes) -> None:
        with open(root + b"/file", "ab", buffering=0) as file:
            file.write(b"a line")
            heard.until_written(b"file")
            heard.forget()
            file.write(b"another line")
            heard.until_written(b"file")

    def test_a_file_that_is_cut_off_is_written(self, heard: Heard, root: bytes) -> None:
        os.truncate(root + b"/file", 2)
        heard.until_written(b"file")

    def test_a_file_whose_permissions_or_times_are_changed_is_written(self, heard: Heard, root: bytes) -> None:
        os.chmod(root + b"/file", 0o600)
        heard.until_written(b"file")
        os.utime(root + b"/directory/below", (1, 1))
        heard.until_written(b"directory/below")

    def test_a_file_that_is_deleted_is_gone(self, heard: Heard, root: bytes) -> None:
        os.unlink(root + b"/directory/below")
        heard.until_heard(Gone(b"directory/below", directory=False))

    def test_a_renamed_file_has_moved(self, heard: Heard, root: bytes) -> None:
        os.rename(root + b"/file", root + b"/directory/other")
        heard.until_heard(Moved(b"file", b"directory/other", directory=False))
        assert Gone(b"file", directory=False) not in heard.events

    def test_a_directory_appears_and_is_gone(self, heard: Heard, root: bytes) -> None:
        os.mkdir(root + b"/new")
        heard.until_heard(Directory(b"new"))
        os.rmdir(root + b"/new")
        heard.until_heard(Gone(b"new", directory=True))

    def test_a_renamed_directory_has_moved_and_what_is_in_it_has_its_new_name(self, heard: Heard, root: bytes) -> None:
        os.rename(root + b"/directory", root + b"/renamed")
        heard.until_heard(Moved(b"directory", b"renamed", directory=True))
        assert not heard.about(b"renamed/below")
        write(root + b"/renamed/below", b"other content")
        write(root + b"/renamed/new")
        heard.until_written(b"renamed/below")
        heard.until_written(b"renamed/new")
        assert not heard.about(b"directory/below")

    def test_a_directory_that_is_renamed_and_at_once_written_in_has_moved(self, heard: Heard, root: bytes) -> None:
        os.rename(root + b"/directory", root + b"/renamed")
        write(root + b"/renamed/new")
        heard.until_heard(Moved(b"directory", b"renamed", directory=True))
        heard.until_in_step()

    def test_a_file_that_is_moved_in_is_written_and_one_moved_out_is_gone(
        self, heard: Heard, root: bytes, place: bytes
    ) -> None:
        os.rename(write(place + b"/outside"), root + b"/directory/in")
        heard.until_written(b"directory/in")
        os.rename(root + b"/directory/in", place + b"/outside")
        heard.until_heard(Gone(b"directory/in", directory=False))

    def test_save_by_rename_leads_to_what_was_saved(self, heard: Heard, root: bytes) -> None:
        for number in range(3):
            os.rename(write(root + b"/.file.tmp", b"saved %d" % number), root + b"/file")
            heard.until_in_step()
        assert heard.about(b"file")
        assert b".file.tmp" not in heard.mirror

    def test_a_hard_link_is_written_under_its_name(self, heard: Heard, root: bytes) -> None:
        os.link(root + b"/file", root + b"/directory/link")
        heard.until_written(b"directory/link")
        os.unlink(root + b"/directory/link")
        heard.until_heard(Gone(b"directory/link", directory=False))
        assert Gone(b"file", directory=False) not in heard.events

    def test_what_is_neither_a_file_nor_a_directory_is_written(
        self, heard: Heard, root: bytes, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        os.symlink(b"nowhere", root + b"/link")
        os.mkfifo(root + b"/fifo")
        monkeypatch.chdir(os.fsdecode(root))  # the address of a socket is short
        with socket.socket(socket.AF_UNIX) as server:
            server.bind("socket")
        heard.until(lambda: heard.paths(Written) >= {b"link", b"fifo", b"socket"})

    def test_a_link_to_a_directory_is_a_file_and_not_followed(self, heard: Heard, root: bytes, place: bytes) -> None:
        os.mkdir(place + b"/elsewhere")
        os.symlink(place + b"/elsewhere", root + b"/link")
        heard.until_written(b"link")
        write(place + b"/elsewhere/file")
        write(root + b"/last")
        heard.until_written(b"last")
        assert not heard.about(b"link/file")
        assert Directory(b"link") not in heard.events

    def test_names_are_bytes_that_need_not_be_text(self, heard: Heard, root: bytes) -> None:
        for name in (b"caf\xe9", b"two\nlines", b"-rf *", b"\xf0\x9f\x94\xac", b" ", b"a" * 255):
            os.mkdir(root + b"/" + name)
            write(root + b"/" + name + b"/" + name)
            heard.until_written(name + b"/" + name)
            assert Directory(name) in heard.events

    def test_a_file_that_takes_the_place_of_a_directory_and_the_other_way_round(
        self, heard: Heard, root: bytes
    ) -> None:
        os.unlink(root + b"/file")
        os.mkdir(root + b"/file")
        write(root + b"/file/below")
        os.unlink(root + b"/directory/below")
        os.rmdir(root + b"/directory")
        write(root + b"/directory")
        heard.until_in_step()
        assert {Gone(b"file", False), Gone(b"directory", True), Directory(b"file")} <= set(heard.events)


def temporary(path: bytes, directory: bool) -> bool:
    return os.path.basename(path) == b"lost+found" if directory else path.endswith(b".tmp")


class ExclusionContract(BackendFixtures):
    """What is left out."""

    @pytest.fixture
    def heard(self, root: bytes, watch: Callable[[Excluded], Heard]) -> Heard:
        os.mkdir(root + b"/lost+found")
        return watch(temporary)

    def test_nothing_is_heard_of_what_is_excluded(self, heard: Heard, root: bytes) -> None:
        write(root + b"/lost+found/file")
        os.makedirs(root + b"/directory/lost+found/below")
        write(root + b"/directory/lost+found/below/file")
        os.unlink(write(root + b"/directory/file.tmp"))
        write(root + b"/last")
        heard.until_written(b"last")
        heard.until_heard(Directory(b"directory"))
        told = {event for event in heard.events if not isinstance(event, RootLost)}
        assert told <= {Directory(b"directory"), Written(b"last"), Written(b"last", new=True)}

    def test_a_file_that_is_renamed_from_an_excluded_name_is_written(self, heard: Heard, root: bytes) -> None:
        os.rename(write(root + b"/file.tmp"), root + b"/file")
        heard.until_written(b"file")
        os.rename(root + b"/file", root + b"/file.tmp")
        heard.until_heard(Gone(b"file", directory=False))
        assert not heard.about(b"file.tmp")

    def test_a_directory_that_is_renamed_from_an_excluded_name_is_new_with_all_in_it(
        self, heard: Heard, root: bytes
    ) -> None:
        os.mkdir(root + b"/lost+found/below")
        write(root + b"/lost+found/below/file")
        os.rename(root + b"/lost+found", root + b"/directory")
        heard.until_written(b"directory/below/file")
        assert {Directory(b"directory"), Directory(b"directory/below")} <= set(heard.events)
        write(root + b"/directory/below/more")
        heard.until_written(b"directory/below/more")
        os.rename(root + b"/directory", root + b"/lost+found")
        heard.until_heard(Gone(b"directory", directory=True))

    def test_a_directory_that_is_renamed_is_watched_where_it_is_now(self, heard: Heard, root: bytes) -> None:
        os.makedirs(root + b"/one/below")
        heard.until_heard(Directory(b"one/below"))
        os.rename(root + b"/one", root + b"/two")
        heard.until_heard(Moved(b"one", b"two", directory=True))
        write(root + b"/two/below/file")
        heard.until_written(b"two/below/file")
