"""No name can be more than a value in a query: each query returns what has the name, and nothing else."""

from __future__ import annotations

from collections.abc import Iterator

import pytest
from irods.session import iRODSSession

from consumer.irods.catalog import collection_exists, look_up, objects, subcollections
from consumer.irods.registration import register
from consumer.irods.requests import create_collection
from ingest.messages import COLLECTION, Replica

NAMES = (
    "x' || like '%", "it's a || b", "it's a && b", "' || = '", "'", "''", "' '", "x' || like '%' || = 'y",
    "' && like '", "x' between 'a' 'z", "' in ('a','b", "' || between ' ' '~", "like '%", "= 'x'", "a' || n> '0",
    "x\\' || like '%", "\\'", "'\\", "100%'", "a_b'c", "%' || '%", "it's %", "it's _", "quote \"' || like '%",
    "' OR 1=1 --", "'; drop table", "plain || like '%'", "&& 'x", "' || parent_of 'x", "' || begin_of 'x",
    "IS NULL", "é' || like '%", "' || <> 'x",
)  # fmt: skip


@pytest.fixture(scope="module")
def place(irods: iRODSSession) -> Iterator[str]:
    """A collection with an object and a sub-collection of each name, and others whose names match the patterns."""
    top = f"/{irods.zone}/home/{irods.username}/hostile-names"
    irods.collections.create(f"{top}/collections")
    irods.collections.create(f"{top}/objects")
    for number, name in enumerate((*NAMES, "x", "_", "__", "it", "a b", "itXs a || b")):
        create_collection(irods, f"{top}/collections/{name}")
        register(irods, f"{top}/collections/{name}/inside {number}", f"/nowhere/{number}", number, 0)
        register(irods, f"{top}/objects/{name}", f"/nowhere/{number}", number, 0)
    yield top
    irods.collections.unregister(top, recurse=True)


@pytest.mark.parametrize("name", NAMES)
def test_a_hostile_name_is_a_value_in_every_query(irods: iRODSSession, place: str, name: str) -> None:
    number = NAMES.index(name)
    found = look_up(irods, f"{place}/objects/{name}")
    assert isinstance(found, list)
    assert [each.size for each in found if isinstance(each, Replica)] == [number]
    collection = f"{place}/collections/{name}"
    assert look_up(irods, collection) == COLLECTION
    assert collection_exists(irods, collection)
    assert [(inside, replica.size) for inside, replica in objects(irods, collection)] == [(f"inside {number}", number)]
    assert list(subcollections(irods, collection)) == []


@pytest.mark.parametrize("name", NAMES)
def test_nothing_is_found_below_a_hostile_name_that_is_absent(irods: iRODSSession, place: str, name: str) -> None:
    absent = f"{place}/absent {name}"
    assert look_up(irods, absent) == []
    assert look_up(irods, f"{absent}/x") == []
    assert not collection_exists(irods, absent)
    assert list(objects(irods, absent)) == []
    assert list(subcollections(irods, absent)) == []


def test_a_listing_has_every_hostile_name_once(irods: iRODSSession, place: str) -> None:
    assert {*NAMES} <= {*subcollections(irods, f"{place}/collections")}
    names = [name for name, _ in objects(irods, f"{place}/objects")]
    assert {*NAMES} <= {*names}
    assert len(names) == len(set(names))
