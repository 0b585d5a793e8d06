"""Listing a directory and looking at one path give the same, right, answer for everything a source can have."""

from __future__ import annotations

import os
import shutil
import stat
from collections.abc import Callable

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from scanner.files.filesystem import Entry, SourceGone, SourceNotVisible, list_directory, look, sees_root
from scanner.rules import Rules
from tests.support.scanning import entry_of, files, listed, make_socket, skipped_of, walked, write

ODD_NAMES = [
    *(b"\xff\xfe", b"caf\xe9", "café".encode(), "cafe\u0301".encode(), b"new\nline", b"\n", b"\x01\x7f", b" ", b" a "),
    *(b"'", b'"', b"`x`", b"a and b", b"%s", b"_", b"\\", b"*", b"...", b"-rf", b"x" * 255, "ö".encode() * 127),
]


def test_an_entry_has_what_lstat_says(root: bytes) -> None:
    write(root + b"/d/file", b"12345")
    os.utime(root + b"/d/file", ns=(1, 1_234_567_890_123_456_789))
    found = entry_of(look(root, b"d/file", Rules()))
    said = os.lstat(root + b"/d/file")
    assert (found.path, found.name, found.kind, found.link_target) == (b"d/file", b"file", "regular", None)
    assert (found.stat.mode, found.stat.size) == (said.st_mode, 5)
    assert (found.stat.mtime_ns, found.stat.ctime_ns) == (1_234_567_890_123_456_789, said.st_ctime_ns)


def test_every_kind_is_told_apart(root: bytes) -> None:
    write(root + b"/regular")
    os.mkdir(root + b"/directory")
    os.symlink(b"regular", root + b"/link")
    os.mkfifo(root + b"/pipe")
    make_socket(root + b"/socket")
    kinds = {b"regular", b"directory", b"link", b"pipe", b"socket"}
    if os.geteuid() == 0:
        os.mknod(root + b"/character", stat.S_IFCHR | 0o600, os.makedev(1, 3))
        os.mknod(root + b"/block", stat.S_IFBLK | 0o600, os.makedev(7, 0))
        kinds |= {b"character", b"block"}
    assert {found.path: found.kind.encode() for found in map(entry_of, listed(root))} == {kind: kind for kind in kinds}


def test_odd_names_come_as_they_are_in_order_of_their_bytes(root: bytes) -> None:
    for name in ODD_NAMES:
        write(root + b"/" + name + b"/" + name)
    found = listed(root)
    assert [entry.path for entry in found] == sorted(ODD_NAMES)
    assert found == [look(root, name, Rules()) for name in sorted(ODD_NAMES)]
    for name in ODD_NAMES:
        assert [entry.path for entry in listed(root, name)] == [name + b"/" + name]


def test_names_that_are_not_text_are_matched_by_expressions_and_patterns(root: bytes) -> None:
    write(root + b"/caf\xe9")
    write(root + b"/bad\xff/x")
    rules = Rules(file_names=[".*/caf.$"], patterns=["bad?/"])
    assert listed(root, b"", rules) == []
    assert skipped_of(look(root, b"bad\xff/x", rules)).excluded


def test_the_source_itself_can_be_looked_at(root: bytes) -> None:
    found = entry_of(look(root, b"", Rules(types=["directory"], follow_symlinks=True)))
    assert (found.path, found.kind, found.stat.mtime_ns) == (b"", "directory", os.stat(root).st_mtime_ns)


@pytest.mark.parametrize(
    "path", [b"/etc/passwd", b"..", b"a/../b", b".", b"a/./b", b"a//b", b"a/", b"/", b"a\0b", b"a/\0"]
)
def test_a_path_that_is_not_confined_is_an_error(root: bytes, path: bytes) -> None:
    os.mkdir(root + b"/a")
    with pytest.raises(ValueError, match="not a path below a source"):
        look(root, path, Rules())
    with pytest.raises(ValueError, match="not a path below a source"):
        list_directory(root, path, Rules())


def test_what_is_gone_is_none_and_a_directory_that_is_gone_says_so(root: bytes) -> None:
    write(root + b"/file")
    assert look(root, b"nothing", Rules()) is None
    assert look(root, b"nothing/below", Rules()) is None
    assert look(root, b"file/below", Rules()) is None
    for path in (b"nothing", b"file", b"file/below"):
        with pytest.raises(SourceGone):
            list_directory(root, path, Rules())


def test_nothing_is_said_to_be_gone_when_the_source_itself_is_not_there(root: bytes) -> None:
    assert sees_root(root)
    shutil.rmtree(root)
    assert not sees_root(root)
    with pytest.raises(SourceNotVisible):
        look(root, b"file", Rules())
    with pytest.raises(SourceNotVisible):
        list_directory(root, b"directory", Rules())
    with pytest.raises(SourceNotVisible):
        list_directory(root, b"", Rules())


