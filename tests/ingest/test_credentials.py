"""Secrets come from a variable, or from a file that another variable names. No message quotes the file."""

from __future__ import annotations

from pathlib import Path

import pytest

from consumer.irods.sessions import credentials
from ingest.credentials import readable, secret
from ingest.errors import Refused
from ingest.handlers.signing import check, sign


@pytest.fixture
def file(tmp_path: Path) -> Path:
    path = tmp_path / "secret"
    path.write_text("open sesame \n")
    return path


def test_a_file_gives_all_but_its_last_line_break(file: Path) -> None:
    assert secret("KEY", {"KEY_FILE": str(file)}) == "open sesame "


def test_the_variable_itself_goes_before_the_file(file: Path) -> None:
    assert secret("KEY", {"KEY": "direct", "KEY_FILE": str(file)}) == "direct"


@pytest.mark.parametrize("environ", [{}, {"KEY": ""}, {"KEY": "", "KEY_FILE": ""}])
def test_what_is_empty_is_not_set(environ: dict[str, str]) -> None:
    assert secret("KEY", environ) is None
    assert readable("KEY_FILE", environ) is None


@pytest.mark.parametrize(("content", "reason"), [(b"", "is empty"), (b"\n", "is empty"), (b"\xff\xfe", "is not UTF-8")])
def test_a_file_that_gives_no_secret_is_refused(tmp_path: Path, content: bytes, reason: str) -> None:
    (tmp_path / "f").write_bytes(content)
    with pytest.raises(Refused, match=f"^KEY_FILE: .* {reason}$"):
        secret("KEY", {"KEY_FILE": str(tmp_path / "f")})


def test_a_file_that_is_not_there_is_refused_even_when_the_variable_is_set(tmp_path: Path) -> None:
    with pytest.raises(Refused, match=r"^KEY_FILE: cannot read .*: No such file or directory$"):
        secret("KEY", {"KEY": "direct", "KEY_FILE": str(tmp_path / "f")})


def test_the_key_for_handlers_may_be_in_a_file(file: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("INGEST_HANDLER_KEY", "open sesame ")
    signature = sign(b"source")
    monkeypatch.delenv("INGEST_HANDLER_KEY")
    monkeypatch.setenv("INGEST_HANDLER_KEY_FILE", str(file))
    check(b"source", signature)
    with pytest.raises(Refused):
        check(b"other source", signature)


def test_the_password_of_the_irods_account_may_be_in_a_file(file: Path) -> None:
    account = {"IRODS_HOST": "h", "IRODS_PORT": "1247", "IRODS_USER_NAME": "u", "IRODS_ZONE_NAME": "z"}
    assert credentials(account | {"IRODS_PASSWORD_FILE": str(file)})["password"] == "open sesame "
