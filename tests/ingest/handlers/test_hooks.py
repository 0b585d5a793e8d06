"""What a hook does to its `**options` holds for the action, and nothing else about calling it is unusual."""

# mypy: disable-error-code="no-untyped-def,no-untyped-call"

from __future__ import annotations

import functools
from typing import Any, ClassVar

import pytest

from ingest.handlers.core import Core

Log = list[Any]


def create(handler: type[Core], *args: Any, **options: Any) -> dict[str, Any]:
    """The options that the action gets."""
    seen: dict[str, Any] = {}

    def action(*got: Any, **given: Any) -> None:
        assert got == args
        seen.update(given)

    handler.on_data_obj_create(action, *args, **options)
    return seen


class Redirects(Core):
    @staticmethod
    def pre_data_obj_create(hdlr_mod, logger, session, meta, *args, **options):
        options["allow_redirect"] = True


class RedirectsAsClassMethod(Core):
    wanted: ClassVar[bool] = True

    @classmethod
    def pre_data_obj_create(cls, hdlr_mod, logger, session, meta, *args, **options):
        options.update(allow_redirect=cls.wanted)


class RedirectsInAClosure(Core):
    def pre_data_obj_create(hdlr_mod, logger, session, meta, *args, **options):  # noqa: N805 - neither static nor self
        def change():
            options["allow_redirect"] = bool(args)

        change()


class RedirectsAfterPassingThemOn(Core):
    @staticmethod
    def pre_data_obj_create(hdlr_mod, logger, session, meta, op=None, *, more="default", **options):
        assert more == "default"
        options["allow_redirect"] = op == "op"


@pytest.mark.parametrize(
    "handler", [Redirects, RedirectsAsClassMethod, RedirectsInAClosure, RedirectsAfterPassingThemOn]
)
def test_an_option_set_in_the_pre_hook_is_what_the_action_gets(handler: type[Core]) -> None:
    assert create(handler, "mod", "log", "session", {}, "op", allow_redirect=False) == {"allow_redirect": True}


def test_options_can_be_added_and_taken_away_and_the_post_hook_sees_it() -> None:
    log: Log = []

    class Handler(Core):
        @staticmethod
        def pre_data_obj_create(*args, **options):
            del options["regRepl"]
            options["more"] = 1

        @staticmethod
        def post_data_obj_create(*args, **options):
            log.append((args, options))

    assert create(Handler, "mod", allow_redirect=False, regRepl="") == {"allow_redirect": False, "more": 1}
    assert log == [(("mod",), {"allow_redirect": False, "more": 1})]


def test_an_option_that_the_hook_takes_by_name_reaches_the_action_unchanged() -> None:
    log: Log = []

    class Handler(Core):
        @staticmethod
        def pre_data_obj_create(*args, allow_redirect, **options):
            log.append(allow_redirect)
            allow_redirect = True
            options["more"] = 1

    assert create(Handler, "mod", allow_redirect=False) == {"allow_redirect": False, "more": 1}
    assert log == [False]


def test_a_hook_without_options_a_decorated_one_and_one_that_is_no_function_are_called_as_always() -> None:
    log: Log = []

    def logged(hook):
        @functools.wraps(hook)
        def wrapper(*args, **options):
            log.append("before")
            hook(*args, **options)

        return wrapper

    class Plain(Core):
        @staticmethod
        def pre_data_obj_create(hdlr_mod, allow_redirect):
            log.append((hdlr_mod, allow_redirect))

    class Decorated(Core):
        @staticmethod
        @logged
        def pre_data_obj_create(hdlr_mod, **options):
            log.append((hdlr_mod, options))

    class Partial(Core):
        pre_data_obj_create = functools.partial(lambda first, *args, **options: log.append((first, args)), "first")

    for handler in (Plain, Decorated, Partial):
        assert create(handler, "mod", allow_redirect=False) == {"allow_redirect": False}
    assert log == [("mod", False), "before", ("mod", {"allow_redirect": False}), ("first", ("mod",))]


def test_an_override_of_the_event_passes_on_options_of_its_own() -> None:
    log: Log = []

    class Handler(Redirects):
        @classmethod
        def on_data_obj_create(cls, func, *args, **options):
            log.append(options.copy())
            super().on_data_obj_create(func, *args, allow_redirect=None, own=1)

    assert create(Handler, "mod", "log", "session", {}, allow_redirect=False) == {"allow_redirect": True, "own": 1}
    assert log == [{"allow_redirect": False}]


def test_an_exception_in_the_pre_hook_is_seen_with_the_hook_in_its_traceback() -> None:
    class Handler(Core):
        @staticmethod
        def pre_data_obj_create(*args, **options):
            raise RuntimeError("of the hook")

    with pytest.raises(RuntimeError, match="of the hook") as raised:
        create(Handler, "mod")
    assert raised.traceback[-1].name == "pre_data_obj_create"


def test_a_hook_with_wrong_parameters_is_named_by_the_error() -> None:
    class Handler(Core):
        @staticmethod
        def pre_data_obj_create(hdlr_mod, **options):
            raise AssertionError

    with pytest.raises(TypeError, match=r"pre_data_obj_create\(\) takes 1 positional argument but 2 were given"):
        create(Handler, "mod", "op")
