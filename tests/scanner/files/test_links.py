"""What becomes of links: within the source, out of it, broken, to directories, in circles."""

from __future__ import annotations

import os

import pytest

from scanner.files.filesystem import Entry, Skipped, SourceUnreadable, list_directory, look
from scanner.rules import Rules
from tests.support.scanning import entry_of, files, listed, skipped_of, walked, write

FOLLOW = Rules(follow_symlinks=True)
LEAVES = "a link that leaves the source, which needs --follow-symlinks"
DIRECTORY = "a link to a directory, which needs --follow-symlinks"


@pytest.fixture
def outside(root: bytes) -> bytes:
    folder = os.path.dirname(root) + b"/outside"
    write(folder + b"/secret", b"1234567")
    return folder


def test_a_link_has_the_mode_of_a_link_and_all_else_of_its_target(root: bytes) -> None:
    write(root + b"/d/file", b"1" * 1000)
    os.symlink(b"../d/file", root + b"/d/link")
    os.utime(root + b"/d/file", ns=(1, 99))
    found = entry_of(look(root, b"d/link", Rules()))
    target = os.stat(root + b"/d/file")
    assert (found.kind, found.broken, found.link_target) == ("link", False, root + b"/d/../d/file")
    assert (found.stat.size, found.stat.mtime_ns) == (1000, 99)
    assert (found.stat.mode, found.stat.ctime_ns) == (os.lstat(root + b"/d/link").st_mode, target.st_ctime_ns)
    assert found.stat.inode == target.st_ino
    assert found in listed(root, b"d")


@pytest.mark.parametrize("text", [b"nowhere", b"file/below", b"link"])
def test_a_broken_link_is_marked_and_keeps_its_own_size(root: bytes, text: bytes) -> None:
    write(root + b"/file")
    os.symlink(text, root + b"/link")
    for rules in (Rules(), FOLLOW):
        found = entry_of(look(root, b"link", rules))
        assert (found.kind, found.broken, found.stat.size) == ("link", True, len(text))


def test_a_link_to_a_directory_is_skipped_with_what_is_below_it(root: bytes) -> None:
    write(root + b"/d/file")
    os.symlink(b"d", root + b"/link")
    assert look(root, b"link", Rules()) == Skipped(b"link", "link", DIRECTORY)
    assert look(root, b"link/file", Rules()) == Skipped(b"link/file", None, f"below link: {DIRECTORY}")
    with pytest.raises(SourceUnreadable, match=f"link: {DIRECTORY}"):
        list_directory(root, b"link", Rules())
    assert files(walked(root, Rules())) == {b"d/file"}


def test_a_followed_link_to_a_directory_is_a_directory(root: bytes) -> None:
    write(root + b"/d/file")
    os.symlink(b"d", root + b"/link")
    found = entry_of(look(root, b"link", FOLLOW))
    assert (found.kind, found.link_target) == ("directory", root + b"/d")
    assert found.stat.mtime_ns == os.stat(root + b"/d").st_mtime_ns
    assert files(walked(root, FOLLOW)) == {b"d/file", b"link/file"}


@pytest.mark.parametrize("kind", ["link", "directory"])
def test_a_followed_link_to_a_directory_is_excluded_as_a_link_and_as_a_directory(root: bytes, kind: str) -> None:
    write(root + b"/d/file")
    os.symlink(b"d", root + b"/link")
    rules = Rules(types=[kind], follow_symlinks=True)
    assert skipped_of(look(root, b"link", rules)).excluded
    assert skipped_of(look(root, b"link/file", rules)).excluded


def test_a_followed_link_obeys_the_expressions_for_directories(root: bytes) -> None:
    write(root + b"/d/file")
    os.symlink(b"d", root + b"/link")
    assert skipped_of(look(root, b"link", Rules(directory_names=[".*/link$"], follow_symlinks=True))).excluded
    assert skipped_of(look(root, b"link", Rules(patterns=["link/"], follow_symlinks=True))).excluded


@pytest.mark.parametrize(
    "text", [b"../outside/secret", b"../outside", b"../outside/nothing", b"d/../../outside/secret"]
)
def test_a_link_that_leaves_the_source_is_skipped_even_when_it_is_broken(
    root: bytes, outside: bytes, text: bytes
) -> None:
    os.mkdir(root + b"/d")
    os.symlink(text, root + b"/link")
    assert look(root, b"link", Rules()) == Skipped(b"link", "link", LEAVES)
    assert listed(root)[-1] == Skipped(b"link", "link", LEAVES)


def test_a_link_that_leaves_by_way_of_another_link_is_skipped(root: bytes, outside: bytes) -> None:
    os.symlink(b"../outside", root + b"/door")
    os.symlink(b"door/secret", root + b"/link")
    assert look(root, b"link", Rules()) == Skipped(b"link", "link", LEAVES)
    assert look(root, b"door/secret", Rules()) == Skipped(b"door/secret", None, f"below door: {LEAVES}")


def test_a_neighbour_whose_name_begins_like_the_source_is_outside(root: bytes) -> None:
    write(root + b"-other/file")
    os.symlink(root + b"-other/file", root + b"/link")
    assert look(root, b"link", Rules()) == Skipped(b"link", "link", LEAVES)


def test_links_that_leave_the_source_are_followed_when_told_to(root: bytes, outside: bytes) -> None:
    os.symlink(b"../outside", root + b"/door")
    os.symlink(b"../outside/secret", root + b"/link")
    assert entry_of(look(root, b"link", FOLLOW)).stat.size == 7
    assert files(walked(root, FOLLOW)) == {b"door/secret", b"link"}


def test_a_source_that_is_reached_through_a_link_has_its_own_links_inside(root: bytes) -> None:
    write(root + b"/file", b"123")
    os.symlink(b"file", root + b"/link")
    os.symlink(b"source", root + b"-alias")
    assert entry_of(look(root + b"-alias", b"link", Rules())).stat.size == 3


def test_a_circle_of_links_ends_where_it_closes(root: bytes) -> None:
    write(root + b"/a/file")
    write(root + b"/b/file")
    os.symlink(b"../b", root + b"/a/to_b")
    os.symlink(b"../a", root + b"/b/to_a")
    os.symlink(b".", root + b"/self")
    found = walked(root, FOLLOW)
    assert files(found) == {b"a/file", b"a/to_b/file", b"b/file", b"b/to_a/file"}
    closing = {entry.path for entry in found if isinstance(entry, Skipped)}
    assert closing == {b"self", b"a/to_b/to_a", b"b/to_a/to_b"}
    assert skipped_of(look(root, b"self", FOLLOW)).reason == "a link that leads back to a directory above it"


def test_a_circle_that_closes_in_a_plain_directory_below_a_link_to_above_the_source_ends(root: bytes) -> None:
    os.symlink(b"..", root + b"/up")
    write(root + b"/file")
    found = walked(root, FOLLOW)
    assert files(found) == {b"file"}
    assert [entry.path for entry in found if isinstance(entry, Skipped)] == [b"up/source"]


def test_a_link_to_a_pipe_or_a_device_is_an_entry(root: bytes) -> None:
    os.mkfifo(root + b"/pipe")
    os.symlink(b"pipe", root + b"/to_pipe")
    os.symlink(b"/dev/null", root + b"/to_device")
    assert isinstance(look(root, b"to_pipe", Rules()), Entry)
    assert isinstance(look(root, b"to_device", FOLLOW), Entry)
