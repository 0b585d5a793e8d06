"""Whatever python-irodsclient raises becomes a name, a code and one line for people."""

from __future__ import annotations

import errno

import pytest
from irods.exception import (
    CAT_NO_ACCESS_PERMISSION,
    CATALOG_ALREADY_HAS_ITEM_BY_THAT_NAME,
    OVERWRITE_WITHOUT_FORCE_FLAG,
    SYS_RESC_DOES_NOT_EXIST,
    UNIX_FILE_OPEN_ERR,
    NetworkException,
    get_exception_by_code,
)

from consumer.irods.errors import ALREADY_EXISTS, NO_OBJECT, code_of, connection_lost, describe, server_error

OURS = [
    ValueError("no"), KeyError("name"), KeyError(), OSError(errno.ENOENT, "No such file or directory", "/p"),
    NetworkException("gone"), RuntimeError(),
]  # fmt: skip


def test_a_code_that_the_client_does_not_know_is_told_with_its_name() -> None:
    found = server_error(KeyError(-129000))
    assert found is not None
    assert (found.name, found.code) == ("PATH_REG_NOT_ALLOWED", -129000)
    assert describe(KeyError(-129000)).startswith("PATH_REG_NOT_ALLOWED (-129000): hint: ")


def test_a_code_that_nobody_knows_is_told_as_it_is() -> None:
    assert code_of(KeyError(-9999000)) == -9999000
    assert describe(KeyError(-9999000)) == "unknown iRODS error (-9999000)"


@pytest.mark.parametrize(
    ("raw", "code"), [(-510002, -510000), (-510000, -510000), (-511999, -511000), (-129013, -129000)]
)
def test_the_errno_in_a_code_is_rounded_off(raw: int, code: int) -> None:
    assert code_of(KeyError(raw)) == code


def test_an_errno_in_an_exception_of_the_client_is_rounded_off() -> None:
    error = get_exception_by_code(-510013, "cannot open")
    assert isinstance(error, UNIX_FILE_OPEN_ERR)
    assert code_of(error) == -510000
    assert "UNIX_FILE_OPEN_ERR (-510000)" in describe(error)


def test_the_server_s_words_are_told_in_one_line() -> None:
    line = describe(SYS_RESC_DOES_NOT_EXIST("first\n  second\t third"))
    assert line.startswith("SYS_RESC_DOES_NOT_EXIST (-78000): first second third: hint: ")
    assert "to_resource()" in line


@pytest.mark.parametrize("message", [None, ""])
def test_an_error_without_words_has_no_empty_part(message: str | None) -> None:
    line = describe(CATALOG_ALREADY_HAS_ITEM_BY_THAT_NAME(message))
    assert line == "CATALOG_ALREADY_HAS_ITEM_BY_THAT_NAME (-809000)"
    assert describe(CATALOG_ALREADY_HAS_ITEM_BY_THAT_NAME()) == line


def test_the_codes_that_call_for_another_look_are_those_of_the_client() -> None:
    assert {code_of(CATALOG_ALREADY_HAS_ITEM_BY_THAT_NAME()), code_of(OVERWRITE_WITHOUT_FORCE_FLAG())} == ALREADY_EXISTS
    assert code_of(CAT_NO_ACCESS_PERMISSION()) not in ALREADY_EXISTS | NO_OBJECT


@pytest.mark.parametrize("error", OURS)
def test_what_is_no_answer_of_the_server_has_no_code(error: Exception) -> None:
    assert server_error(error) is None
    assert code_of(error) is None


@pytest.mark.parametrize(
    ("error", "line"),
    [
        (ValueError("no\n such  thing"), "ValueError: no such thing"),
        (RuntimeError(), "RuntimeError"),
        (OSError(errno.EACCES, "Permission denied", "/secret/path"), "PermissionError: Permission denied"),
        (KeyError("name"), "KeyError: 'name'"),
        (NetworkException("gone"), "NetworkException: gone"),
    ],
)
def test_any_other_exception_is_told_by_its_kind_and_words(error: Exception, line: str) -> None:
    assert describe(error) == line


@pytest.mark.parametrize(
    "error",
    [NetworkException("x"), ConnectionRefusedError(), ConnectionResetError(), BrokenPipeError(), TimeoutError()],
)
def test_a_server_that_does_not_answer_is_told_from_one_that_says_no(error: Exception) -> None:
    assert connection_lost(error)


@pytest.mark.parametrize(
    "error",
    [KeyError(-129000), CAT_NO_ACCESS_PERMISSION("x"), ValueError(), FileNotFoundError(), PermissionError()],
)
def test_an_answer_that_says_no_is_no_lost_connection(error: Exception) -> None:
    assert not connection_lost(error)
