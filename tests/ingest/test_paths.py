"""Source paths become logical paths; what cannot be a target is refused."""

from __future__ import annotations

import base64
import os

import pytest
from hypothesis import given
from hypothesis import strategies as st

from ingest.errors import Refused
from ingest.paths import (
    UNDECODABLE_PREFIX,
    ancestors,
    is_below,
    is_within,
    join,
    logical_name,
    logical_path,
    normalise_target,
    overlap,
    physical_path,
    prefix_of,
    renamed,
    shown,
    split,
)

names = st.binary(min_size=1, max_size=20).map(lambda name: name.replace(b"\0", b"x").replace(b"/", b"y"))
relative = st.lists(names.filter(lambda name: name not in (b".", b"..")), max_size=4).map(b"/".join)


@pytest.mark.parametrize(
    ("given_", "normal"),
    [("/z/a", "/z/a"), ("/z/a/", "/z/a"), ("//z///a//", "/z/a"), ("/z", "/z"), ("/z/ a ", "/z/ a "),
     ("/z/.a/..b", "/z/.a/..b")],
)  # fmt: skip
def test_a_target_loses_doubled_and_trailing_slashes_and_nothing_else(given_: str, normal: str) -> None:
    assert normalise_target(given_) == normal
    assert normalise_target(normal) == normal


@pytest.mark.parametrize(
    ("target", "reason"),
    [("/", "cannot be /"), ("///", "cannot be /"), ("", "absolute"), ("z/a", "absolute"), ("/z/../a", "'..'"),
     ("/z/.", "'.'")],
)  # fmt: skip
def test_what_cannot_be_a_target_is_refused_in_one_sentence(target: str, reason: str) -> None:
    with pytest.raises(Refused) as refusal:
        normalise_target(target)
    assert reason in str(refusal.value)
    assert "\n" not in str(refusal.value)


@pytest.mark.parametrize(
    ("one", "other", "answer"),
    [("/z/a", "/z/a", True), ("/z/a", "/z/a/b", True), ("/z/a", "/z/ab", False), ("/z/a/b", "/z/a/c", False),
     ("/z", "/y", False)],
)  # fmt: skip
def test_targets_overlap_when_they_are_the_same_or_nested(one: str, other: str, *, answer: bool) -> None:
    assert overlap(one, other) is answer
    assert overlap(other, one) is answer


@given(relative, names.filter(lambda name: name not in (b".", b"..")))
def test_a_path_is_put_together_as_it_was_taken_apart(directory: bytes, name: bytes) -> None:
    path = join(directory, name) if directory else name
    assert split(path) == (directory, name)
    assert join(b"/root", path) == b"/root/" + path


def test_a_decodable_path_keeps_its_names_whatever_they_are() -> None:
    for name in ("a b", "it's", "%_\\", " lead", "line\nbreak", "e\u0301", "\u00e9", "`and`"):
        assert logical_path(b"/src", "/z/t", f"d/{name}".encode()) == f"/z/t/d/{name}"
    assert logical_path(b"/src", "/z/t", b"") == "/z/t"


def test_an_undecodable_file_is_named_after_its_full_source_path_in_standard_base64() -> None:
    encoded = base64.b64encode(b"/src/d/\xe4").decode()
    assert "/" not in encoded
    assert logical_path(b"/src", "/z/t", b"d/\xe4") == f"/z/t/d/{UNDECODABLE_PREFIX}{encoded}"


def test_a_name_never_splits() -> None:
    source = b"/src/\xff\xff\xff\xff"
    assert "/" in base64.b64encode(source).decode()
    name = logical_name(source, b"\xff\xff\xff\xff", directory=False)
    assert name == UNDECODABLE_PREFIX + base64.urlsafe_b64encode(source).decode()


def test_an_undecodable_directory_has_one_name_for_itself_and_all_below_it() -> None:
    encoded = base64.urlsafe_b64encode(b"/src/\xe4>?").decode()
    assert encoded != base64.b64encode(b"/src/\xe4>?").decode()
    directory = f"/z/t/{UNDECODABLE_PREFIX}{encoded}"
    assert logical_path(b"/src", "/z/t", b"\xe4>?", directory=True) == directory
    assert logical_path(b"/src", "/z/t", b"\xe4>?/a/b") == f"{directory}/a/b"


@given(relative, st.booleans())
def test_a_logical_path_has_as_many_elements_as_the_source_path_and_is_valid_utf_8(
    path: bytes, directory: bool
) -> None:
    logical = logical_path(b"/src", "/z/t", path, directory=directory)
    logical.encode()
    assert logical.count("/") == (2 + (path.count(b"/") + 1 if path else 0))


@given(st.lists(relative, min_size=2, max_size=6, unique=True))
def test_different_paths_have_different_logical_paths(paths: list[bytes]) -> None:
    assert len({logical_path(b"/src", "/z/t", path) for path in paths}) == len(paths)


def test_a_physical_path_is_the_source_path_with_undecodable_names_replaced() -> None:
    assert physical_path(b"/src/a", b"b/c") == "/src/a/b/c"
    encoded = base64.b64encode(b"/src/b/\xe4").decode()
    assert physical_path(b"/src", b"b/\xe4") == f"/src/b/{UNDECODABLE_PREFIX}{encoded}"
    below = base64.urlsafe_b64encode(b"/\xe4").decode()
    assert physical_path(b"/\xe4", b"c") == f"/{UNDECODABLE_PREFIX}{below}/c"


def test_the_ancestors_of_a_path_end_with_the_source() -> None:
    assert list(ancestors(b"a/b/c")) == [b"a/b", b"a", b""]
    assert (list(ancestors(b"a")), list(ancestors(b""))) == ([b""], [])


@given(relative, relative)
def test_a_path_is_within_its_ancestors_and_itself_and_below_its_ancestors_only(path: bytes, other: bytes) -> None:
    assert is_below(path, other) == (other in set(ancestors(path)))
    assert is_within(path, other) == (path == other or is_below(path, other))
    assert is_below(join(b"/data", path), b"/data") == (path != b"")


def test_names_that_begin_alike_are_not_below_each_other_and_the_root_directory_has_one_slash() -> None:
    assert not is_within(b"ab", b"a")
    assert (is_below("/z/a", "/z/"), is_below("/z", "/"), is_below("/", "/"), is_within("/", "/")) == (
        (True, True, False, True)
    )
    assert (prefix_of(b"/"), prefix_of(b"/a"), prefix_of(""), prefix_of("a/")) == (b"/", b"/a/", "", "a/")


@given(relative.filter(bool), relative.filter(bool), relative.filter(bool))
def test_what_is_below_a_renamed_directory_is_renamed_with_it(old: bytes, new: bytes, name: bytes) -> None:
    assert renamed(join(old, name), old, new) == join(new, name)
    assert (renamed(old, old, new), renamed(b"x" + old, old, new)) == (old, b"x" + old)


def test_bytes_that_are_not_utf8_are_shown_as_escapes_in_bytes_and_in_text() -> None:
    assert shown(b"/caf\xe9/\xc3\xa9") == shown(os.fsdecode(b"/caf\xe9/\xc3\xa9")) == "/caf\\xe9/é"
