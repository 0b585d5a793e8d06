"""Logical and physical paths."""

import os

import pytest
from hypothesis import given
from hypothesis import strategies as st

from devzone.catalog.paths import check_object_path, check_zone, trash_path, vault_path
from devzone.errors import IrodsError

PARTS = st.sampled_from(["..", ".", "a", "", "b c", "..."])


@given(st.lists(PARTS, min_size=1, max_size=8))
def test_vault_paths_stay_in_the_vault(parts: list[str]) -> None:
    """No logical path leads out of the vault: it is refused, or its file lies inside."""
    try:
        found = vault_path("/vault/", "/zone/" + "/".join(parts))
    except IrodsError:
        return
    assert os.path.normpath(found).startswith("/vault/")


@pytest.mark.parametrize("path", ["x", "", "/z/a/", "/z/a/.", "/z/a/.."])
def test_paths_without_an_object_name_are_refused(path: str) -> None:
    """A new object needs an absolute path with a name."""
    with pytest.raises(IrodsError):
        check_object_path(path)


@pytest.mark.parametrize("path", ["/", "/zone", "/other/a", "a/b", ""])
def test_other_zones_are_refused(path: str) -> None:
    """Collections can only be made below the zone's own."""
    with pytest.raises(IrodsError):
        check_zone(path, "zone")


@pytest.mark.parametrize(
    ("path", "trash"),
    [
        ("/z/home/u/a/b", "/z/trash/home/u/a/b"),
        ("/z/home/v/a", "/z/trash/home/u/v/a"),
        ("/z/x/a", "/z/trash/home/u/x/a"),
    ],
)
def test_trash_keeps_the_path_below_home(path: str, trash: str) -> None:
    """The trash of a user mirrors its home."""
    assert trash_path(path, "u") == trash
