"""Answers that are no good: an outage fails no file, all else is said in a sentence."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator
from contextlib import ExitStack

import pytest

from ingest.job import S3
from scanner.buckets.source import S3Source
from scanner.content import FileChanged
from scanner.entries import SourceNotVisible, SourceUnreadable
from scanner.rules import Rules
from tests.support.s3_proxy import Answer, Asked, Bend, PassOn, Proxy, proxy, refusal
from tests.support.s3_servers import Bucket, S3Server
from tests.support.scanning import entry_of, skipped_of

HTML = {"Content-Type": "text/html"}
THROTTLED = [
    refusal(503, "SlowDown"),
    refusal(503, "ServiceUnavailable"),
    refusal(429, "TooManyRequests"),
    Answer(503, {}),
    Answer(503, HTML, b"<html>busy</html>"),
]

Bent = Callable[..., tuple[S3Source, Proxy]]


@pytest.fixture
def bucket(minio_server: S3Server, monkeypatch: pytest.MonkeyPatch) -> Bucket:
    """A bucket with one object, and the credentials in the environment."""
    for name, value in minio_server.environ.items():
        monkeypatch.setenv(name, value)
    found = Bucket(minio_server)
    found.put("x", b"12345")
    return found


@pytest.fixture
def bent(bucket: Bucket) -> Iterator[Bent]:
    """The bucket behind a proxy that bends its answers."""
    with ExitStack() as opened:

        def source(bend: Bend, bucket: Bucket = bucket) -> tuple[S3Source, Proxy]:
            between = opened.enter_context(proxy(bend))
            settings = S3(endpoint=bucket.server.endpoint, secure=False, proxy=between.url)
            return S3Source(f"/{bucket.name}".encode(), settings, Rules()), between

        yield source


@pytest.mark.parametrize("busy", THROTTLED)
def test_a_server_that_wants_fewer_requests_is_out_of_reach_and_no_file_has_failed(bent: Bent, busy: Answer) -> None:
    source, _ = bent(lambda asked, pass_on: busy if asked.reads else pass_on(asked))
    content = source.open(entry_of(source.look(b"x")))
    with pytest.raises(SourceNotVisible, match="does not see"):
        content.read(0, 5)
    source, _ = bent(lambda asked, pass_on: busy._replace(body=b"") if asked.method == "HEAD" else pass_on(asked))
    with pytest.raises(SourceNotVisible, match="does not see"):
        source.looker().look(b"x")
    source, _ = bent(lambda asked, pass_on: busy if "prefix=x%2F" in asked.url else pass_on(asked))
    with pytest.raises(SourceNotVisible, match="does not see"):
        source.look(b"x")


def test_nobody_waits_as_long_as_the_server_says(bent: Bent) -> None:
    hours = refusal(503, "SlowDown", **{"Retry-After": "7200"})
    source, between = bent(lambda _asked, _pass_on: hours)
    with pytest.raises(SourceNotVisible, match="SlowDown"):
        source.see_root()
    assert len(between.seen) == 4


@pytest.mark.parametrize("code", ["AccessDenied", "InvalidObjectState"])
def test_content_that_the_server_keeps_to_itself_is_not_readable(bent: Bent, code: str) -> None:
    source, _ = bent(lambda asked, pass_on: refusal(403, code) if asked.reads else pass_on(asked))
    content = source.open(entry_of(source.looker().look(b"x")))
    with pytest.raises(PermissionError, match=f"{code}: of the test") as failed:
        content.read(0, 5)
    assert failed.value.filename == b"x"


def test_a_listing_of_a_server_that_cannot_go_on_with_it_fails_and_never_ends_early_or_begins_again(
    bent: Bent, moto_server: S3Server
) -> None:
    def lose_token(asked: Asked, pass_on: PassOn) -> Answer:
        answer = pass_on(asked._replace(url=asked.url.replace("max-keys=1000", "max-keys=1")))
        begin, _, rest = answer.body.partition(b"<NextContinuationToken>")
        return answer._replace(body=begin + rest.partition(b"</NextContinuationToken>")[2])

    def first_version(asked: Asked, pass_on: PassOn) -> Answer:
        return pass_on(asked._replace(url=asked.url.replace("list-type=2&", "").replace("max-keys=1000", "max-keys=1")))

    def begin_again(asked: Asked, pass_on: PassOn) -> Answer:
        url = re.sub(r"continuation-token=[^&]*&", "", asked.url)
        return pass_on(asked._replace(url=url.replace("max-keys=1000", "max-keys=1")))

    bucket = Bucket(moto_server)  # it looks at no signatures
    for key in ("a/x", "b/x", "c/x", "d", "e"):
        bucket.put(f"p/{key}")
        bucket.put(f"q/{key[0]}")
    for bend in (lose_token, first_version, begin_again):
        source, between = bent(bend, bucket)
        for path in (b"p", b"q"):
            with pytest.raises(SourceUnreadable, match="ListObjectsV2"), source.list_directory(path) as found:
                list(found)
        assert len(between.seen) < 12


def test_the_whole_object_is_not_read_where_a_part_was_asked_for(bent: Bent, bucket: Bucket) -> None:
    data = b"x" * (64 << 20)
    bucket.put("large", data, part_size=len(data))
    source, between = bent(lambda asked, pass_on: Answer(200, {}, data) if asked.reads else pass_on(asked))
    content = source.open(entry_of(source.look(b"large")))
    with pytest.raises(OSError, match="whole object"):
        content.read(0, 1 << 20)
    assert between.broken_off.wait(60)


def test_the_whole_object_is_taken_where_all_of_it_was_asked_for(bent: Bent) -> None:
    source, _ = bent(lambda asked, pass_on: pass_on(asked)._replace(status=200) if asked.reads else pass_on(asked))
    content = source.open(entry_of(source.look(b"x")))
    assert content.read(0, 5) == b"12345"
    with pytest.raises(FileChanged, match="ETag"):
        content.check()


def test_an_error_that_is_no_xml_and_an_object_without_time_or_etag_are_told_in_a_sentence(bent: Bent) -> None:
    broken = Answer(500, {"Content-Type": "application/xml"}, b"<html><br>")
    source, _ = bent(lambda asked, pass_on: broken if asked.reads else pass_on(asked))
    with pytest.raises(OSError, match="does not answer as it should: no S3 answer"):
        source.open(entry_of(source.look(b"x"))).read(0, 5)
    source, _ = bent(lambda _asked, _pass_on: broken)
    with pytest.raises(SourceNotVisible, match="does not answer as it should: no S3 answer"):
        source.list_directory(b"")
    for header in ("Last-Modified", "ETag"):

        def without(asked: Asked, pass_on: PassOn, header: str = header) -> Answer:
            answer = pass_on(asked)
            return answer._replace(headers={name: each for name, each in answer.headers.items() if name != header})

        source, _ = bent(without)
        skipped = skipped_of(source.looker().look(b"x"))
        assert skipped.failed
        assert f"does not answer as it should: it does not return the {header.lower()} of an object" in skipped.reason
