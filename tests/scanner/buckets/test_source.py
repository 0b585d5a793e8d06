"""A bucket as a source: the same answers as a directory would give, on every server."""

from __future__ import annotations

import gzip
import os
from contextlib import closing

import pytest

from ingest.job import S3
from scanner.buckets.source import S3Source
from scanner.content import FileChanged
from scanner.entries import Entry, Skipped, SourceGone, SourceNotVisible, SourceUnreadable
from scanner.rules import Rules
from tests.support.s3_servers import REAL, Bucket, S3Server
from tests.support.scanning import entry_of, skipped_of

ODD_KEYS = [
    *("a+b", "a b", " a ", "a%20b", "a&b?c#d", "ünï", "e\u0301", "\u00e9", "*", "tab\tnew\nline", "'", '"', "`x`"),
    *("back\\slash", "~", "=", "...", ".hidden", "%2F", "%", "+", "n" * 255, "and", "\U0001f4a9"),
]


@pytest.fixture(params=[*REAL, "moto"])
def bucket(request: pytest.FixtureRequest, monkeypatch: pytest.MonkeyPatch) -> Bucket:
    """A bucket on each server in turn, with the credentials in the environment."""
    server: S3Server = request.getfixturevalue(f"{request.param}_server")
    for name, value in server.environ.items():
        monkeypatch.setenv(name, value)
    return Bucket(server)


def source_in(bucket: Bucket, prefix: str = "", rules: Rules | None = None) -> S3Source:
    root = f"/{bucket.name}/{prefix}".rstrip("/").encode()
    return S3Source(root, S3(endpoint=bucket.server.endpoint, secure=False), rules or Rules())


def listed(source: S3Source, path: bytes = b"", after: bytes | None = None) -> list[Entry | Skipped]:
    with source.list_directory(path, after) as listing:
        return list(listing)


def kinds(found: list[Entry | Skipped]) -> list[tuple[bytes, str]]:
    return [(entry.path, entry.kind) for entry in map(entry_of, found)]


def test_objects_are_files_and_prefixes_are_directories_in_order_of_their_keys(bucket: Bucket) -> None:
    for key in ("p/b", "p/d/x", "p/d/e/y", "p/d-1", "p/d0", "pq/other", "other"):
        bucket.put(key, key.encode())
    source = source_in(bucket, "p")
    below = [(b"b", "regular"), (b"d-1", "regular"), (b"d", "directory"), (b"d0", "regular")]
    assert kinds(listed(source)) == below
    assert kinds(listed(source, b"d")) == [(b"d/e", "directory"), (b"d/x", "regular")]
    assert kinds(listed(source_in(bucket))) == [(b"other", "regular"), (b"p", "directory"), (b"pq", "directory")]
    for entry in [*listed(source), *listed(source, b"d")]:
        assert source.look(entry.path) == entry


def test_the_rest_of_a_listing_begins_behind_any_marker(bucket: Bucket) -> None:
    for key in ("a", "a-1", "b/x", "b/y", "b-1", "b0", "c/z"):
        bucket.put(key, b"x")
    source = source_in(bucket)
    with source.list_directory(b"") as listing:
        found = list(listing)
        markers = [listing.cursor(each) for each in found]
        assert len(markers) == 6
        for number, marker in enumerate(markers):
            with source.list_directory(b"", marker) as rest:
                assert list(rest) == found[number + 1 :]
                assert list(rest.names()) == list(listing.names())


def test_a_directory_of_several_pages_is_listed_whole(bucket: Bucket) -> None:
    names = [f"{number:04}" for number in range(1, 1105)]
    for name in names:
        bucket.put(f"{name}/x" if name.endswith("0") else name)
    source = source_in(bucket)
    found = listed(source)
    assert [each.path.decode() for each in found] == names
    assert [each.path.decode() for each in found if each.kind == "directory"] == names[9::10]
    with source.list_directory(b"", b"1000/") as rest:
        assert [each.path.decode() for each in rest] == names[1000:]
        assert rest.has(b"0001")
        assert not rest.has(b"2000")


def test_odd_keys_come_as_they_are(bucket: Bucket) -> None:
    odd = [key for key in ODD_KEYS if "\n" not in key or bucket.server.name in REAL]
    for key in odd:
        bucket.put(f"p/{key}", key.encode())
        bucket.put(f"d/{key}/{key}"[:1000], b"x")
    source = source_in(bucket, "p")
    assert [each.path.decode() for each in listed(source)] == sorted(odd, key=str.encode)
    for entry in map(entry_of, listed(source)):
        with closing(source.open(entry)) as content:
            assert content.read(0, content.size) == entry.path
    below = source_in(bucket, "d")
    for key in odd:
        assert [each.path for each in listed(below, key.encode())] == [f"{key}/{key}".encode()]


def test_an_entry_has_size_time_and_version_of_the_object(bucket: Bucket) -> None:
    etag = bucket.put("object", b"12345")
    entry = entry_of(source_in(bucket).look(b"object"))
    modified = bucket.client.stat_object(bucket.name, "object").last_modified
    assert modified is not None
    assert (entry.kind, entry.stat.size, entry.version) == ("regular", 5, etag)
    assert entry.stat.mtime_ns // 1_000_000_000 == int(modified.timestamp())
    assert listed(source_in(bucket)) == [entry]
    with closing(source_in(bucket).looker()) as looker:
        assert looker.look(b"object") == entry


