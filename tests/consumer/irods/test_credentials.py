"""Whose account is used: five variables when all are set, else an environment file; a sentence when there is none."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from consumer.irods.sessions import credentials
from ingest.errors import Refused

ACCOUNT = {
    "IRODS_HOST": "zone.example.org", "IRODS_PORT": "1247", "IRODS_USER_NAME": "alice",
    "IRODS_ZONE_NAME": "z", "IRODS_PASSWORD": "the-secret",
}  # fmt: skip
FROM_ACCOUNT = {"host": "zone.example.org", "port": 1247, "user": "alice", "zone": "z", "password": "the-secret"}
TLS = {
    "irods_client_server_policy": "CS_NEG_REQUIRE",
    "irods_ssl_verify_server": "hostname",
    "irods_encryption_key_size": 32,
}


@pytest.fixture
def file(tmp_path: Path) -> Path:
    path = tmp_path / "irods_environment.json"
    path.write_text(json.dumps({"irods_host": "other", "irods_user_name": "bob", "irods_cwd": "/z", **TLS}))
    return path


@pytest.fixture(autouse=True)
def home(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A home directory without an account."""
    folder = tmp_path / "home"
    (folder / ".irods").mkdir(parents=True)
    monkeypatch.setenv("HOME", str(folder))
    return folder


def test_five_variables_are_an_account() -> None:
    assert credentials(ACCOUNT) == FROM_ACCOUNT


def test_the_five_variables_go_before_a_file_which_then_gives_the_tls_settings_only(file: Path) -> None:
    assert credentials(ACCOUNT | {"IRODS_ENVIRONMENT_FILE": str(file)}) == FROM_ACCOUNT | TLS


@pytest.mark.parametrize("missing", list(ACCOUNT))
@pytest.mark.parametrize("empty", [False, True])
def test_when_one_of_the_variables_is_missing_or_empty_the_sentence_names_it(
    file: Path, missing: str, *, empty: bool
) -> None:
    environ = ACCOUNT | {"IRODS_ENVIRONMENT_FILE": str(file), missing: ""}
    if not empty:
        del environ[missing]
    with pytest.raises(Refused, match=f"^the iRODS account is incomplete: {missing} is not set, and ") as refusal:
        credentials(environ)
    assert "the-secret" not in str(refusal.value)


@pytest.mark.parametrize("only", list(ACCOUNT))
def test_one_of_the_variables_alone_is_refused_too(file: Path, only: str) -> None:
    with pytest.raises(Refused, match=f" are not set, and {only} is$"):
        credentials({"IRODS_ENVIRONMENT_FILE": str(file), only: ACCOUNT[only]})


def test_empty_variables_count_as_not_set(file: Path) -> None:
    assert credentials(dict.fromkeys(ACCOUNT, "") | {"IRODS_ENVIRONMENT_FILE": str(file)}) == {
        "irods_env_file": str(file)
    }


def test_without_variables_the_file_in_the_home_directory_counts(home: Path) -> None:
    (home / ".irods" / "irods_environment.json").write_text("{}")
    assert credentials({}) == {"irods_env_file": str(home / ".irods" / "irods_environment.json")}


def test_the_environment_of_the_process_counts_unless_another_is_given(monkeypatch: pytest.MonkeyPatch) -> None:
    for name, value in ACCOUNT.items():
        monkeypatch.setenv(name, value)
    monkeypatch.delenv("IRODS_ENVIRONMENT_FILE", raising=False)
    assert credentials() == FROM_ACCOUNT


def test_without_any_account_the_sentence_names_the_file_and_all_variables(home: Path) -> None:
    with pytest.raises(Refused) as refusal:
        credentials({})
    assert str(home / ".irods" / "irods_environment.json") in str(refusal.value)
    assert all(name in str(refusal.value) for name in ["IRODS_ENVIRONMENT_FILE", *ACCOUNT])
    assert "\n" not in str(refusal.value)


@pytest.mark.parametrize("account", [{}, ACCOUNT])
@pytest.mark.parametrize(
    ("content", "words"),
    [
        (b"{", "cannot read"), (b"", "cannot read"), (b"{'irods_host': 'x'}", "cannot read"),
        (b"\xff\xfe{}", "cannot read"),
        (b"[]", "is not a JSON object"), (b'"text"', "is not a JSON object"), (b"null", "is not a JSON object"),
    ],
)  # fmt: skip
def test_a_file_that_is_no_environment_is_refused_in_a_sentence_that_names_it(
    file: Path, account: dict[str, str], content: bytes, words: str
) -> None:
    file.write_bytes(content)
    with pytest.raises(Refused, match=words) as refusal:
        credentials(account | {"IRODS_ENVIRONMENT_FILE": str(file)})
    assert str(file) in str(refusal.value)
    assert "\n" not in str(refusal.value)
    assert "the-secret" not in str(refusal.value)


def test_a_directory_is_no_environment_file(tmp_path: Path) -> None:
    with pytest.raises(Refused, match=f"cannot read the iRODS environment {tmp_path}: "):
        credentials({"IRODS_ENVIRONMENT_FILE": str(tmp_path)})


@pytest.mark.parametrize("port", ["irods", "12.5", "-1", " 1247", "²"])
def test_a_port_that_is_no_number_is_refused(port: str) -> None:
    with pytest.raises(Refused, match=r"^IRODS_PORT must be a number, and '"):
        credentials(ACCOUNT | {"IRODS_PORT": port})
