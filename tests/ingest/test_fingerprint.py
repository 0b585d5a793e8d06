"""A fingerprint changes with size, mtime, ctime and operation, and distinguishes ctime from the others."""

from __future__ import annotations

import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st

from ingest.fingerprint import (
    CHANGED,
    cache_space,
    fingerprint,
    name_hash,
    replaced,
    same_data,
    same_file,
    unchanged,
)
from ingest.handlers.core import Operation
from ingest.job import Job
from ingest.messages import Stat

FILE = Stat(0o100644, 1000, 1_700_000_000_123_456_789, 1_700_000_001_000_000_000)
FAR = 2**64  # tmpfs and ZFS hold years far beyond 2262, where nanoseconds outgrow 63 bits
stats = st.builds(Stat, st.just(0o100644), st.integers(0, 2**63 - 1), st.integers(-FAR, FAR), st.integers(-FAR, FAR))
operations = st.sampled_from(Operation)


def changed(**fields: int) -> Stat:
    return msgspec.structs.replace(FILE, **fields)


@given(stats, operations)
def test_a_fingerprint_is_a_signed_number_of_64_bits_for_any_file(stat: Stat, operation: Operation) -> None:
    value = fingerprint(stat, operation)
    assert -(2**63) <= value.state < 2**63
    assert 0 <= value.inode < 2**32
    assert fingerprint(msgspec.structs.replace(stat), operation) == value


@pytest.mark.parametrize(
    "fields",
    [{"size": 0}, {"size": 1001}, {"mtime_ns": FILE.mtime_ns + 1},
     {"mtime_ns": FILE.mtime_ns - 10**9}, {"mtime_ns": -1}],
)  # fmt: skip
def test_other_data_has_another_fingerprint_also_with_an_older_mtime(fields: dict[str, int]) -> None:
    one, other = fingerprint(FILE, Operation.PUT), fingerprint(changed(**fields), Operation.PUT)
    assert one != other
    assert not same_data(one, other)


def test_every_operation_has_a_fingerprint_of_its_own() -> None:
    values = [fingerprint(FILE, operation) for operation in Operation]
    assert len(set(values)) == len(values)
    assert not any(same_data(values[0], value) for value in values[1:])


@given(stats, st.sampled_from([1, -1, 1000, 10**6, 3600 * 10**6, 86400 * 365 * 10**6]), operations)
def test_a_change_of_ctime_alone_is_seen_as_such(stat: Stat, microseconds: int, operation: Operation) -> None:
    other = msgspec.structs.replace(stat, ctime_ns=stat.ctime_ns + 1000 * microseconds)
    one, two = fingerprint(stat, operation), fingerprint(other, operation)
    assert one != two
    assert same_data(one, two)


@given(stats, st.integers(1, 2**64 - 1), st.integers(1, 2**64 - 1), operations)
def test_another_inode_is_another_file_with_other_data(
    stat: Stat, inode: int, other: int, operation: Operation
) -> None:
    one, two = (fingerprint(msgspec.structs.replace(stat, inode=each), operation) for each in (inode, other))
    assert same_file(one, two) == unchanged(one, two) == same_data(one, two) == (not replaced(one, two))
    assert inode != other or unchanged(one, two)


@given(stats, st.integers(1, 2**64 - 1), operations)
def test_an_unstable_inode_says_nothing(stat: Stat, inode: int, operation: Operation) -> None:
    one, two = fingerprint(stat, operation), fingerprint(msgspec.structs.replace(stat, inode=inode), operation)
    assert unchanged(one, two)
    assert same_data(one, two)
    assert not same_file(one, two)
    assert not same_file(one, one)


def test_what_is_changed_matches_no_file_not_even_itself() -> None:
    assert not unchanged(None, fingerprint(FILE, Operation.PUT))
    assert not same_file(CHANGED, CHANGED)


def test_the_mode_bits_do_not_count_for_they_change_with_ctime() -> None:
    assert fingerprint(changed(mode=0o100600), Operation.PUT) == fingerprint(FILE, Operation.PUT)


@given(st.lists(st.binary(), unique=True))
def test_different_names_have_different_numbers(names: list[bytes]) -> None:
    values = {name_hash(name) for name in names}
    assert len(values) == len(names)
    assert all(-(2**63) <= value < 2**63 for value in values)


def test_the_numbers_are_the_same_in_every_process_and_for_ever() -> None:
    assert name_hash(b"") == -5426141060434712860
    assert fingerprint(FILE, Operation.REGISTER_SYNC) == (729422017250244039, 0)


def test_a_cache_space_belongs_to_source_and_target_and_no_other_setting() -> None:
    job = Job(name="a", source=b"/s", target="/z/t")
    assert cache_space(job) == cache_space(msgspec.structs.replace(job, name="b", interval=5, handler="x"))
    others = [("/z/t2", b"/s"), ("/z/t", b"/s2"), ("/z/t", b"/s\0")]
    spaces = {cache_space(Job(name="a", source=source, target=target)) for target, source in others}
    assert len(spaces | {cache_space(job)}) == 4
