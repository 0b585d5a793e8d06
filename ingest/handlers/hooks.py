"""Calling a hook so that what it does to its `**options` is seen by the caller.

Python packs `**options` into a new dictionary at every call, so `options["allow_redirect"] = True` in a hook would be
lost, although automated-ingest's documentation promises that it works. So the hook is called through a copy of its
function that takes `*args` and `**options` as two plain parameters, a tuple and a dictionary: the code of its body is
the same, and finds both where it always does, and the dictionary is ours. The alternatives were worse: watching the
frame through `sys.setprofile` slows down everything that a hook does and gets in the way of a profiler.

A hook that is no plain Python function, or whose decorator passes `**options` on, is called as always.
"""

from __future__ import annotations

import functools
import inspect
from collections.abc import Callable
from types import FunctionType
from typing import Any


def call(hook: Callable[..., Any], args: tuple[Any, ...], options: dict[str, Any]) -> None:
    """Call the hook with `args` and `options`, and put what it leaves in its `**options` into `options`.

    The operation, which is the fifth argument where there is one, is left out for a hook that takes four. A hook
    without `**options` gets those options that it names.
    """
    function = getattr(hook, "__func__", hook)
    if isinstance(function, FunctionType) and not _takes_five(function, bound=function is not hook):
        args = args[:_PLAIN]
    name = _options_name(function) if isinstance(function, FunctionType) else None
    if name is None:
        hook(*args, **_named(function, options))
        return
    owner = [] if function is hook else [getattr(hook, "__self__")]  # noqa: B009 - mypy knows no __self__ here
    try:
        bound = inspect.signature(function, follow_wrapped=False).bind(*owner, *args, **options)
    except TypeError:
        hook(*args, **options)  # Python says it better, with the name of the hook
        return
    bound.apply_defaults()
    shared: dict[str, Any] = bound.arguments[name]
    named = options.keys() - shared.keys()
    bare = _unpacked(function)
    bare(*(bound.arguments[each] for each in bare.__code__.co_varnames[: bare.__code__.co_argcount]))
    for each in options.keys() - shared.keys() - named:
        del options[each]
    options.update(shared)


_PLAIN = 4
"""Arguments of a hook apart from the operation: module, logger, session and meta."""


def _takes_five(function: FunctionType, *, bound: bool) -> bool:
    code = function.__code__
    return bool(code.co_flags & inspect.CO_VARARGS) or code.co_argcount - bound != _PLAIN


def _named(function: Any, options: dict[str, Any]) -> dict[str, Any]:
    if not isinstance(function, FunctionType) or function.__code__.co_flags & inspect.CO_VARKEYWORDS:
        return options
    code = function.__code__
    names = code.co_varnames[: code.co_argcount + code.co_kwonlyargcount]
    return {each: options[each] for each in options if each in names}


@functools.lru_cache(maxsize=256)
def _options_name(function: FunctionType) -> str | None:
    code = function.__code__
    if not code.co_flags & inspect.CO_VARKEYWORDS:
        return None
    return code.co_varnames[_parameters(function) - 1]


def _parameters(function: FunctionType) -> int:
    code = function.__code__
    packed = bool(code.co_flags & inspect.CO_VARARGS) + bool(code.co_flags & inspect.CO_VARKEYWORDS)
    return code.co_argcount + code.co_kwonlyargcount + packed


@functools.lru_cache(maxsize=256)
def _unpacked(function: FunctionType) -> FunctionType:
    """The function with all of its parameters plain ones, in the order in which its code numbers them."""
    code = function.__code__.replace(
        co_argcount=_parameters(function),
        co_posonlyargcount=0,
        co_kwonlyargcount=0,
        co_flags=function.__code__.co_flags & ~(inspect.CO_VARARGS | inspect.CO_VARKEYWORDS),
    )
    return FunctionType(code, function.__globals__, function.__name__, None, function.__closure__)
