"""The contract for the values of handlers."""

from __future__ import annotations

from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor

import pytest

from ingest.store import Store
from ingest.store.values import WrongKind
from tests.ingest.store.contract import StoreFixtures
from tests.ingest.store.support import T0


class ValuesContract(StoreFixtures):
    def test_a_value_is_seen_by_all_and_replaced_as_a_whole(self, open_store: Callable[[], Store]) -> None:
        one, other = open_store(), open_store()
        assert other.values.get(b"k\xff", T0) is None
        one.values.push(b"k\xff", [b"a", b"b"], T0)
        assert one.values.set(b"k\xff", b"\0value", T0, until=T0 + 5)
        assert other.values.get(b"k\xff", T0) == b"\0value"
        assert other.values.set(b"k\xff", b"", T0)
        assert one.values.get(b"k\xff", T0 + 9) == b""

    def test_only_a_new_value_is_set_when_that_is_asked_for(self, store: Store) -> None:
        assert store.values.set(b"k", b"first", T0, only_new=True, until=T0 + 5)
        assert not store.values.set(b"k", b"second", T0 + 4, only_new=True)
        assert store.values.get(b"k", T0 + 4) == b"first"
        assert store.values.set(b"k", b"third", T0 + 5, only_new=True)
        assert store.values.get(b"k", T0 + 99) == b"third"

    def test_an_expired_value_is_not_there_for_any_method(self, store: Store) -> None:
        store.values.set(b"n", b"7", T0, until=T0 + 1)
        store.values.push(b"l", [b"old"], T0)
        assert store.values.expire(b"l", T0 + 1, T0)
        assert store.values.expiry(b"l", T0) == T0 + 1
        later = T0 + 1
        assert store.values.get(b"n", later) is None
        assert store.values.keys(b"", later) == []
        assert not store.values.expire(b"n", None, later)
        assert not store.values.delete(b"n", later)
        with pytest.raises(KeyError):
            store.values.expiry(b"n", later)
        assert store.values.add(b"n", 2, later) == 2
        assert store.values.length(b"l", later) == 0
        assert store.values.push(b"l", [b"new"], later) == 1
        assert store.values.elements(b"l", 0, -1, later) == [b"new"]
        assert store.values.expiry(b"l", later) is None

    def test_a_number_keeps_its_expiry_when_something_is_added(self, store: Store) -> None:
        assert store.values.add(b"n", 3, T0) == 3
        assert store.values.expire(b"n", T0 + 9, T0)
        assert store.values.add(b"n", -5, T0) == -2
        assert store.values.get(b"n", T0) == b"-2"
        assert store.values.expiry(b"n", T0) == T0 + 9
        assert store.values.expire(b"n", None, T0)
        assert store.values.expiry(b"n", T0) is None

    def test_nothing_is_lost_when_several_count_at_once(self, open_store: Callable[[], Store]) -> None:
        stores = [open_store() for _ in range(4)]

        def count(store: Store) -> None:
            for _ in range(100):
                store.values.add(b"n", 1, T0)
                store.values.push(b"l", [b"x"], T0)

        with ThreadPoolExecutor(len(stores)) as pool:
            list(pool.map(count, stores))
        assert stores[0].values.get(b"n", T0) == b"400"
        assert stores[0].values.length(b"l", T0) == 400

    def test_a_list_grows_at_both_ends(self, store: Store) -> None:
        assert store.values.push(b"l", [b"c", b"d"], T0) == 2
        assert store.values.push(b"l", [b"b", b"a"], T0, left=True) == 4
        assert store.values.push(b"l", [b"e"], T0) == 5
        assert store.values.elements(b"l", 0, -1, T0) == [b"a", b"b", b"c", b"d", b"e"]

    @pytest.mark.parametrize("first", range(-7, 7))
    @pytest.mark.parametrize("last", range(-7, 7))
    def test_a_range_includes_both_its_ends_and_counts_negative_ones_from_the_end(
        self, store: Store, first: int, last: int
    ) -> None:
        elements = [b"%d" % number for number in range(5)]
        store.values.push(b"l", elements, T0)
        start, end = (place + 5 if place < 0 else place for place in (first, last))
        expected = [each for place, each in enumerate(elements) if start <= place <= end]
        assert store.values.elements(b"l", first, last, T0) == expected

    def test_a_list_that_is_not_there_is_empty(self, store: Store) -> None:
        assert store.values.elements(b"l", 0, -1, T0) == []
        assert store.values.length(b"l", T0) == 0

    def test_strings_lists_and_numbers_are_not_taken_for_each_other(self, store: Store) -> None:
        store.values.push(b"l", [b"1"], T0)
        store.values.set(b"s", b"text", T0)
        with pytest.raises(WrongKind):
            store.values.get(b"l", T0)
        for wrong in (
            lambda: store.values.add(b"l", 1, T0),
            lambda: store.values.add(b"s", 1, T0),
            lambda: store.values.push(b"s", [b"1"], T0),
            lambda: store.values.elements(b"s", 0, -1, T0),
            lambda: store.values.length(b"s", T0),
        ):
            with pytest.raises(WrongKind):
                wrong()
        assert store.values.elements(b"l", 0, -1, T0) == [b"1"]
        assert store.values.get(b"s", T0) == b"text"

    def test_keys_are_found_by_their_beginning(self, store: Store) -> None:
        for key in (b"b", b"a%", b"a_1", b"aX1", b"a\xff"):
            store.values.set(key, b"", T0)
        store.values.push(b"a list", [b""], T0)
        assert store.values.keys(b"a_", T0) == [b"a_1"]
        assert store.values.keys(b"a", T0) == [b"a list", b"a%", b"aX1", b"a_1", b"a\xff"]
        assert store.values.delete(b"a list", T0)
        assert store.values.keys(b"a ", T0) == []
