"""The `character_map` of a handler: which characters of a logical name are replaced, without names falling together.

Each element of a path is mapped by itself. A suffix records replacements, so that `a b` and `a-b` do not become the
same name: it is a number, the least significant digit first, made of the positions and characters that have changed,
or of a SHA-224 where those are many. Separator and digits are characters that this very map leaves alone;
automated-ingest takes those of the first map that its process has seen. Names are otherwise as automated-ingest makes
them, except for rules that remove characters or replace one by several: automated-ingest lets these names fall
together, we always take the SHA-224.
"""

from __future__ import annotations

import hashlib
import re
import string
from collections.abc import Callable, Iterable, Mapping
from typing import Any

from ingest.errors import Refused

AVU = "irods::automated_ingest::character_map"
"""Attribute of the AVU on objects whose path has changed; value and units are those of undecodable names."""
_SEPARATORS = "-~_"
_DIGITS = string.digits + string.ascii_lowercase + string.ascii_uppercase
_MOST = 28
"""Bytes of the recorded changes above which the suffix is a hash of them, and of that hash."""

_Rule = Callable[[str], str]


class CharacterMap:
    """Rules as a mapping, or as pairs where their order matters; each works on what the one before it has left.

    A key is a character, a tuple of characters, a compiled regular expression, or a function that says of a character
    whether it is replaced; a value is a character or "", or None, which switches the rule off. Raises Refused for
    anything else, and for rules that leave fewer than two letters and digits to make suffixes of.
    """

    def __init__(self, rules: Mapping[Any, Any] | Iterable[tuple[Any, Any]]) -> None:
        pairs = _pairs(rules)
        self._rules = [_rule(key, value) for key, value in pairs if value is not None]
        self._separator = "".join(each for each in _SEPARATORS if self._replaced(each) == each)[:1]
        self._digits = "".join(each for each in _DIGITS if self._replaced(each) == each)
        if len(self._digits) < 2:
            raise Refused("character_map of the event handler leaves fewer than two letters and digits as they are")

    def translate(self, element: str) -> str:
        """One element of a path; as it is when no rule concerns it."""
        new = self._replaced(element)
        if new == element:
            return element
        return new + self._separator + self._number(_difference(element, new))

    def translate_path(self, path: str) -> str:
        """A path, element by element, without doubled or trailing slashes."""
        elements = [self.translate(element) for element in path.split("/") if element]
        return ("/" if path.startswith("/") else "") + "/".join(elements)

    def _replaced(self, text: str) -> str:
        for rule in self._rules:
            text = rule(text)
        return text

    def _number(self, difference: bytes) -> str:
        number, base, text = int.from_bytes(difference, "big"), len(self._digits), ""
        while number:
            number, digit = divmod(number, base)
            text += self._digits[digit]
        return text


def _difference(old: str, new: str) -> bytes:
    if len(old) == len(new):
        changed = [(place, one) for place, (one, other) in enumerate(zip(old, new, strict=True)) if one != other]
        found = b"".join((chr(place) + one).encode() for place, one in changed)
        if len(found) < _MOST:
            return found
    return hashlib.sha224(old.encode()).digest()


def _pairs(rules: Any) -> list[tuple[Any, Any]]:
    try:
        return [(key, value) for key, value in (rules.items() if isinstance(rules, Mapping) else rules)]
    except (TypeError, ValueError):
        raise Refused(
            "character_map of the event handler must return a dictionary, or a list of pairs of key and value"
        ) from None


def _rule(key: Any, value: Any) -> _Rule:
    if not isinstance(value, str) or len(value) > 1 or value in ("/", "\0"):
        raise Refused(f"character_map of the event handler maps to {value!r}, and not to a character for names, or ''")
    if isinstance(key, re.Pattern):
        if not isinstance(key.pattern, str):
            raise Refused(f"character_map of the event handler has {key!r}, which is no pattern for text")
        return lambda text: key.sub(lambda _: value, text)
    if callable(key):
        return lambda text: "".join(value if key(each) else each for each in text)
    characters = key if isinstance(key, tuple) else (key,)
    if not all(isinstance(each, str) and len(each) == 1 for each in characters):
        raise Refused(
            f"character_map of the event handler has the key {key!r}, which is no character, tuple of characters,"
            " compiled regular expression or function"
        )
    table = {ord(each): value for each in characters}
    return lambda text: text.translate(table)
