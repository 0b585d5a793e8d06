"""What is done with a file follows from the file, the catalog and the job: SPEC's table and the rules below it."""

from __future__ import annotations

from typing import Any

import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st

from consumer.sync.decide import Action, Decision, Impossible, Situation, decide, on_resource
from ingest.handlers.core import Operation
from ingest.messages import COLLECTION, GOOD, UNKNOWN, Catalog, Replica, Stat

MTIME = 1_700_000_000
SECOND = 1_000_000_000
FILE = Stat(0o100644, 1000, MTIME * SECOND + SECOND // 2, MTIME * SECOND)
STALE = "0"

REGISTERED = Replica(0, "tree;leaf", "/src/a", 1000, MTIME, GOOD)
"""In step with FILE."""
OLD = msgspec.structs.replace(REGISTERED, size=900, mtime=MTIME - 100)
"""Of FILE as it was before it grew."""
MADE = Replica(0, "tree;leaf", "/vault/a", 1000, MTIME + 4, GOOD)
"""Put from FILE."""
BEFORE = msgspec.structs.replace(MADE, size=900, mtime=MTIME - 100)
"""Put from FILE as it was before it grew."""
ELSEWHERE = Replica(1, "other", "/vault2/a", 900, MTIME - 100, GOOD)

REGISTER, REPLICA = Operation.REGISTER_SYNC, Operation.REGISTER_AS_REPLICA_SYNC
PUT, SYNC, APPEND, NO_OP = Operation.PUT, Operation.PUT_SYNC, Operation.PUT_APPEND, Operation.NO_OP
WRITES = [SYNC, APPEND]
REGISTERS = [REGISTER, REPLICA]
NO_REPLICA = "the data object has no replica on resource leaf, only on other"
IS_COLLECTION = "a collection has this name"


def situation(operation: Operation, catalog: Catalog, **more: Any) -> Situation:
    values: dict[str, Any] = {"stat": FILE, "physical": "/src/a", "resource": "leaf"}
    return Situation(operation=operation, catalog=catalog, **(values | more))


def course(operation: Operation, catalog: Catalog, **more: Any) -> Action:
    return decide(situation(operation, catalog, **more)).do


def stale(replica: Replica) -> Replica:
    return msgspec.structs.replace(replica, status=STALE)


@pytest.mark.parametrize(
    ("state", "register", "as_replica", "put", "put_sync", "put_append"),
    [
        ("does not exist", Action.REGISTER, Action.REGISTER, Action.PUT, Action.PUT, Action.PUT),
        (
            "has a replica on the target resource",
            Action.UPDATE,
            Action.UPDATE,
            Action.NOTHING,
            Action.OVERWRITE,
            Action.APPEND,
        ),
        ("exists elsewhere only", NO_REPLICA, Action.REGISTER_REPLICA, NO_REPLICA, NO_REPLICA, NO_REPLICA),
        ("is a collection", *[IS_COLLECTION] * 5),
    ],
)
def test_the_table_of_operations(
    state: str,
    register: Action | str,
    as_replica: Action | str,
    put: Action | str,
    put_sync: Action | str,
    put_append: Action | str,
) -> None:
    expected = {REGISTER: register, REPLICA: as_replica, PUT: put, SYNC: put_sync, APPEND: put_append}
    for operation, answer in expected.items():
        there = OLD if operation in REGISTERS else BEFORE
        catalogs: dict[str, Catalog] = {
            "does not exist": [],
            "has a replica on the target resource": [ELSEWHERE, there],
            "exists elsewhere only": [ELSEWHERE],
            "is a collection": COLLECTION,
        }
        if isinstance(answer, str):
            with pytest.raises(Impossible, match=f"^{answer}$"):
                decide(situation(operation, catalogs[state]))
        else:
            decision = decide(situation(operation, catalogs[state]))
            replica = there if answer in (Action.UPDATE, Action.NOTHING, Action.OVERWRITE, Action.APPEND) else None
            assert decision == Decision(answer, replica)


class TestQuestions:
    @pytest.mark.parametrize("operation", list(Operation))
    def test_nothing_is_decided_before_the_catalog_was_asked(self, operation: Operation) -> None:
        with pytest.raises(ValueError, match="has not been asked"):
            decide(situation(operation, UNKNOWN))

    @pytest.mark.parametrize(("catalog", "course"), [([], Action.REGISTER), ([REGISTERED], Action.NOTHING)])
    @pytest.mark.parametrize("resource", [None, ""])
    def test_without_to_resource_register_as_replica_registers_what_is_new_and_updates_what_exists(
        self, catalog: Catalog, course: Action, resource: str | None
    ) -> None:
        assert decide(situation(REPLICA, catalog, resource=resource or None)).do is course

    @pytest.mark.parametrize("more", [{}, {"forced": True}, {"metadata_only": True}])
    def test_no_op_runs_the_hooks_and_changes_nothing(self, more: dict[str, bool]) -> None:
        assert decide(situation(NO_OP, [], **more)) == Decision(Action.HOOKS_CREATE)
        assert decide(situation(NO_OP, [ELSEWHERE], **more)) == Decision(Action.HOOKS_MODIFY)


class TestResource:
    @pytest.mark.parametrize("resource", ["tree", "mid", "leaf", None])
    def test_a_replica_is_on_its_leaf_and_on_all_above_it(self, resource: str | None) -> None:
        assert on_resource(msgspec.structs.replace(REGISTERED, hierarchy="tree;mid;leaf"), resource)

    @pytest.mark.parametrize("resource", ["le", "leaf2", "tree;mid", "eaf", "LEAF", ";"])
    def test_a_part_of_a_name_is_no_resource(self, resource: str) -> None:
        assert not on_resource(msgspec.structs.replace(REGISTERED, hierarchy="tree;mid;leaf"), resource)

    def test_without_a_target_resource_any_replica_will_do(self) -> None:
        assert course(REGISTER, [OLD], resource=None) is Action.UPDATE
        assert course(SYNC, [ELSEWHERE], resource=None) is Action.OVERWRITE
        assert course(PUT, [ELSEWHERE], resource=None) is Action.NOTHING

    def test_replicas_elsewhere_are_named_once_each_and_in_order(self) -> None:
        catalog: Catalog = [msgspec.structs.replace(REGISTERED, hierarchy=text) for text in ("b;c", "a", "b;c")]
        with pytest.raises(Impossible, match=r"on resource x, only on a, b > c$"):
            decide(situation(PUT, catalog, resource="x"))


class TestRegistered:
    @pytest.mark.parametrize("operation", REGISTERS)
    def test_what_is_in_step_with_the_catalog_is_not_touched(self, operation: Operation) -> None:
        assert decide(situation(operation, [ELSEWHERE, REGISTERED])) == Decision(Action.NOTHING, REGISTERED)

    @pytest.mark.parametrize("operation", REGISTERS)
    @pytest.mark.parametrize("fields", [{"size": 999}, {"mtime": MTIME - 1}, {"mtime": MTIME + 1}, {"status": STALE}])
    def test_any_difference_is_an_update_also_an_older_mtime_and_a_stale_replica(
        self, operation: Operation, fields: dict[str, Any]
    ) -> None:
        replica = msgspec.structs.replace(REGISTERED, **fields)
        assert decide(situation(operation, [replica])) == Decision(Action.UPDATE, replica)
        assert decide(situation(operation, [replica], metadata_only=True)) == Decision(Action.UPDATE, replica)

    @pytest.mark.parametrize("operation", REGISTERS)
    def test_a_change_of_ctime_alone_runs_the_modify_hooks(self, operation: Operation) -> None:
        assert decide(situation(operation, [REGISTERED], metadata_only=True)) == Decision(
            Action.HOOKS_MODIFY, REGISTERED
        )

    @pytest.mark.parametrize("operation", REGISTERS)
    @pytest.mark.parametrize("metadata_only", [False, True])
    def test_ignore_cache_forces_the_update(self, operation: Operation, *, metadata_only: bool) -> None:
        seen = situation(operation, [REGISTERED], forced=True, metadata_only=metadata_only)
        assert decide(seen) == Decision(Action.UPDATE, REGISTERED)

    @pytest.mark.parametrize("operation", REGISTERS)
    def test_another_physical_path_is_an_error_that_shows_it_and_changes_nothing(self, operation: Operation) -> None:
        with pytest.raises(Impossible, match=r"^wrong resource or path: the replica on tree > leaf is /vault/a$"):
            decide(situation(operation, [MADE], forced=True))

    @pytest.mark.parametrize("operation", REGISTERS)
    def test_a_replica_whose_file_is_gone_from_the_source_gets_ours_unless_another_has_it(
        self, operation: Operation
    ) -> None:
        gone = msgspec.structs.replace(REGISTERED, path="/src/old")
        assert decide(situation(operation, [gone], lost=frozenset({"/src/old"}))) == Decision(Action.UPDATE, gone)
        seen = situation(operation, [gone, REGISTERED], lost=frozenset({"/src/old"}))
        assert decide(seen) == Decision(Action.NOTHING, REGISTERED)

    def test_of_several_replicas_on_the_resource_the_one_with_our_path_is_updated(self) -> None:
        other = msgspec.structs.replace(OLD, number=1, hierarchy="tree;leaf2", path="/elsewhere")
        ours = msgspec.structs.replace(OLD, number=2, hierarchy="tree;leaf3")
        assert decide(situation(REGISTER, [other, ours], resource="tree")) == Decision(Action.UPDATE, ours)

    def test_a_replica_of_our_path_on_another_resource_does_not_count(self) -> None:
        with pytest.raises(Impossible, match="no replica on resource leaf"):
            decide(situation(REGISTER, [msgspec.structs.replace(REGISTERED, hierarchy="other")]))

    def test_the_catalog_holds_whole_seconds_below_zero_too(self) -> None:
        stat = Stat(0o100644, 1000, -SECOND // 2, 0)
        replica = msgspec.structs.replace(REGISTERED, mtime=-1)
        assert course(REGISTER, [replica], stat=stat) is Action.NOTHING


class TestWritten:
    @pytest.mark.parametrize("operation", WRITES)
    @pytest.mark.parametrize(
        ("after", "answer"), [(4, Action.NOTHING), (3, Action.NOTHING), (2, None), (0, None), (-100, None)]
    )
    def test_a_replica_made_from_the_file_is_newer_by_the_margin_and_as_long(
        self, operation: Operation, after: int, answer: Action | None
    ) -> None:
        replica = msgspec.structs.replace(MADE, mtime=MTIME + after)
        assert course(operation, [replica]) is (answer or Action.OVERWRITE)

    def test_a_replica_that_is_newer_by_just_the_margin_may_be_of_before_a_change(self) -> None:
        stat = Stat(0o100644, 1000, MTIME * SECOND, MTIME * SECOND)
        assert course(SYNC, [msgspec.structs.replace(MADE, mtime=MTIME + 2)], stat=stat) is Action.OVERWRITE
        assert course(SYNC, [msgspec.structs.replace(MADE, mtime=MTIME + 3)], stat=stat) is Action.NOTHING

    @pytest.mark.parametrize("operation", WRITES)
    def test_a_ctime_after_the_replica_is_a_change_though_the_mtime_is_old(self, operation: Operation) -> None:
        stat = msgspec.structs.replace(FILE, mtime_ns=0, ctime_ns=(MTIME + 100) * SECOND)
        assert course(operation, [MADE], stat=stat) is not Action.NOTHING

    @pytest.mark.parametrize("operation", WRITES)
    @pytest.mark.parametrize("size", [999, 1001, 0])
    def test_another_size_is_a_change_however_new_the_replica(self, operation: Operation, size: int) -> None:
        replica = msgspec.structs.replace(MADE, size=size, mtime=MTIME + 10**6)
        assert course(operation, [replica]) in (Action.OVERWRITE, Action.APPEND)
        assert course(operation, [replica], metadata_only=True) in (Action.OVERWRITE, Action.APPEND)

    @pytest.mark.parametrize("operation", WRITES)
    @pytest.mark.parametrize(
        ("mtime", "same"), [(MTIME, True), (MTIME + 1, False), (MTIME - 1, False), (MTIME + 4, False)]
    )
    def test_with_preserve_mtime_the_mtime_is_compared_by_value(
        self, operation: Operation, mtime: int, *, same: bool
    ) -> None:
        replica = msgspec.structs.replace(MADE, mtime=mtime)
        assert (course(operation, [replica], preserve_mtime=True) is Action.NOTHING) is same

    @pytest.mark.parametrize("operation", WRITES)
    def test_a_change_of_ctime_alone_runs_the_modify_hooks_and_touches_no_data(self, operation: Operation) -> None:
        replica = msgspec.structs.replace(MADE, mtime=MTIME - 100)
        assert decide(situation(operation, [replica], metadata_only=True)) == Decision(Action.HOOKS_MODIFY, replica)

    @pytest.mark.parametrize("metadata_only", [False, True])
    def test_ignore_cache_forces_the_put(self, *, metadata_only: bool) -> None:
        more = {"forced": True, "metadata_only": metadata_only}
        assert course(SYNC, [MADE], **more) is Action.OVERWRITE
        assert course(APPEND, [MADE], **more) is Action.APPEND

    @pytest.mark.parametrize("catalog", [[MADE], [BEFORE], [stale(MADE), ELSEWHERE]])
    @pytest.mark.parametrize("forced", [False, True])
    def test_put_never_changes_what_is_there(self, catalog: Catalog, *, forced: bool) -> None:
        assert course(PUT, catalog, forced=forced) is Action.NOTHING
        assert course(PUT, catalog, forced=forced, metadata_only=True) is Action.HOOKS_MODIFY

    @pytest.mark.parametrize("replica", [stale(MADE), stale(BEFORE), msgspec.structs.replace(MADE, mtime=0)])
    def test_put_overwrites_what_an_interrupted_put_has_left(self, replica: Replica) -> None:
        assert course(PUT, [replica]) is Action.OVERWRITE

    @pytest.mark.parametrize("operation", WRITES)
    @pytest.mark.parametrize("metadata_only", [False, True])
    def test_a_stale_replica_is_overwritten_for_its_content_is_not_known(
        self, operation: Operation, *, metadata_only: bool
    ) -> None:
        assert course(operation, [stale(MADE)], metadata_only=metadata_only) is Action.OVERWRITE

    @pytest.mark.parametrize("operation", WRITES)
    def test_a_good_replica_is_preferred_to_a_stale_one(self, operation: Operation) -> None:
        good = msgspec.structs.replace(MADE, number=1, hierarchy="tree;leaf2")
        assert decide(situation(operation, [stale(BEFORE), good], resource="tree")) == Decision(Action.NOTHING, good)

    def test_an_append_to_a_longer_object_overwrites_and_says_so(self) -> None:
        longer = msgspec.structs.replace(BEFORE, size=1001)
        decision = decide(situation(APPEND, [longer]))
        assert (decision.do, decision.replica) == (Action.OVERWRITE, longer)
        assert "shorter" in decision.note
        assert decide(situation(SYNC, [longer])).note == ""

    def test_a_changed_file_as_long_as_the_object_has_no_tail_to_append_and_overwrites_it(self) -> None:
        decision = decide(situation(APPEND, [MADE], data_changed=True))
        assert (decision.do, decision.replica) == (Action.OVERWRITE, MADE)
        assert "as long as" in decision.note

    @pytest.mark.parametrize("size", [0, 999, 1000, 1001])
    def test_what_was_replaced_as_a_whole_is_never_appended(self, size: int) -> None:
        replica = msgspec.structs.replace(MADE, size=size)
        for more in ({"data_changed": True}, {"forced": True}):
            assert course(APPEND, [replica], replaced=True, **more) is Action.OVERWRITE


replicas = st.builds(
    Replica, st.integers(0, 3), st.sampled_from(["leaf", "tree;leaf", "other"]), st.sampled_from(["/src/a", "/x"]),
    st.sampled_from([0, 1000, 2000]), st.integers(MTIME - 3, MTIME + 5), st.sampled_from("0123"),
)  # fmt: skip
situations = st.builds(
    situation, st.sampled_from(Operation), st.lists(replicas, max_size=3), metadata_only=st.booleans(),
    forced=st.booleans(), preserve_mtime=st.booleans(), resource=st.sampled_from([None, "leaf", "tree"]),
)  # fmt: skip


@given(situations)
def test_nothing_is_ever_done_to_a_replica_that_is_not_on_the_target_resource(seen: Situation) -> None:
    try:
        decision = decide(seen)
    except Impossible:
        return
    if decision.replica is not None:
        assert decision.replica in seen.catalog
        assert on_resource(decision.replica, seen.resource)
    assert (decision.do in (Action.UPDATE, Action.OVERWRITE, Action.APPEND)) <= (decision.replica is not None)


@given(situations)
def test_registering_operations_never_write_data_and_putting_ones_never_register(seen: Situation) -> None:
    try:
        do = decide(seen).do
    except Impossible:
        return
    writes, registers = (
        {Action.PUT, Action.OVERWRITE, Action.APPEND},
        {Action.REGISTER, Action.REGISTER_REPLICA, Action.UPDATE},
    )
    assert do not in (writes if seen.operation in REGISTERS else registers)
    assert seen.operation is not NO_OP or do in (Action.HOOKS_CREATE, Action.HOOKS_MODIFY)
