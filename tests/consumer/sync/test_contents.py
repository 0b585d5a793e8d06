"""A collection's contents answer the same whether they are held in memory or spilled."""

from __future__ import annotations

from unittest.mock import patch

import pytest
from hypothesis import given
from hypothesis import strategies as st

from consumer.sync import contents as contents_module
from consumer.sync.contents import Contents
from ingest.messages import COLLECTION, Replica

NAMES = ["a", "A", "it's", "%", "_", "e\u0301", "\u00e9", " a", "a\n", "\U0001f9ea", "a;b"]
names = st.sampled_from(NAMES)
replicas = st.builds(
    Replica, st.integers(0, 5), st.just("tree;leaf"), st.sampled_from(["/p", "/ü'"]), st.integers(0, 2**63 - 1),
    st.integers(0, 2**33), st.sampled_from("0123"), st.sampled_from(["", "sha2:x"]),
)  # fmt: skip
rows = st.lists(st.tuples(names, replicas), max_size=30, unique_by=lambda row: (row[0], row[1].number))


def one(number: int) -> Replica:
    return Replica(number, "leaf", f"/p{number}", 1, 2, "1")


@given(rows, st.lists(names, unique=True, max_size=4), st.integers(0, 31))
def test_what_is_spilled_answers_as_what_is_held(
    all_rows: list[tuple[str, Replica]], collections: list[str], held: int
) -> None:
    with patch.object(contents_module, "HELD_ROWS", held):
        spilled = Contents(iter(all_rows), iter(collections))
    in_memory = Contents(all_rows, collections)
    for name in [*NAMES, "unknown"]:
        expected = sorted((replica for each, replica in all_rows if each == name), key=lambda each: each.number)
        assert spilled[name] == in_memory[name] == (COLLECTION if name in collections else expected)
        assert spilled.has_collection(name) is in_memory.has_collection(name) is (name in collections)
    spilled.close()
    in_memory.close()


def test_the_replicas_of_one_object_come_together_in_the_order_of_their_numbers() -> None:
    contents = Contents([("b", one(2)), ("a", one(0)), ("b", one(0)), ("b", one(1))], [])
    assert contents["b"] == [one(0), one(1), one(2)]
    assert contents["a"] == [one(0)]


def test_what_is_not_there_has_no_replicas() -> None:
    contents = Contents([("a", one(0))], ["c"])
    assert (contents["b"], contents["c"], contents.has_collection("a")) == ([], COLLECTION, False)


@pytest.mark.parametrize("more", [0, 1])
def test_beyond_the_rows_that_are_held_a_large_collection_is_answered_from_a_file(more: int) -> None:
    count = contents_module.HELD_ROWS + more
    contents = Contents(((f"{number:06}", one(number)) for number in range(count)), [])
    assert len(contents._held) == contents_module.HELD_ROWS
    assert (contents._spilled is not None) is bool(more)
    assert [contents[f"{number:06}"] for number in (0, count - 1, count)] == [[one(0)], [one(count - 1)], []]
    contents.close()
