"""What is refused before anything starts, and whose credentials are used."""

from __future__ import annotations

import os
from dataclasses import replace
from pathlib import Path
from typing import Any

import click
import pytest
from click.testing import CliRunner

from ingest.errors import Refused, Unreachable
from ingest.job import S3
from ingest.s3 import Keys, read_keypair
from landingzone import s3_options
from landingzone.job_options import JobOptions, S3Options
from landingzone.scan import cli as scan
from landingzone.watch import cli as watch

NOTHING = S3Options()


@pytest.fixture
def keypair(tmp_path: Path) -> Path:
    file = tmp_path / "pair"
    file.write_text("ACCESS\nSECRET\n")
    return file


@pytest.fixture(autouse=True)
def no_credentials(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    for name in ("AWS_ACCESS_KEY_ID", "AWS_SECRET_ACCESS_KEY", "AWS_SESSION_TOKEN", "AWS_PROFILE"):
        monkeypatch.delenv(name, raising=False)
    monkeypatch.setenv("AWS_SHARED_CREDENTIALS_FILE", str(tmp_path / "credentials"))


@pytest.mark.parametrize(
    ("source", "root"),
    [
        ("s3://bucket", b"/bucket"),
        ("s3://bucket/", b"/bucket"),
        ("s3://bucket/a/b/", b"/bucket/a/b"),
        ("/bucket/a b/ü", "/bucket/a b/ü".encode()),
        ("bucket/a", b"/bucket/a"),
    ],
)
def test_a_source_is_a_bucket_and_perhaps_a_prefix(source: str, root: bytes) -> None:
    assert s3_options.root(source) == root


@pytest.mark.parametrize(
    "source", ["s3://", "/", "s3://b", "s3://bucket//a", "s3://bucket/a/../b", "s3://bucket/./a", "s3://buck et/a",
               os.fsdecode(b"s3://bucket/\xff")]
)  # fmt: skip
def test_what_is_no_bucket_or_no_plain_prefix_is_refused(source: str) -> None:
    with pytest.raises(Refused, match=r"bucket|prefix"):
        s3_options.root(source)


def test_a_keypair_or_a_url_make_a_source_in_s3_and_other_options_need_one(keypair: Path) -> None:
    assert s3_options.is_s3("s3://bucket", JobOptions())
    assert s3_options.is_s3("/bucket/prefix", JobOptions(s3=S3Options(s3_keypair=str(keypair))))
    assert not s3_options.is_s3("/data", JobOptions())
    with pytest.raises(Refused, match="--s3_region_name is for sources like s3://"):
        s3_options.is_s3("/data", JobOptions(s3=S3Options(s3_region_name="eu-west-1")))


def test_what_a_settings_file_or_the_environment_says_of_the_other_kind_of_source_is_no_fault(
    tmp_path: Path, keypair: Path
) -> None:
    settings = tmp_path / "settings.yaml"
    lines = ["s3_endpoint_domain: 127.0.0.1:9", "s3_insecure_connection: true", f"s3_keypair: {keypair}"]
    lines.append("follow_symlinks: true")

    def refusal(command: click.Command, *arguments: str) -> str:
        settings.write_text("\n".join([*lines, *(["marker: .done", "temporary: ['*.x']"] if command is watch else [])]))
        everything = [*arguments, "--config", str(settings), "--state", str(tmp_path / "none" / "state.db")]
        done = CliRunner().invoke(command, everything, env={"INGEST_S3_REGION_NAME": "eu"})
        assert isinstance(done.exception, Refused), done
        return str(done.exception)

    missing = str(tmp_path / "missing")
    assert refusal(scan, "start", missing, "/z/x") == f"the source {missing} does not exist"
    assert refusal(watch, missing, "/z/x") == f"the source {missing} does not exist"
    for arguments in ((scan, "start", "s3://bucket", "/z/x"), (watch, "s3://bucket", "/z/x", "--no-events")):
        assert "127.0.0.1:9" in refusal(*arguments)
    assert "--s3_region_name is for sources like s3://" in refusal(scan, "start", missing, "/z/x", "--s3-region-name=x")


def test_the_job_gets_the_path_of_the_keypair_and_nothing_that_is_in_it(keypair: Path) -> None:
    assert s3_options.settings(NOTHING) == S3()
    given: dict[str, Any] = {
        "s3_keypair": str(keypair),
        "s3_endpoint_domain": "host:9000",
        "s3_insecure_connection": True,
    }
    settings = s3_options.settings(replace(NOTHING, **given, s3_multipart_chunksize_in_mib=8))
    assert settings == S3("host:9000", "us-east-1", str(keypair), None, secure=False, multipart_mib=8)


@pytest.mark.parametrize(
    ("option", "value", "words"),
    [
        ("s3_endpoint_domain", "http://host:9000", "host:port, without http"),
        ("s3_endpoint_domain", "host/path", "host:port"),
        ("s3_endpoint_domain", "host:99999", "--s3_endpoint_domain 'host:99999' .* is no S3 server: invalid port"),
        ("s3_region_name", "us east", "--s3_region_name 'us east' is no S3 server: invalid region"),
        ("s3_proxy_url", "host:3128", "must be like http://host:port"),
        ("s3_proxy_url", "http://host:port", "must be like http://host:port"),
        ("s3_keypair", "/nonexistent/pair", "cannot read the S3 key-pair file /nonexistent/pair: No such file"),
    ],
)
def test_values_that_cannot_work_are_refused(option: str, value: Any, words: str) -> None:
    with pytest.raises(Refused, match=words):
        s3_options.settings(S3Options(**{option: value}))


def test_a_proxy_with_a_password_is_refused_without_repeating_it() -> None:
    with pytest.raises(Refused, match="HTTPS_PROXY") as refusal:
        s3_options.settings(S3Options(s3_proxy_url="http://user:sesame@host:3128"))
    assert "sesame" not in str(refusal.value)


@pytest.mark.parametrize("content", ["", "ACCESS\n", "ACCESS\nSECRET\nTHIRD\n", "\udcff"])
def test_a_keypair_file_without_two_lines_is_refused_without_repeating_it(tmp_path: Path, content: str) -> None:
    file = tmp_path / "pair"
    file.write_bytes(content.encode("utf-8", "surrogateescape"))
    with pytest.raises(Refused, match="must have two lines") as refusal:
        read_keypair(str(file))
    assert "ACCESS" not in str(refusal.value)
    with pytest.raises(Unreachable, match="must have two lines"):
        Keys(str(file)).retrieve()


def test_the_keypair_goes_before_the_environment_and_that_before_the_profile(
    keypair: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def key(file: Path | None) -> str:
        return str(Keys(None if file is None else str(file)).retrieve().access_key)

    with pytest.raises(
        Unreachable, match="no S3 credentials on this host: there is no /nonexistent, AWS_ACCESS_KEY_ID"
    ):
        key(Path("/nonexistent"))
    (tmp_path / "credentials").write_text("[default]\naws_access_key_id = PROFILE\naws_secret_access_key = x\n")
    assert (key(None), key(Path("/nonexistent")), key(keypair)) == ("PROFILE", "PROFILE", "ACCESS")
    monkeypatch.setenv("AWS_ACCESS_KEY_ID", "ENVIRONMENT")
    monkeypatch.setenv("AWS_SECRET_ACCESS_KEY", "x")
    monkeypatch.setenv("AWS_SESSION_TOKEN", "token")
    assert (key(None), key(keypair)) == ("ENVIRONMENT", "ACCESS")
    assert Keys(None).retrieve().session_token == "token"


def test_a_profile_that_cannot_be_read_is_not_repeated(tmp_path: Path) -> None:
    (tmp_path / "credentials").write_text("sesame without a section")
    with pytest.raises(Unreachable, match="no usable AWS profile") as refusal:
        Keys(None).retrieve()
    assert "sesame" not in str(refusal.value)
    assert refusal.value.__cause__ is None


def test_a_new_keypair_is_used_at_once(keypair: Path) -> None:
    keys = Keys(str(keypair))
    assert keys.retrieve().secret_key == "SECRET"
    keypair.write_text("ACCESS\nROTATED\n")
    assert keys.retrieve().secret_key == "ROTATED"