def test_an_entry_that_vanishes_after_the_names_were_read_is_left_out(root: bytes) -> None:
    for name in (b"a", b"b", b"c"):
        write(root + b"/" + name)
    with list_directory(root, b"", Rules()) as listing:
        os.unlink(root + b"/b")
        assert [entry.path for entry in listing] == [b"a", b"c"]


def test_a_listing_goes_on_in_its_directory_when_that_is_swapped_for_a_link(root: bytes) -> None:
    write(root + b"/inbox/mine")
    write(os.path.dirname(root) + b"/outside/mine", b"secret")
    with list_directory(root, b"inbox", Rules()) as listing:
        os.rename(root + b"/inbox", root + b"/moved")
        os.symlink(b"../outside", root + b"/inbox")
        assert [(entry.path, entry.stat.size) for entry in map(entry_of, listing)] == [(b"inbox/mine", 0)]


def test_a_listing_knows_every_name_whatever_the_options_say(root: bytes) -> None:
    write(root + b"/kept")
    write(root + b"/left.tmp")
    write(root + b"/directory/below")
    os.symlink(b"/etc", root + b"/link")
    rules = Rules(types=["directory"], patterns=["*.tmp"])
    for spill_above in (0, 100):
        with list_directory(root, b"", rules, spill_above=spill_above) as listing:
            assert [found.path for found in listing] == [b"kept", b"link"]
            assert all(listing.has(name) for name in (b"kept", b"left.tmp", b"directory", b"link"))
            assert not listing.has(b"other")
            assert len(listing) == 4


def test_after_a_name_come_the_names_behind_it_whether_or_not_it_is_still_there(root: bytes) -> None:
    for name in (b"a", b"b", b"b\xff", b"c/x", b"d"):
        write(root + b"/" + name)
    for spill_above in (0, 100):
        assert [e.path for e in listed(root, after=b"b", spill_above=spill_above)] == [b"b\xff", b"c", b"d"]
        assert [e.path for e in listed(root, after=b"bb", spill_above=spill_above)] == [b"b\xff", b"c", b"d"]
        assert listed(root, after=b"d", spill_above=spill_above) == []
        with list_directory(root, b"", Rules(), after=b"c", spill_above=spill_above) as listing:
            assert listing.has(b"a")


Maker = Callable[[bytes], object]

a_name = st.binary(min_size=1, max_size=12).filter(
    lambda name: name not in (b".", b"..") and not set(name) & set(b"\0/")
)
makers: st.SearchStrategy[Maker] = st.sampled_from(
    [write, os.mkdir, os.mkfifo, lambda path: os.symlink(b"nowhere", path)]
)


@settings(max_examples=40, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(tree=st.dictionaries(a_name, makers, max_size=30), after=a_name, spill_above=st.integers(0, 10))
def test_a_spilled_listing_equals_one_in_memory(
    root: bytes, tree: dict[bytes, Maker], after: bytes, spill_above: int
) -> None:
    shutil.rmtree(root)
    os.mkdir(root)
    for name, make in tree.items():
        make(root + b"/" + name)
    found = listed(root)
    assert [entry.path for entry in found] == sorted(tree)
    assert listed(root, spill_above=spill_above) == found
    rest = [entry for entry in found if entry.path > after]
    assert listed(root, after=after) == listed(root, after=after, spill_above=spill_above) == rest


def test_looking_at_each_path_agrees_with_walking_the_tree(root: bytes) -> None:
    for path in (b"a/b/c", b"a/x.tmp", b"skip/a", b"d/skip/b", b"d/e/f.tmp"):
        write(root + b"/" + path)
    os.symlink(b"c", root + b"/a/b/link")
    os.symlink(b"../d", root + b"/a/away")
    rules = Rules(patterns=["*.tmp", "skip/"], follow_symlinks=True)
    found = walked(root, rules)
    assert files(found) == {b"a/b/c", b"a/b/link"}
    assert [look(root, entry.path, rules) for entry in found] == found
    for path in (b"a/x.tmp", b"skip", b"skip/a", b"a/away/skip/b", b"a/away/e/f.tmp"):
        assert skipped_of(look(root, path, rules)).excluded


@pytest.mark.parametrize("follow", [False, True])
def test_a_directory_on_another_file_system_is_entered_unless_told_not_to(follow: bool) -> None:
    """The file system of the whole machine is the source, /proc the mount in it."""
    assert isinstance(look(b"/", b"proc", Rules(follow_symlinks=follow)), Entry)
    rules = Rules(one_file_system=True, follow_symlinks=follow)
    found = skipped_of(look(b"/", b"proc", rules))
    assert (found.kind, found.reason, found.excluded) == ("directory", "a directory on another file system", False)
    assert found in listed(b"/", b"", rules)
    below = skipped_of(look(b"/", b"proc/self/status", rules))
    assert below.reason == "below proc: a directory on another file system"
