"""What can be seen of a handler's mistakes before a job starts: misspelt hooks, and parameters that do not fit."""

from __future__ import annotations

import difflib
import inspect
from collections.abc import Sequence
from typing import Any, NamedTuple

from ingest.handlers.loader import Handler


class _Call(NamedTuple):
    """The positional arguments of a call, by their usual names, and the options that come with it at most."""

    arguments: tuple[str, ...]
    options: tuple[str, ...] = ()


_PLAIN = ("hdlr_mod", "logger", "session", "meta")
_JOB = ("hdlr_mod", "logger", "meta")
_GONE = ("hdlr_mod", "session", "meta")
_REDIRECT = ("allow_redirect",)

_OVERRIDES = {
    "operation": _Call(("session", "meta")),
    "to_resource": _Call(("session", "meta"), _REDIRECT),
    "target_path": _Call(("session", "meta"), _REDIRECT),
    "as_user": _Call(("meta",)),
    "character_map": _Call(()),
    "delete_mode": _Call(("meta",)),
    "max_retries": _Call(_JOB),
    "timeout": _Call(_JOB),
    "delay": _Call((*_JOB, "retries")),
}
_EVENTS = {
    "data_obj_create": _Call(_PLAIN, _REDIRECT),
    "data_obj_modify": _Call(_PLAIN, _REDIRECT),
    "data_obj_delete": _Call(_GONE),
    "coll_create": _Call(_PLAIN, _REDIRECT),
    "coll_modify": _Call(_PLAIN),
    "coll_delete": _Call(_GONE),
}
_HOOKS = {f"{when}_{event}": call for event, call in _EVENTS.items() for when in ("pre", "post")}
_JOB_HOOKS = {"pre_job": _Call(_JOB), "post_job": _Call(_JOB)}
_ACTIONS = {f"on_{event}": _Call(("func", *call.arguments), call.options) for event, call in _EVENTS.items()}
_KNOWN = _OVERRIDES | _HOOKS | _JOB_HOOKS | _ACTIONS
_OTHER_WORDS = {"update": "modify", "change": "modify", "remove": "delete", "unlink": "delete", "collection": "coll"}
"""What people call the events, and what they are called."""


def misfits(handler: Handler) -> list[str]:
    """Sentences on methods that cannot be called at all, because they do not take the arguments that they get."""
    found = []
    for name, method in _methods(handler).items():
        call, signature = _KNOWN.get(name), _signature(method)
        if call is None or signature is None:
            continue
        if not _takes(signature, call.arguments, () if name in _HOOKS else call.options):
            found.append(f"{name}{signature} of the event handler must take {_wanted(call)}")
    return found


def warnings(handler: Handler) -> list[str]:
    """Sentences on what will not work as it is meant."""
    methods = _methods(handler)
    found = [
        f"{name} of the event handler is no hook and will never run: {_closest(name)} is one"
        for name in methods
        if name not in _KNOWN and name.startswith(("pre_", "post_"))
    ]
    hooks = sorted(methods.keys() & _HOOKS.keys())
    dead = [name for name in hooks if f"on_{name.partition('_')[2]}" not in methods]
    if dead:
        found.append(f"the event handler is not derived from Core, so {', '.join(dead)} will never run")
    return found


def _methods(handler: Handler) -> dict[str, Any]:
    names = [] if handler.cls is None else dir(handler.cls)
    return {name: method for name in names if callable(method := getattr(handler.cls, name))}


def _signature(method: Any) -> inspect.Signature | None:
    try:
        return inspect.signature(method)
    except (TypeError, ValueError):  # written in C: nothing can be known
        return None


def _takes(signature: inspect.Signature, arguments: Sequence[str], options: Sequence[str]) -> bool:
    try:
        signature.bind(*arguments, **dict.fromkeys(options))
    except TypeError:
        return False
    return True


def _wanted(call: _Call) -> str:
    names = ", ".join((*call.arguments, *(("**options",) if call.options else ())))
    return f"({names})" if names else "no arguments"


def _closest(name: str) -> str:
    meant = name
    for word, right in _OTHER_WORDS.items():
        meant = meant.replace(word, right)
    return difflib.get_close_matches(meant, [*_HOOKS, *_JOB_HOOKS], n=1, cutoff=0.0)[0]
