"""What can be seen of a handler's mistakes before a job starts: misspelt hooks, and parameters that do not fit."""

from __future__ import annotations

import difflib
import inspect
from collections.abc import Sequence
from typing import Any, NamedTuple

from ingest.handlers.core import Operation
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
_WITH_OPERATION = {"pre_data_obj_create", "post_data_obj_create", "pre_data_obj_modify", "post_data_obj_modify"}
_PUTS = {Operation.PUT, Operation.PUT_SYNC, Operation.PUT_APPEND}
_OTHER_WORDS = {"update": "modify", "change": "modify", "remove": "delete", "unlink": "delete", "collection": "coll"}
"""What people call the events, and what they are called."""


def warnings(handler: Handler, operation: Operation | None) -> list[str]:
    """Sentences on what will not work as it is meant; `operation`, if it is known, decides on arguments of hooks."""
    if handler.cls is None:
        return []
    found = []
    methods = {name: getattr(handler.cls, name) for name in dir(handler.cls)}
    for name, method in methods.items():
        if not callable(method):
            continue
        if name in _KNOWN:
            found += _fit(name, method, operation)
        elif name.startswith(("pre_", "post_")):
            found.append(f"{name} of the event handler is no hook and will never run: {_closest(name)} is one")
    hooks = sorted(methods.keys() & _HOOKS.keys())
    dead = [name for name in hooks if f"on_{name.partition('_')[2]}" not in methods]
    if dead:
        found.append(f"the event handler is not derived from Core, so {', '.join(dead)} will never run")
    return found


def _fit(name: str, method: Any, operation: Operation | None) -> list[str]:
    call = _KNOWN[name]
    try:
        signature = inspect.signature(method)
    except (TypeError, ValueError):  # written in C: nothing can be known
        return []
    if not _takes(signature, call.arguments, call.options):
        return [f"{name}{signature} of the event handler must take {_wanted(call)}"]
    with_operation = (*call.arguments, "operation")
    if name in _WITH_OPERATION and operation in _PUTS | {None} and not _takes(signature, with_operation, call.options):
        after = "" if operation is None else f", and {operation.name} is one"
        return [f"{name}{signature} of the event handler must take *args as well for the PUT operations{after}"]
    return []


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