def test_another_etag_alone_is_another_time_of_modification(bucket: Bucket) -> None:
    found = set()
    for data in (b"1", b"2", b"3"):
        bucket.put("object", data)
        found.add(entry_of(source_in(bucket).look(b"object")).stat.mtime_ns)
    assert len(found) == 3


def test_the_object_that_stands_for_a_directory_makes_it_be_there_and_is_nothing_in_it(bucket: Bucket) -> None:
    bucket.put("d/")
    source = source_in(bucket)
    assert kinds(listed(source)) == [(b"d", "directory")]
    assert listed(source, b"d") == []
    with source.list_directory(b"d") as listing:
        assert listing.is_empty()
    assert entry_of(source.look(b"d")).kind == "directory"


def test_what_is_gone_is_gone_and_what_is_not_seen_is_not_said_to_be(bucket: Bucket) -> None:
    bucket.put("there")
    source = source_in(bucket)
    assert source.look(b"nothing") is None
    assert source.look(b"nothing/below") is None
    assert source.looker().look(b"nothing") is None
    with pytest.raises(SourceGone):
        source.list_directory(b"nothing")
    entry = entry_of(source.look(b"there"))
    bucket.remove("there")
    with pytest.raises(FileNotFoundError):
        source.open(entry_of(entry)).read(0, 1)
    with source.list_directory(b"") as listing:
        assert listing.is_empty()
    bucket.client.remove_bucket(bucket.name)
    for ask in (source.look, source.list_directory, source.looker().look):
        for path in (b"", b"there"):
            with pytest.raises(SourceNotVisible, match="NoSuchBucket"):
                ask(path)
    with pytest.raises(SourceNotVisible):
        source.open(entry).read(0, 1)


@pytest.mark.parametrize("path", [b"..", b"a/../b", b".", b"a/./b", b"a//b", b"a/", b"/", b"/a", b"a\0b"])
def test_a_path_that_could_leave_the_source_is_refused(bucket: Bucket, path: bytes) -> None:
    source = source_in(bucket, "p")
    for ask in (source.look, source.list_directory, source.looker().look):
        with pytest.raises(ValueError, match="not a path below a source"):
            ask(path)


def test_excluded_keys_are_left_out_with_all_that_is_below_them(bucket: Bucket) -> None:
    for key in ("p/keep", "p/x.tmp", "p/raw/a", "p/raw/b/c", "p/old/z"):
        bucket.put(key)
    root = f"/{bucket.name}/p"
    rules = Rules(patterns=["*.tmp"], directory_names=[f"{root}/raw"], file_names=[f"{root}/old/z"])
    source = source_in(bucket, "p", rules)
    assert kinds(listed(source)) == [(b"keep", "regular"), (b"old", "directory")]
    assert listed(source, b"old") == []
    for path in (b"x.tmp", b"raw", b"raw/a", b"raw/b/c", b"old/z"):
        assert skipped_of(source.look(path)).excluded
        assert skipped_of(source.looker().look(path)).excluded
    with pytest.raises(SourceUnreadable, match="left out by --exclude_directory_name"):
        source.list_directory(b"raw/b")
    with source.list_directory(b"") as listing:
        assert list(listing.names()) == [b"keep", b"old", b"raw", b"x.tmp"]
        assert listing.has(b"raw")
        assert not listing.has(b"ra")


def test_content_is_read_in_ranges_of_the_version_that_was_seen_and_compared_with_its_etag(bucket: Bucket) -> None:
    data = os.urandom(100_000)
    bucket.put("object", data)
    source = source_in(bucket)
    with closing(source.open(entry_of(source.look(b"object")))) as content:
        parts = [content.read(at, min(30_000, content.size - at)) for at in range(0, content.size, 30_000)]
        assert b"".join(parts) == data
        for part in parts[:-1]:
            content.feed(part)
        with pytest.raises(FileChanged, match="ETag"):
            content.check()
        content.feed(parts[-1])
        content.check()
        bucket.put("object", b"x" * 100_000)
        with pytest.raises(FileChanged, match="changed while it was read"):
            content.read(0, 10)


def test_what_says_that_it_is_compressed_is_read_as_it_lies_there(bucket: Bucket) -> None:
    data = gzip.compress(b"x" * 1000)
    bucket.put("x.gz", data, metadata={"Content-Encoding": "gzip"})
    said = bucket.client.stat_object(bucket.name, "x.gz").metadata
    assert said is not None
    assert said["Content-Encoding"] == "gzip"
    entry = entry_of(source_in(bucket).look(b"x.gz"))
    content = source_in(bucket).open(entry)
    assert (entry.stat.size, content.read(0, entry.stat.size)) == (len(data), data)
    content.feed(data)
    content.check()


def test_parts_of_a_known_size_are_compared_too_and_those_of_another_are_not(bucket: Bucket) -> None:
    mib = 1 << 20
    data = os.urandom(12 * mib)
    bucket.put("parts", data, part_size=5 * mib)
    root = f"/{bucket.name}".encode()
    for part_mib, noticed in ((5, True), (8, False), (None, False)):
        settings = S3(endpoint=bucket.server.endpoint, secure=False, multipart_mib=part_mib)
        source = S3Source(root, settings, Rules())
        entry = entry_of(source.look(b"parts"))
        for fed, right in ((data, True), (b"x" + data[1:], False)):
            content = source.open(entry)
            for at in range(0, len(fed), 7 * mib):
                content.feed(fed[at : at + 7 * mib])
            if right or not noticed:
                content.check()
            else:
                with pytest.raises(FileChanged):
                    content.check()
