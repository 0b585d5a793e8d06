"""The check before a job starts: what will not work as it is meant is said in a sentence each, and nothing else is."""

from __future__ import annotations

import textwrap

import pytest

from ingest.handlers.check import warnings
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


def said(body: str, operation: Operation | None = None) -> list[str]:
    return warnings(handler(body), operation)


@pytest.mark.parametrize("operation", [None, *Operation])
def test_the_documented_signatures_and_their_variations_are_passed_in_silence(operation: Operation | None) -> None:
    assert said(ALL_RIGHT, operation) == []


def test_there_is_nothing_to_say_of_a_job_without_handler() -> None:
    assert warnings(Handler.default(), Operation.PUT) == []


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
        ("pre_data_obj_create(hdlr_mod, logger, session, meta)", "(hdlr_mod, logger, session, meta, **options)"),
        ("to_resource(session, meta)", "(session, meta, **options)"),
        ("delete_mode()", "(meta)"),
        ("character_map(meta)", "no arguments"),
        ("on_coll_modify(func)", "(func, hdlr_mod, logger, session, meta)"),
    ],
)
def test_parameters_that_do_not_fit_are_shown_beside_those_that_do(signature: str, wanted: str) -> None:
    (warning,) = said(f"@staticmethod\ndef {signature}: ...")
    assert warning == f"{signature} of the event handler must take {wanted}"


NO_ARGS = "@staticmethod\ndef pre_data_obj_create(hdlr_mod, logger, session, meta, **options): ..."


@pytest.mark.parametrize("operation", [Operation.PUT, Operation.PUT_SYNC, Operation.PUT_APPEND])
def test_a_hook_that_cannot_take_the_operation_is_warned_of_when_it_will_get_one(operation: Operation) -> None:
    (warning,) = said(NO_ARGS, operation)
    assert warning.endswith(f"must take *args as well for the PUT operations, and {operation.name} is one")


def test_a_hook_that_cannot_take_the_operation_is_warned_of_when_nobody_knows_the_operation() -> None:
    (warning,) = said(NO_ARGS)
    assert warning.endswith("must take *args as well for the PUT operations")


@pytest.mark.parametrize("operation", [Operation.REGISTER_SYNC, Operation.NO_OP])
def test_a_hook_need_not_take_the_operation_where_it_gets_none(operation: Operation) -> None:
    assert said(NO_ARGS, operation) == []


def test_hooks_of_a_class_that_is_not_derived_from_core_are_warned_of() -> None:
    without = handler(ALL_RIGHT, base="object")
    (warning,) = warnings(without, Operation.PUT)
    assert warning.startswith("the event handler is not derived from Core, so post_coll_modify, ")
    assert "pre_coll_create" not in warning  # on_coll_create is there
