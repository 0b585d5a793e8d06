"""A server that is reached by a proxy alone: the one that the job names, or the environment."""

from __future__ import annotations

import base64

import pytest

from ingest.errors import SourceUnreachable
from ingest.job import S3
from scanner.buckets.source import S3Source
from scanner.entries import SourceNotVisible
from scanner.rules import Rules
from tests.support.s3_proxy import Answer, proxy
from tests.support.s3_servers import Bucket
from tests.support.scanning import entry_of


@pytest.fixture(autouse=True)
def _every_host_by_proxy(monkeypatch: pytest.MonkeyPatch) -> None:
    for name in ("no_proxy", "NO_PROXY", "HTTP_PROXY", "HTTPS_PROXY"):
        monkeypatch.delenv(name, raising=False)
    monkeypatch.setenv("AWS_ACCESS_KEY_ID", "key")
    monkeypatch.setenv("AWS_SECRET_ACCESS_KEY", "secret")


@pytest.mark.parametrize("named", [True, False])
def test_all_requests_go_by_the_proxy(bucket: Bucket, monkeypatch: pytest.MonkeyPatch, *, named: bool) -> None:
    for name, value in bucket.server.environ.items():
        monkeypatch.setenv(name, value)
    bucket.put("p/a b", b"content")
    with proxy() as between:
        if not named:
            monkeypatch.setenv("http_proxy", f"http://us%40er:se%2Fsame-%C3%BC@{between.address}")
        settings = S3(endpoint=bucket.server.endpoint, secure=False, proxy=between.url if named else None)
        source = S3Source(f"/{bucket.name}/p".encode(), settings, Rules())
        with source.list_directory(b"") as listing:
            assert [each.path for each in listing] == [b"a b"]
        entry = entry_of(source.looker().look(b"a b"))
        assert source.open(entry).read(0, 7) == b"content"
    assert [asked.method for asked in between.seen] == ["GET", "HEAD", "GET"]
    who = None if named else "Basic " + base64.b64encode("us@er:se/same-ü".encode()).decode()
    assert {asked.headers.get("proxy-authorization") for asked in between.seen} == {who}


def test_a_proxy_on_the_way_to_a_server_with_tls_is_told_the_user_too_and_nobody_else(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    with proxy(lambda _asked, _pass_on: Answer(407, {"Proxy-Authenticate": "Basic"})) as between:
        monkeypatch.setenv("https_proxy", f"http://user:sesame@{between.address}")
        with pytest.raises(SourceNotVisible) as failed:
            S3Source(b"/bucket", S3(endpoint="s3.example.org"), Rules()).look(b"x")
    assert {asked.method for asked in between.seen} == {"CONNECT"}
    assert {asked.headers["proxy-authorization"] for asked in between.seen} == {
        "Basic " + base64.b64encode(b"user:sesame").decode()
    }
    assert "407" in str(failed.value)
    assert "sesame" not in str(failed.value)


@pytest.mark.parametrize("value", ["user:sesame@host:3128", "socks5h://user:sesame@host", "http://user:sesame@h:x"])
def test_a_proxy_of_the_environment_that_cannot_be_used_is_told_in_a_sentence_without_its_password(
    monkeypatch: pytest.MonkeyPatch, value: str
) -> None:
    monkeypatch.setenv("http_proxy", value)
    with pytest.raises(SourceUnreachable, match=r"^the proxy for http \([^)]*\) must be like http://host:port$"):
        S3Source(b"/bucket", S3(endpoint="host:9000", secure=False), Rules())
