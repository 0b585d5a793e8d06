"""What may be read, what opening a file for reading gives, and what is said of places without access."""

from __future__ import annotations

import os
import stat
from functools import partial

import pytest

from scanner.files.filesystem import (
    Entry,
    Skipped,
    SourceUnreadable,
    list_directory,
    look,
    open_regular,
    readable,
    sees_root,
)
from scanner.rules import Rules
from tests.support.scanning import entry_of, listed, make_socket, unprivileged, write

FOLLOW = Rules(follow_symlinks=True)


def content(root: bytes, path: bytes, rules: Rules | None = None) -> bytes:
    with os.fdopen(open_regular(root, path, rules or Rules()), "rb") as file:
        return file.read()


def test_a_file_without_the_right_to_read_is_an_entry_that_is_not_readable(root: bytes) -> None:
    write(root + b"/open")
    os.chmod(write(root + b"/closed", b"123"), 0)
    found = unprivileged(lambda: listed(root))
    assert [(entry.path, entry.stat.size) for entry in map(entry_of, found)] == [(b"closed", 3), (b"open", 0)]
    assert unprivileged(lambda: (readable(root + b"/open"), readable(root + b"/closed"))) == (True, False)
    with pytest.raises(PermissionError):
        unprivileged(lambda: content(root, b"closed"))


def test_a_directory_without_the_right_to_list_it_cannot_be_listed_but_is_passed_through(root: bytes) -> None:
    write(root + b"/closed/below/file", b"123")
    os.chmod(root + b"/closed", 0o711)
    with pytest.raises(SourceUnreadable) as refusal:
        unprivileged(lambda: list_directory(root, b"closed", Rules()))
    assert refusal.value.reason == "closed: Permission denied"
    assert unprivileged(lambda: content(root, b"closed/below/file")) == b"123"
    assert [entry.path for entry in unprivileged(lambda: listed(root, b"closed/below"))] == [b"closed/below/file"]


def test_entries_of_a_directory_that_may_be_listed_but_not_entered_are_skipped_with_the_reason(root: bytes) -> None:
    write(root + b"/half/file")
    os.chmod(root + b"/half", 0o744)
    skipped = Skipped(b"half/file", None, "Permission denied")
    assert unprivileged(lambda: listed(root, b"half")) == [skipped]
    assert unprivileged(lambda: look(root, b"half/file", Rules())) == skipped


def test_what_lies_below_a_closed_directory_is_not_said_to_be_gone(root: bytes) -> None:
    write(root + b"/closed/below/file")
    os.chmod(root + b"/closed", 0)
    for path in (b"closed/below/file", b"closed/nothing"):
        assert isinstance(unprivileged(partial(look, root, path, Rules())), Skipped)
    with pytest.raises(SourceUnreadable):
        unprivileged(lambda: list_directory(root, b"closed/below", Rules()))


def test_a_link_whose_target_may_not_be_seen_is_skipped_with_the_reason(root: bytes) -> None:
    write(root + b"/closed/file")
    os.symlink(b"closed/file", root + b"/link")
    os.chmod(root + b"/closed", 0)
    found = unprivileged(lambda: look(root, b"link", Rules()))
    assert found == Skipped(b"link", "link", "a link, and Permission denied")


def test_a_source_that_may_not_be_listed_is_not_seen(root: bytes) -> None:
    os.chmod(root, 0o711)
    assert not unprivileged(lambda: sees_root(root))


def test_opening_reads_a_regular_file_of_any_name(root: bytes) -> None:
    for name in (b"plain", b"\xff\n'", b"x" * 255):
        write(root + b"/d/" + name, b"it is " + name)
        assert content(root, b"d/" + name) == b"it is " + name


def test_a_descriptor_is_not_inherited_by_programs_that_are_started(root: bytes) -> None:
    write(root + b"/file")
    descriptor = open_regular(root, b"file", Rules())
    assert not os.get_inheritable(descriptor)
    os.close(descriptor)


@pytest.mark.parametrize("rules", [Rules(), FOLLOW])
def test_opening_anything_else_is_an_error_and_never_waits(root: bytes, rules: Rules) -> None:
    os.mkfifo(root + b"/pipe")
    make_socket(root + b"/socket")
    os.mkdir(root + b"/directory")
    os.symlink(b"pipe", root + b"/to_pipe")
    os.symlink(b"/dev/null", root + b"/to_device")
    for name in (b"pipe", b"socket", b"directory", b"to_pipe", b"to_device", b""):
        with pytest.raises(ValueError, match=r"not a regular file|is not read"):
            open_regular(root, name, rules)
    assert readable(root + b"/pipe")


def test_opening_what_is_gone_says_so(root: bytes) -> None:
    write(root + b"/file")
    os.symlink(b"nowhere", root + b"/broken")
    for path in (b"nothing", b"nothing/below", b"file/below", b"broken"):
        with pytest.raises(FileNotFoundError):
            open_regular(root, path, Rules())


