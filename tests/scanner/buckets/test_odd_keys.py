"""Keys that only some stores take, and that no path of iRODS can be: said to be skipped, never met again elsewhere."""

from __future__ import annotations

import http.client
from urllib.parse import quote, urlsplit

import pytest

from ingest.job import S3
from scanner.buckets.client import Object, Page
from scanner.buckets.listing import S3Listing
from scanner.buckets.source import S3Source
from scanner.entries import Entry, Skipped, SourceNotVisible
from scanner.rules import Rules
from tests.support.s3_servers import Bucket, S3Server


@pytest.fixture
def bucket(moto_server: S3Server, monkeypatch: pytest.MonkeyPatch) -> Bucket:
    """moto's server, like Amazon's, takes any key."""
    for name, value in moto_server.environ.items():
        monkeypatch.setenv(name, value)
    return Bucket(moto_server)


def write(bucket: Bucket, key: str, data: bytes = b"x") -> None:
    """Clients that mean well refuse such keys, so they go out by hand."""
    connection = http.client.HTTPConnection(urlsplit(f"//{bucket.server.endpoint}").netloc)
    connection.request("PUT", f"/{bucket.name}/{quote(key, safe='/')}", data, {"Authorization": "AWS key:x"})
    assert connection.getresponse().status == 200, key
    connection.close()


def source_in(bucket: Bucket) -> S3Source:
    return S3Source(f"/{bucket.name}/p".encode(), S3(endpoint=bucket.server.endpoint, secure=False), Rules())


def everything(source: S3Source, path: bytes = b"") -> list[Entry | Skipped]:
    """All that is found from a directory on, in every directory that would be entered."""
    with source.list_directory(path) as listing:
        found = list(listing)
    for each in list(found):
        if isinstance(each, Entry) and each.kind == "directory":
            found += everything(source, each.path)
    return found


def test_keys_that_no_path_can_have_are_skipped_and_the_others_found(bucket: Bucket) -> None:
    for key in ("p/fine", "p/a//b", "p//c", "p/d/", "p/e/./f", "p/e/../g", "p/./h", "p/../i", "p/e/j", "p/../../k"):
        write(bucket, key)
    found = everything(source_in(bucket))
    skipped = {each.path: each.reason for each in found if isinstance(each, Skipped)}
    assert {each.path for each in found if isinstance(each, Entry)} == {b"fine", b"a", b"d", b"e", b"e/j"}
    assert set(skipped) == {b"", b".", b"..", b"a/", b"d/", b"e/.", b"e/.."}
    assert "ends in a slash" in skipped.pop(b"d/")
    assert all("empty, '.' or '..'" in reason for reason in skipped.values())


def test_a_prefix_hides_the_object_of_the_same_name_wherever_a_page_ends(bucket: Bucket) -> None:
    for key in ("p/a", "p/a/b", "p/z", *(f"p/a-{number:04}" for number in range(1100))):
        bucket.put(key, b"x")
    source = source_in(bucket)
    found = everything(source)
    hidden = [each for each in found if isinstance(each, Skipped)]
    assert [(each.path, each.kind, each.failed) for each in hidden] == [(b"a", "regular", False)]
    assert "cannot hold both" in hidden[0].reason
    assert {b"a/b", b"z", b"a-0000", b"a-1099"} < {each.path for each in found}
    assert len(found) == 1104
    looked = source.look(b"a")
    assert isinstance(looked, Entry)
    assert looked.kind == "directory"


class Canned:
    """A source whose one page has what no XML can carry."""

    def page(self, prefix: str, path: bytes, *, after: str = "", token: str | None = None) -> Page:
        raise AssertionError("there is no other page")

    def has_below(self, path: bytes) -> bool:
        return False

    def entry(self, path: bytes, found: Object) -> Entry | Skipped:
        raise AssertionError("a key with a NUL has no entry")

    def directory(self, path: bytes) -> Entry | Skipped:
        raise AssertionError("nor has a prefix")


def test_a_key_with_a_nul_is_skipped() -> None:
    page = Page([Object("p/a\0b", 1, 0, "etag")], ["p/c\0d/"], None)
    found = list(S3Listing(Canned(), b"", "p/", b"", page))
    assert [(each.path, type(each)) for each in found] == [(b"a\0b", Skipped), (b"c\0d", Skipped)]


def test_a_server_that_does_not_answer_is_an_outage(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("AWS_ACCESS_KEY_ID", "key")
    monkeypatch.setenv("AWS_SECRET_ACCESS_KEY", "sesame-open")
    source = S3Source(b"/bucket/p", S3(endpoint="127.0.0.1:9", secure=False), Rules())
    for ask in (source.look, source.list_directory, source.looker().look):
        with pytest.raises(SourceNotVisible, match=r"127\.0\.0\.1:9 does not answer") as refusal:
            ask(b"x")
        assert "sesame" not in str(refusal.value)
