"""Checks of logical paths, and the physical paths and trash paths that follow from them."""

import os

import pytest
from hypothesis import given
from hypothesis import strategies as st

from devzone.catalog.paths import check_object_path, check_zone, trash_path, vault_path
from devzone.errors import IrodsError

PARTS = st.sampled_from(["..", ".", "a", "", "b c", "..."])


@given(st.lists(PARTS, min_size=1, max_size=8))
def test_vault_paths_stay_in_the_vault(parts: list[str]) -> None:
    """Every logical path is refused or has its physical path in the vault."""
    try:
        found = vault_path("/vault/", "/zone/" + "/".join(parts))
    except IrodsError:
        return
    assert os.path.normpath(found).startswith("/vault/")


@pytest.mark.parametrize("path", ["x", "", "/z/a/", "/z/a/.", "/z/a/.."])
def test_paths_without_an_object_name_are_refused(path: str) -> None:
    """The path of a new object must be absolute and end with a name."""
    with pytest.raises(IrodsError):
        check_object_path(path)


@pytest.mark.parametrize("path", ["/", "/zone", "/other/a", "a/b", ""])
def test_other_zones_are_refused(path: str) -> None:
    """Collections can be created only below the zone's collection."""
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
    """The trash of a user has the same structure as its home collection."""
    assert trash_path(path, "u") == trash
