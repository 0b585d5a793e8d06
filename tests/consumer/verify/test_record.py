"""The record of verifications: what waits, in which order, and when it was last found right."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import msgspec
import pytest

from consumer.verify.directory import Page, Presence, Work
from consumer.verify.record import Record, space_of
from consumer.verify.rows import Kind, Row
from ingest.job import Job

WRONG = Row(path=b"x", target="/z/x", kinds=(Kind.MISSING,))
GOOD = Row(path=b"y", target="/z/y")


@pytest.fixture
def record(tmp_path: Path) -> Iterator[Record]:
    record = Record(tmp_path / "record", 1)
    yield record
    record.close()


def done(
    record: Record, path: bytes, *rows: Row, below: dict[bytes, Presence] | None = None, now: float = 100.0
) -> None:
    record.settle(Page(Work(path), list(rows), list((below or {}).items()), None), now)
    record.put_back(path)


def taken(record: Record) -> list[bytes]:
    found = []
    while (work := record.take()) is not None:
        found.append(work.path)
    return found


def test_a_verification_of_everything_goes_down_from_the_root_and_forgets_what_is_gone(record: Record) -> None:
    for names in ((b"a", b"b"), (b"b", b"c")):
        record.begin()
        assert record.take() == Work(b"")
        assert record.take() is None
        done(record, b"", GOOD, below=dict.fromkeys(names, "present"))
        assert sorted(taken(record)) == list(names)
        for name in names:
            done(record, name, GOOD)
        assert record.waiting() == 0
        record.end()
    record.begin(stale_before=1_000.0)
    assert taken(record) == [b"", b"b", b"c"]


def test_what_was_found_right_least_recently_comes_first(record: Record) -> None:
    record.begin()
    assert taken(record) == [b""]
    done(record, b"", below=dict.fromkeys((b"a", b"b", b"c", b"d"), "present"), now=50.0)
    assert taken(record) == [b"a", b"b", b"c", b"d"]
    for name, when in ((b"a", 40.0), (b"b", 30.0), (b"d", 20.0)):
        done(record, name, GOOD, now=when)
    done(record, b"c", WRONG, now=10.0)
    record.begin(stale_before=45.0)
    assert taken(record) == [b"c", b"d", b"b", b"a"]
    record.begin(stale_before=25.0)
    assert taken(record) == [b"c", b"d"]


def test_a_directory_waits_once_and_again_if_its_check_stopped(record: Record) -> None:
    record.begin()
    assert record.take() == Work(b"")
    record.settle(Page(Work(b""), [WRONG], [(b"a", "absent")], b"cursor"), 1.0)
    assert record.take() == Work(b"a", "absent")
    done(record, b"a", WRONG)
    assert record.take() is None
    record.put_back(b"")
    assert record.take() == Work(b"", None, b"cursor")
    done(record, b"", GOOD, below={b"a": "absent"})
    assert (record.take(), record.waiting()) == (None, 0)
    record.begin(stale_before=1.0)  # both had a difference
    assert taken(record) == [b"", b"a"]


def test_totals_and_work_survive_the_process(tmp_path: Path) -> None:
    first = Record(tmp_path / "record", 1)
    assert not first.resume()
    first.begin()
    assert first.take() == Work(b"")
    first.settle(Page(Work(b""), [WRONG, GOOD], [(b"a", "taken"), (b"b", "present")], b"b"), 1.0)
    assert first.take() == Work(b"a", "taken")
    first.close()
    second = Record(tmp_path / "record", 1)
    assert second.resume()
    assert (second.totals.files, second.totals.differ, second.totals.kinds) == (2, 1, {"missing": 1})
    assert [second.take() for _ in range(3)] == [Work(b"", None, b"b"), Work(b"a", "taken"), Work(b"b", "present")]
    second.close()


def test_a_directory_without_a_collection_is_checked_although_it_was_right(record: Record) -> None:
    record.begin()
    assert taken(record) == [b""]
    done(record, b"", WRONG, below={b"a": "present", b"b": "present"})
    for name in taken(record):
        done(record, name, GOOD)
    record.begin(stale_before=50.0)
    assert taken(record) == [b""]
    done(record, b"", GOOD, below={b"a": "absent", b"b": "present"})
    assert record.take() == Work(b"a", "absent")
    assert record.take() is None


def test_other_settings_have_records_of_their_own(tmp_path: Path) -> None:
    job = Job(name="a", source=b"/data", target="/z/data")
    others = (
        msgspec.structs.replace(job, patterns=("x",)),
        msgspec.structs.replace(job, target="/z/other"),
        msgspec.structs.replace(job, handler="x"),
        msgspec.structs.replace(job, follow_symlinks=True),
    )
    spaces = {space_of(job), space_of(job, True), space_of(job, False), *map(space_of, others)}
    assert len(spaces) == 7
    assert space_of(job) == space_of(Job(name="b", source=b"/data", target="/z/data"))
    record = Record(tmp_path / "record", space_of(job))
    record.begin()
    other = Record(tmp_path / "record", space_of(job, True))
    assert other.take() is None
    other.close()
    record.close()


def test_an_interrupted_check_counts_from_its_first_page_and_begins_again_when_that_is_too_old(record: Record) -> None:
    record.begin()
    assert record.take() == Work(b"")
    record.settle(Page(Work(b""), [GOOD], [], b"m"), 10.0)
    record.settle(Page(Work(b""), [GOOD], [], b"n"), 20.0)
    record.begin(stale_before=5.0)
    assert record.take() == Work(b"", None, b"n")
    done(record, b"", GOOD, now=30.0)
    record.begin(stale_before=10.0)
    assert record.take() is None
    record.begin(stale_before=11.0)
    assert record.take() == Work(b"")
    record.settle(Page(Work(b""), [WRONG], [], b"m"), 40.0)
    record.begin(stale_before=50.0)
    assert record.take() == Work(b"")
    done(record, b"", GOOD, now=60.0)
    record.begin(stale_before=60.0)
    assert record.take() is None
