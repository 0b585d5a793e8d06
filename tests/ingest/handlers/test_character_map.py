"""`character_map`: the names of automated-ingest, for every map its own alphabet, and no two names fall together."""

from __future__ import annotations

import re
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from ingest.errors import Refused
from ingest.handlers.character_map import CharacterMap

ALPHANUMERIC = {re.compile("[^a-zA-Z0-9]"): "_"}

VECTORS = {
    "test-file~with@5!non.alphas": "test_file_with_5_non_alphas_iQRy064Rz5Y66",
    "a b": "a_b_E4",
    "a-b": "a_b_R4",
    "é": "__T1d",
    "日本語.txt": "____txt_OimTyX3JIcX4se9eb6",
    "-" * 30: "_" * 30 + "_iUOf0XFX1KZCp416xslXGibUWMMS90dH5SbwW9",
}


@pytest.mark.parametrize("name", VECTORS)
def test_a_name_becomes_what_automated_ingest_makes_of_it(name: str) -> None:
    assert CharacterMap(ALPHANUMERIC).translate(name) == VECTORS[name]


def test_a_name_that_no_rule_concerns_stays_as_it_is() -> None:
    assert CharacterMap(ALPHANUMERIC).translate("Plain0_") == "Plain0_"
    assert CharacterMap({}).translate("a b") == "a b"


def test_separator_and_digits_are_those_of_this_map_whatever_map_was_used_before() -> None:
    assert CharacterMap(ALPHANUMERIC).translate("a\\b") == "a_b_C5"
    assert CharacterMap({"\\": "_"}).translate("a\\b") == "a_b-C5"
    assert CharacterMap({"-": "x"}).translate("a-b").startswith("axb~")


def test_a_map_that_replaces_all_separators_makes_suffixes_without_one() -> None:
    name = CharacterMap({tuple("-~_ "): "."}).translate("a b")
    assert re.fullmatch(r"a\.b[0-9a-zA-Z]+", name)


def test_a_path_is_mapped_element_by_element() -> None:
    assert CharacterMap(ALPHANUMERIC).translate_path("/z//double//x/") == "/z/double/x"
    assert CharacterMap(ALPHANUMERIC).translate_path("/z/a b/a-b") == "/z/a_b_E4/a_b_R4"
    assert CharacterMap(ALPHANUMERIC).translate_path("z/a b") == "z/a_b_E4"


@pytest.mark.parametrize(
    ("rules", "name", "begins"),
    [
        ({"#": "_"}, "a#b", "a_b-"),
        ({("#", "$"): "\u2093"}, "a#$b", "a\u2093\u2093b-"),
        ({re.compile("[\u0100-\U0010ffff]"): "_"}, "aé日", "aé_-"),
        ({(lambda char: char in "{|}"): ":"}, "a{b}", "a:b:-"),
        ({re.compile("b"): "\\"}, "abc", "a\\c-"),
        ([("a", "b"), ("b", "c")], "ab", "cc-"),
        ([("b", "c"), ("a", "b")], "ab", "bc-"),
    ],
)
def test_a_key_is_a_character_several_a_pattern_or_a_function_and_order_counts(
    rules: Any, name: str, begins: str
) -> None:
    assert CharacterMap(rules).translate(name).startswith(begins)


def test_a_rule_with_none_is_switched_off() -> None:
    assert CharacterMap({"a": None, ("b", "c"): None, "d": "_"}).translate("abc") == "abc"


def test_names_that_differ_in_removed_characters_only_do_not_fall_together() -> None:
    without_blanks = CharacterMap({" ": ""})
    names = ["ab", "ab ", " ab", "a b", " ab ", "  ab", " a b"]
    mapped = [without_blanks.translate(name) for name in names]
    assert len(set(mapped)) == len(names)
    assert all(" " not in name for name in mapped)


@pytest.mark.parametrize(
    "rules",
    [
        "ab",
        7,
        {"ab": "_"},
        {"": "_"},
        {("a", "bc"): "_"},
        {5: "_"},
        {"a": "bc"},
        {"a": 5},
        {"a": "/"},
        {re.compile(b"a"): "_"},
        [("a", "b", "c")],
        {re.compile("[a-zA-Z0-9]"): "_"},
        {re.compile("[a-zA-Z1-9]"): "_"},
    ],
)
def test_rules_that_make_no_sense_are_refused_in_one_sentence(rules: Any) -> None:
    with pytest.raises(Refused, match=r"^character_map of the event handler [^\n]*$"):
        CharacterMap(rules)


_MAPS: list[Any] = [ALPHANUMERIC, {"\\": "_"}, {tuple("-~_ "): "."}, {" ": "", "-": "~"}, {str.isupper: "x"}]
names = st.text(st.characters(codec="utf-8", exclude_characters="/\0"), min_size=1, max_size=60)


@pytest.mark.parametrize("rules", _MAPS)
@given(several=st.lists(names, unique=True, min_size=2, max_size=20))
def test_different_names_stay_different(rules: Any, several: list[str]) -> None:
    translate = CharacterMap(rules).translate
    assert len({translate(name) for name in several}) == len(several)


@given(name=names)
def test_what_is_to_be_replaced_is_not_in_the_result(name: str) -> None:
    assert re.fullmatch("[a-zA-Z0-9_]*", CharacterMap(ALPHANUMERIC).translate(name))


@given(name=names)
def test_an_element_of_a_path_stays_one_element(name: str) -> None:
    mapped = CharacterMap(ALPHANUMERIC).translate(name)
    assert mapped
    assert not {"/", "\0"} & set(mapped)
    assert mapped not in (".", "..")
