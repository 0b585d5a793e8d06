"""The contract for the values of handlers."""

from __future__ import annotations

from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor

import pytest

from ingest.store import Store
from ingest.store.values import WrongKind
from tests.ingest.store.contract import StoreFixtures


class ValuesContract(StoreFixtures):
    def test_a_value_is_seen_by_all_and_replaced_as_a_whole(self, open_store: Callable[[], Store]) -> None:
        one, other = open_store(), open_store()
        assert other.values.get(b"k\xff") is None
        one.values.push(b"k\xff", [b"a", b"b"])
        assert one.values.set(b"k\xff", b"\0value", seconds=500)
        assert other.values.get(b"k\xff") == b"\0value"
        assert other.values.set(b"k\xff", b"")
        assert one.values.get(b"k\xff") == b""

    def test_only_a_new_value_is_set_when_that_is_asked_for(self, store: Store, lapse: Callable[[float], None]) -> None:
        assert store.values.set(b"k", b"first", only_new=True, seconds=500)
        lapse(400)
        assert not store.values.set(b"k", b"second", only_new=True)
        assert store.values.get(b"k") == b"first"
        lapse(100)
        assert store.values.set(b"k", b"third", only_new=True)
        lapse(9999)
        assert store.values.get(b"k") == b"third"

    def test_an_expired_value_is_not_there_for_any_method(self, store: Store, lapse: Callable[[float], None]) -> None:
        store.values.set(b"n", b"7", seconds=100)
        store.values.push(b"l", [b"old"])
        assert store.values.expire(b"l", 100)
        assert 0 < (store.values.expiry(b"l") or 0) <= 100
        lapse(100)
        assert store.values.get(b"n") is None
        assert store.values.keys(b"") == []
        assert not store.values.expire(b"n", None)
        assert not store.values.delete(b"n")
        with pytest.raises(KeyError):
            store.values.expiry(b"n")
        assert store.values.add(b"n", 2) == 2
        assert store.values.length(b"l") == 0
        assert store.values.push(b"l", [b"new"]) == 1
        assert store.values.elements(b"l", 0, -1) == [b"new"]
        assert store.values.expiry(b"l") is None

    def test_a_number_keeps_its_expiry_when_something_is_added(self, store: Store) -> None:
        assert store.values.add(b"n", 3) == 3
        assert store.values.expire(b"n", 900)
        assert store.values.add(b"n", -5) == -2
        assert store.values.get(b"n") == b"-2"
        assert 0 < (store.values.expiry(b"n") or 0) <= 900
        assert store.values.expire(b"n", None)
        assert store.values.expiry(b"n") is None

    def test_nothing_is_lost_when_several_count_at_once(self, open_store: Callable[[], Store]) -> None:
        stores = [open_store() for _ in range(4)]

        def count(store: Store) -> None:
            for _ in range(100):
                store.values.add(b"n", 1)
                store.values.push(b"l", [b"x"])

        with ThreadPoolExecutor(len(stores)) as pool:
            list(pool.map(count, stores))
        assert stores[0].values.get(b"n") == b"400"
        assert stores[0].values.length(b"l") == 400

    def test_a_list_grows_at_both_ends(self, store: Store) -> None:
        assert store.values.push(b"l", [b"c", b"d"]) == 2
        assert store.values.push(b"l", [b"b", b"a"], left=True) == 4
        assert store.values.push(b"l", [b"e"]) == 5
        assert store.values.elements(b"l", 0, -1) == [b"a", b"b", b"c", b"d", b"e"]

    @pytest.mark.parametrize("first", range(-7, 7))
    @pytest.mark.parametrize("last", range(-7, 7))
    def test_a_range_includes_both_its_ends_and_counts_negative_ones_from_the_end(
        self, store: Store, first: int, last: int
    ) -> None:
        elements = [b"%d" % number for number in range(5)]
        store.values.push(b"l", elements)
        start, end = (place + 5 if place < 0 else place for place in (first, last))
        expected = [each for place, each in enumerate(elements) if start <= place <= end]
        assert store.values.elements(b"l", first, last) == expected

    def test_a_list_that_is_not_there_is_empty(self, store: Store) -> None:
        assert store.values.elements(b"l", 0, -1) == []
        assert store.values.length(b"l") == 0

    def test_strings_lists_and_numbers_are_not_taken_for_each_other(self, store: Store) -> None:
        store.values.push(b"l", [b"1"])
        store.values.set(b"s", b"text")
        with pytest.raises(WrongKind):
            store.values.get(b"l")
        for wrong in (
            lambda: store.values.add(b"l", 1),
            lambda: store.values.add(b"s", 1),
            lambda: store.values.push(b"s", [b"1"]),
            lambda: store.values.elements(b"s", 0, -1),
            lambda: store.values.length(b"s"),
        ):
            with pytest.raises(WrongKind):
                wrong()
        assert store.values.elements(b"l", 0, -1) == [b"1"]
        assert store.values.get(b"s") == b"text"

    def test_keys_are_found_by_their_beginning(self, store: Store) -> None:
        for key in (b"b", b"a%", b"a_1", b"aX1", b"a\xff"):
            store.values.set(key, b"")
        store.values.push(b"a list", [b""])
        assert store.values.keys(b"a_") == [b"a_1"]
        assert store.values.keys(b"a") == [b"a list", b"a%", b"aX1", b"a_1", b"a\xff"]
        assert store.values.delete(b"a list")
        assert store.values.keys(b"a ") == []
