"""What is wrong with a data object, as a function of the file, the catalog and the operation."""

from __future__ import annotations

import pytest

from consumer.sync.decide import Situation
from consumer.verify.compare import compare
from consumer.verify.rows import Kind
from ingest.handlers.core import Operation
from ingest.messages import COLLECTION, Catalog, Replica, Stat

SECOND = 1_000_000_000
FILE = Stat(0o100600, 10, 1_000 * SECOND + 5, 2_000 * SECOND)
RIGHT = Replica(0, "root;leaf", "/data/file", 10, 1_000, "1")
PUT = Replica(0, "root;leaf", "/vault/file", 10, 5_000, "1")


def wrong(
    operation: str, catalog: Catalog, *, resource: str | None = None, stat: Stat = FILE, keeps_mtime: bool | None = None
) -> set[str]:
    seen = Situation(Operation[operation], stat, "/data/file", resource, catalog)
    keeps = operation.startswith("REGISTER") if keeps_mtime is None else keeps_mtime
    return {kind.value for kind in compare(seen, keeps_mtime=keeps).wrong}


def change(replica: Replica, **values: object) -> Replica:
    fields = {name: getattr(replica, name) for name in replica.__struct_fields__}
    return Replica(**{**fields, **values})


OPERATIONS = ("REGISTER_SYNC", "REGISTER_AS_REPLICA_SYNC", "PUT", "PUT_SYNC", "PUT_APPEND")


@pytest.mark.parametrize("operation", OPERATIONS)
def test_right_missing_and_another_kind(operation: str) -> None:
    right = RIGHT if operation.startswith("REGISTER") else PUT
    assert wrong(operation, [right]) == set()
    assert wrong(operation, [right], resource="root") == set()
    assert wrong(operation, [right], resource="leaf") == set()
    assert wrong(operation, [right], resource="other") == {"missing-replica"}
    assert wrong(operation, []) == {"missing"}
    assert wrong(operation, COLLECTION) == {"other-kind"}
    assert wrong(operation, [change(right, status="0")]) == {"stale-replica"}
    assert wrong(operation, [change(right, size=11)]) == {"other-size"}


@pytest.mark.parametrize("catalog", [[], COLLECTION, [RIGHT]])
def test_nothing_is_expected_of_what_the_handler_leaves_alone(catalog: Catalog) -> None:
    assert wrong("NO_OP", catalog) == set()


@pytest.mark.parametrize(
    ("operation", "values", "expected"),
    [
        ("REGISTER_SYNC", {"mtime": 999}, {"other-mtime"}),
        ("REGISTER_SYNC", {"path": "/data/old"}, {"other-physical-path"}),
        ("REGISTER_SYNC", {"path": "/old", "size": 1}, {"other-physical-path", "other-size"}),
        ("REGISTER_SYNC", {"size": 1, "mtime": 1}, {"other-size", "other-mtime"}),
        ("REGISTER_SYNC", {"status": "2"}, {"stale-replica"}),
        ("PUT", {"mtime": 1}, set()),
        ("PUT", {"mtime": 0}, {"stale-replica"}),
        ("PUT_SYNC", {"mtime": 998}, set()),
        ("PUT_SYNC", {"mtime": 997}, {"newer-source"}),
        ("PUT_APPEND", {"mtime": 1}, {"newer-source"}),
    ],
)  # fmt: skip
def test_what_each_operation_promises(operation: str, values: dict[str, object], expected: set[str]) -> None:
    right = RIGHT if operation.startswith("REGISTER") else PUT
    assert wrong(operation, [change(right, **values)]) == expected


def test_a_modification_time_that_was_to_be_kept() -> None:
    assert wrong("PUT_SYNC", [PUT], keeps_mtime=True) == {"other-mtime"}
    assert wrong("PUT_SYNC", [change(PUT, mtime=1_000)], keeps_mtime=True) == set()
    assert wrong("REGISTER_SYNC", [change(RIGHT, mtime=7)], keeps_mtime=False) == set()
    before_the_epoch = Stat(0o100600, 10, -5 * SECOND, 0)
    assert wrong("REGISTER_SYNC", [change(RIGHT, mtime=0)], stat=before_the_epoch) == set()


def test_all_replicas_count_except_those_that_a_further_one_has_made_stale() -> None:
    other = change(PUT, number=1, hierarchy="other")
    assert wrong("PUT", [PUT, other]) == set()
    assert wrong("PUT", [PUT, change(other, status="0")]) == {"stale-replica"}
    assert wrong("PUT", [PUT, change(other, size=1)]) == {"other-size"}
    further = change(RIGHT, number=1, hierarchy="archive")
    assert wrong("REGISTER_AS_REPLICA_SYNC", [change(PUT, status="0"), further], resource="archive") == set()
    assert wrong("REGISTER_AS_REPLICA_SYNC", [PUT, change(further, status="0")], resource="archive") == {
        Kind.STALE_REPLICA.value
    }