def test_opening_a_path_that_is_not_confined_is_an_error(root: bytes) -> None:
    for path in (b"../source/file", b"/etc/passwd", b"a\0"):
        with pytest.raises(ValueError, match="not a path below a source"):
            open_regular(root, path, Rules())


def test_opening_a_link_reads_its_target_only_when_the_link_is_accepted(root: bytes) -> None:
    write(root + b"/d/file", b"inside")
    write(os.path.dirname(root) + b"/secret", b"outside")
    os.symlink(b"d", root + b"/door")
    os.symlink(b"door/file", root + b"/link")
    os.symlink(b"link", root + b"/twice")
    os.symlink(b"../secret", root + b"/out")
    assert content(root, b"link") == content(root, b"twice") == content(root, b"link", FOLLOW) == b"inside"
    assert content(root, b"out", FOLLOW) == b"outside"
    for path in (b"out", b"door/file"):
        with pytest.raises(ValueError, match="which needs --follow-symlinks"):
            open_regular(root, path, Rules())


def test_an_accepted_link_may_lead_to_a_file_that_the_options_leave_out(root: bytes) -> None:
    write(root + b"/versions/1.raw", b"data")
    os.symlink(b"versions/1.raw", root + b"/current")
    assert content(root, b"current", Rules(patterns=["versions/"])) == b"data"
    with pytest.raises(ValueError, match="left out by --exclude versions/"):
        open_regular(root, b"versions/1.raw", Rules(patterns=["versions/"]))


def swap_for_ever(root: bytes) -> None:
    """The body of a forked child, which never returns."""
    try:
        while True:
            os.rename(root + b"/d/file", root + b"/d/aside")
            os.rename(root + b"/d/link", root + b"/d/file")
            os.rename(root + b"/d/file", root + b"/d/link")
            os.rename(root + b"/d/aside", root + b"/d/file")
            os.rename(root + b"/d", root + b"/aside")
            os.rename(root + b"/door", root + b"/d")
            os.rename(root + b"/d", root + b"/door")
            os.rename(root + b"/aside", root + b"/d")
    finally:
        os._exit(1)


def test_a_file_swapped_for_a_link_out_of_the_source_is_never_opened(root: bytes) -> None:
    """Another process swaps both the file and its directory all the time while we open."""
    write(root + b"/d/file", b"inside")
    write(os.path.dirname(root) + b"/outside/file", b"outside")
    os.symlink(b"../../outside/file", root + b"/d/link")
    os.symlink(b"../outside", root + b"/door")
    swapper = os.fork()
    if swapper == 0:
        swap_for_ever(root)
    seen: set[bytes] = set()
    refused = 0
    try:
        while not (seen and refused > 1000):
            try:
                seen.add(content(root, b"d/file"))
            except (OSError, ValueError):
                refused += 1
    finally:
        os.kill(swapper, 9)
        os.waitpid(swapper, 0)
    assert seen == {b"inside"}


def test_a_tree_deeper_than_the_longest_path_is_listed_and_read(root: bytes) -> None:
    names, here = [b"d" * 200] * 30, os.open(root, os.O_RDONLY)
    for name in names:
        os.mkdir(name, dir_fd=here)
        here, above = os.open(name, os.O_RDONLY, dir_fd=here), here
        os.close(above)
    with os.fdopen(os.open(b"file", os.O_CREAT | os.O_WRONLY, dir_fd=here), "wb") as file:
        file.write(b"deep")
    os.symlink(b"file", b"link", dir_fd=here)
    os.close(here)
    deepest = b"/".join(names)
    link = Skipped(deepest + b"/link", "link", "a link, and File name too long", failed=True)
    assert [getattr(found, "name", found) for found in listed(root, deepest)] == [b"file", link]
    assert content(root, deepest + b"/file") == b"deep"
    assert isinstance(look(root, deepest, Rules(one_file_system=True)), Entry)


def test_listing_and_opening_leave_no_descriptor_open(root: bytes) -> None:
    write(root + b"/a/b/file")
    os.symlink(b"a/b/file", root + b"/link")
    os.mkfifo(root + b"/pipe")
    os.symlink(b"pipe", root + b"/to_pipe")
    before = os.listdir("/dev/fd")
    listed(root, b"a/b")
    listed(root, b"a/b", spill_above=0)
    content(root, b"link")
    look(root, b"a/b/file", Rules())
    look(root, b"a/file/b", Rules())
    for path, rules in ((b"pipe", Rules()), (b"to_pipe", Rules()), (b"to_pipe", FOLLOW)):
        with pytest.raises(ValueError, match="pipe"):
            open_regular(root, path, rules)
    assert os.listdir("/dev/fd") == before


def test_the_mode_of_a_readable_file_does_not_matter_to_the_super_user_only(root: bytes) -> None:
    """Rights are those of the process, not the bits: automated-ingest's rule of the group-read bit is not ours."""
    os.chmod(write(root + b"/others", b""), stat.S_IROTH)
    assert unprivileged(lambda: readable(root + b"/others"))
