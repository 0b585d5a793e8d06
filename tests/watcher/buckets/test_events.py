"""Notifications become events below the prefix; what cannot be read becomes a scan of all."""

from __future__ import annotations

import json

import pytest

from watcher.buckets.events import Reader
from watcher.buckets.inbox import MAX_EVENTS, Inbox
from watcher.events import Directory, Event, Gone, Missed, Written


def record(name: str, key: str, bucket: str = "bucket") -> dict[str, object]:
    """The parts of a record that anybody looks at, and one that nobody does."""
    return {"eventName": name, "awsRegion": "x", "s3": {"bucket": {"name": bucket}, "object": {"key": key, "size": 1}}}


def read(*records: dict[str, object], source: bytes = b"/bucket/p") -> list[Event]:
    return Reader(source).events(json.dumps({"Records": records, "EventName": "x"}).encode())


@pytest.mark.parametrize(
    ("name", "event"),
    [
        ("s3:ObjectCreated:Put", Written(b"a")),
        ("ObjectCreated:CompleteMultipartUpload", Written(b"a")),
        ("ObjectRestore:Completed", Written(b"a")),
        ("s3:ObjectRemoved:Delete", Gone(b"a", directory=False)),
        ("ObjectRemoved:DeleteMarkerCreated", Gone(b"a", directory=False)),
        ("LifecycleExpiration:Delete", Gone(b"a", directory=False)),
    ],
)
def test_what_is_written_or_removed_is_an_event(name: str, event: Event) -> None:
    assert read(record(name, "p/a")) == [event]


@pytest.mark.parametrize("name", ["s3:ObjectAccessed:Get", "ObjectTagging:Put", "ObjectAcl:Put", "s3:Replication:x"])
def test_what_changes_no_object_is_none(name: str) -> None:
    assert read(record(name, "p/a")) == []


@pytest.mark.parametrize(
    ("key", "path"),
    [
        ("p%2Fd/a+b", b"d/a b"),
        ("p/a%2Bb", b"a+b"),
        ("p/%C3%BC", "ü".encode()),
        ("p/100%25", b"100%"),
        ("p/%252F", b"%2F"),
    ],
)
def test_keys_are_decoded(key: str, path: bytes) -> None:
    assert read(record("ObjectCreated:Put", key)) == [Written(path)]


def test_keys_of_versitygw_are_taken_as_they_are() -> None:
    ours = record("ObjectCreated:Put", "p/a+b%20c")
    assert isinstance(ours["s3"], dict)
    ours["s3"]["configurationId"] = "webhook-global"
    assert read(ours) == [Written(b"a+b%20c")]


def test_only_what_lies_below_the_prefix_in_the_bucket_counts() -> None:
    keys = ("p", "pq", "pq/a", "q/p/a", "p/")
    assert read(*(record("ObjectCreated:Put", key) for key in keys)) == []
    assert read(record("ObjectCreated:Put", "p/a", bucket="other")) == []
    assert read(record("ObjectCreated:Put", "p/a"), source=b"/bucket") == [Written(b"p/a")]


@pytest.mark.parametrize("key", ["p//a", "p/../a", "p/a/..", "p/./a", "p/a//", "p/a%00b", "p//"])
def test_a_key_that_no_path_can_be_is_left_to_the_scan_which_reports_it(key: str) -> None:
    assert read(record("ObjectCreated:Put", key), record("ObjectRemoved:Delete", key)) == []


def test_the_sign_of_a_prefix_is_a_directory() -> None:
    assert read(record("ObjectCreated:Put", "p/d/")) == [Directory(b"d")]
    (event,) = read(record("ObjectRemoved:Delete", "p/d/"))
    assert isinstance(event, Missed)


def test_what_sns_has_wrapped_is_unwrapped_and_a_test_event_is_nothing() -> None:
    inner = json.dumps({"Records": [record("ObjectCreated:Put", "p/a")]})
    outer = json.dumps({"Type": "Notification", "Message": inner}).encode()
    assert Reader(b"/bucket/p").events(outer) == [Written(b"a")]
    assert Reader(b"/bucket/p").events(b'{"Service":"Amazon S3","Event":"s3:TestEvent","Bucket":"bucket"}') == []
    assert Reader(b"/bucket/p").events(b'{"Records":null}') == []


@pytest.mark.parametrize(
    "data",
    [b"", b"no json", b"[]", b"{}", b'{"Records":[{}]}', b'{"Records":1}', b'{"Message":"no json"}', b"\xff",
     b'{"Records":[{"eventName":"ObjectCreated:Put","s3":{"bucket":{"name":"bucket"},"object":{"key":"p/%FF"}}}]}',
     b'{"Message":' * 1000]
)  # fmt: skip
def test_what_cannot_be_read_may_have_been_about_anything(data: bytes) -> None:
    (event,) = Reader(b"/bucket/p").events(data)
    assert isinstance(event, Missed)
    assert event.path == b""


def test_a_listening_without_records_says_nothing() -> None:
    assert Reader(b"/bucket").events(b'{"Records":null}\n') == []


def test_an_inbox_gives_what_came_in_order_and_then_its_receipts() -> None:
    inbox = Inbox[str]()
    inbox.put([Written(b"a")], "first")
    inbox.put([Written(b"b"), Written(b"c")], "second")
    assert inbox.receipts() == []
    assert inbox.take(0) == [Written(b"a"), Written(b"b"), Written(b"c")]
    inbox.put([Written(b"d")], "third")
    assert inbox.receipts() == ["first", "second"]
    assert inbox.receipts() == []
    assert inbox.take(0) == [Written(b"d")]
    assert inbox.take(0) == []


def test_when_nobody_reads_a_scan_takes_the_place_of_what_waits() -> None:
    inbox = Inbox[int]()
    for number in range(MAX_EVENTS + 1):
        inbox.put([Written(b"%d" % number)], number)
    (event,) = inbox.take(0)
    assert isinstance(event, Missed)
    assert inbox.receipts() == list(range(MAX_EVENTS + 1))
