"""Automated-ingest's `char_map_util`."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from ingest.handlers.character_map import CharacterMap


def translate_path(path: str, mp: Any, translate_function: Callable[..., str] | None = None) -> str:
    """A logical path with the rules `mp` applied to each of its elements.

    `translate_function(element, mp)` takes the place of our own translation.
    """
    if translate_function is None:
        return CharacterMap(mp).translate_path(path)
    elements = [translate_function(element, mp) for element in path.split("/") if element]
    return ("/" if path.startswith("/") else "") + "/".join(elements)
