"""The check before a job starts: what will not work as it is meant is said in a sentence each, and nothing else is."""

from __future__ import annotations

import textwrap
from typing import Any

import pytest

from ingest.handlers.check import misfits, warnings
from ingest.handlers.core import Operation
from ingest.handlers.loader import Handler

ALL_RIGHT = """
@staticmethod
def operation(session, meta, **options): ...
@staticmethod
def to_resource(session, meta, **options): ...
@staticmethod
def target_path(session, meta, **options): ...
@staticmethod
def as_user(meta, **options): ...
@staticmethod
def character_map(): ...
@staticmethod
def delete_mode(meta): ...
@staticmethod
def max_retries(hdlr_mod, logger, meta): ...
@staticmethod
def timeout(hdlr_mod, logger, meta): ...
@classmethod
def delay(cls, hdlr_mod, logger, meta, retries): ...
@staticmethod
def pre_job(hdlr_mod, logger, meta): ...
@staticmethod
def post_job(*args): ...
@staticmethod
def pre_data_obj_create(hdlr_mod, logger, session, meta, *args, **options): ...
@staticmethod
def post_data_obj_create(hdlr_mod, logger, session, meta, op=None, **options): ...
@classmethod
def pre_data_obj_modify(cls, hdlr_mod, logger, session, meta, *args, allow_redirect=False): ...
@staticmethod
def post_data_obj_modify(*args, **options): ...
@staticmethod
def pre_data_obj_delete(hdlr_mod, session, meta, *args, **options): ...
@staticmethod
def post_data_obj_delete(hdlr_mod, session, meta): ...
@staticmethod
def pre_coll_create(hdlr_mod, logger, session, meta, *args, **options): ...
@staticmethod
def post_coll_modify(hdlr_mod, logger, session, meta): ...
@staticmethod
def pre_coll_delete(hdlr_mod, session, meta, **options): ...
@classmethod
def on_coll_create(cls, func, *args, **options): ...
@staticmethod
def helper_of_my_own(one): ...
pre_computed = 7
"""


def handler(body: str, base: str = "Core") -> Handler:
    source = f"from ingest import Core\nclass event_handler({base}):\n{textwrap.indent(body, '    ')}\n    end = 1\n"
    return Handler.load(source.encode(), "handler.py")


def said(body: str) -> list[str]:
    return misfits(handler(body)) + warnings(handler(body))


def test_the_documented_signatures_and_their_variations_are_passed_in_silence() -> None:
    assert said(ALL_RIGHT) == []


def test_there_is_nothing_to_say_of_a_job_without_handler() -> None:
    assert misfits(Handler.default()) + warnings(Handler.default()) == []


@pytest.mark.parametrize(
    ("name", "right"),
    [
        ("post_data_obj_update", "post_data_obj_modify"),
        ("pre_data_object_create", "pre_data_obj_create"),
        ("pre_collection_remove", "pre_coll_delete"),
        ("post_jobs", "post_job"),
    ],
)
def test_a_hook_with_an_unknown_name_is_named_with_the_one_that_was_meant(name: str, right: str) -> None:
    (warning,) = said(f"@staticmethod\ndef {name}(hdlr_mod, logger, session, meta, *args, **options): ...")
    assert warning == f"{name} of the event handler is no hook and will never run: {right} is one"


@pytest.mark.parametrize(
    ("signature", "wanted"),
    [
        ("delay(hdlr_mod, logger, meta)", "(hdlr_mod, logger, meta, retries)"),
        ("max_retries(meta)", "(hdlr_mod, logger, meta)"),
        ("pre_job(hdlr_mod, logger, session, meta)", "(hdlr_mod, logger, meta)"),
        ("post_job(self, hdlr_mod, logger, meta)", "(hdlr_mod, logger, meta)"),
        ("pre_data_obj_delete(hdlr_mod, logger, session, meta, *args, **options)", "(hdlr_mod, session, meta)"),
        ("post_coll_delete(hdlr_mod, meta)", "(hdlr_mod, session, meta)"),
        ("pre_data_obj_create(session, target, path)", "(hdlr_mod, logger, session, meta, **options)"),
        ("to_resource(session, meta)", "(session, meta, **options)"),
        ("delete_mode()", "(meta)"),
        ("character_map(meta)", "no arguments"),
        ("on_coll_modify(func)", "(func, hdlr_mod, logger, session, meta)"),
    ],
)
def test_parameters_that_do_not_fit_are_shown_beside_those_that_do(signature: str, wanted: str) -> None:
    (warning,) = said(f"@staticmethod\ndef {signature}: ...")
    assert warning == f"{signature} of the event handler must take {wanted}"


@pytest.mark.parametrize(
    "parameters",
    ["*args, **options", "**options", "", "operation=None", "*, allow_redirect=True", "*args"],
)
def test_a_hook_gets_the_arguments_that_it_can_take(parameters: str) -> None:
    names = ", ".join(filter(None, ("hdlr_mod, logger, session, meta", parameters)))
    body = f"called = []\n@classmethod\ndef pre_data_obj_create(cls, {names}): cls.called.append(meta)"
    found = handler(body)
    assert misfits(found) == []
    done: list[Any] = []
    for more in ((Operation.PUT,), ()):
        found.event(
            "data_obj_create", lambda *args, **_: done.append(args[4:]), 1, 2, "meta", *more, allow_redirect=False
        )
        assert done.pop() == more
    assert set(getattr(found.cls, "called", ())) == {"meta"}


def test_hooks_of_a_class_that_is_not_derived_from_core_are_warned_of() -> None:
    without = handler(ALL_RIGHT, base="object")
    (warning,) = warnings(without)
    assert warning.startswith("the event handler is not derived from Core, so post_coll_modify, ")
    assert "pre_coll_create" not in warning  # on_coll_create is there
