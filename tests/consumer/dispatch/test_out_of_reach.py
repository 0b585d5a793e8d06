"""What waits for a zone or a source that is out of reach, and for how long."""

from __future__ import annotations

import pytest

from consumer.dispatch.out_of_reach import OutOfReach
from consumer.protocol import Unavailable
from ingest.service import logs

SOURCE, ZONE = Unavailable("the source is away", only_source=True), Unavailable("the zone is away")


class Clock:
    """Seconds that a test counts."""

    now = 1000.0

    def __call__(self) -> float:
        return self.now


@pytest.fixture
def clock() -> Clock:
    return Clock()


@pytest.fixture
def out_of_reach(clock: Clock) -> OutOfReach:
    return OutOfReach(logs.get("test"), clock)


def test_a_source_that_is_away_puts_off_its_own_job_only(out_of_reach: OutOfReach) -> None:
    assert out_of_reach.met("a", SOURCE, known=False) == 1.0
    assert (out_of_reach.put_off("a"), out_of_reach.put_off("b"), out_of_reach.of_zone) == (1.0, 0.0, False)
    assert out_of_reach.reasons == {"a": "the source is away"}


def test_a_zone_that_is_away_keeps_all_until_it_is_to_be_tried_again(out_of_reach: OutOfReach, clock: Clock) -> None:
    assert out_of_reach.met("a", ZONE, known=False) == 1.0
    assert out_of_reach.of_zone
    clock.now += 1.0
    assert not out_of_reach.of_zone
    assert out_of_reach.met("a", ZONE, known=False) == 2.0


def test_one_task_at_a_time_tries_whether_a_source_is_back_also_while_another_takes_long(
    out_of_reach: OutOfReach, clock: Clock
) -> None:
    out_of_reach.met("a", SOURCE, known=False)
    clock.now += 1.0
    assert out_of_reach.put_off("a") == 0.0
    assert out_of_reach.put_off("a") == 5.0
    clock.now += 5.0
    assert out_of_reach.put_off("a") == 0.0


def test_the_waits_for_a_source_grow_and_those_of_its_other_tasks_with_the_time_that_it_is_away(
    out_of_reach: OutOfReach, clock: Clock
) -> None:
    waits = []
    for _ in range(8):
        waits.append(out_of_reach.met("a", SOURCE, known=False))
        clock.now += max(waits[-1], 5.0)
        assert out_of_reach.put_off("a") == 0.0
    assert waits == [1, 2, 4, 8, 16, 32, 60, 60]
    assert out_of_reach.put_off("a") == pytest.approx((5 + 5 + 5 + 8 + 16 + 32 + 60 + 60) / 4)
    clock.now += 100_000
    out_of_reach.met("a", SOURCE, known=False)
    assert out_of_reach.put_off("a") == 300.0


def test_when_a_task_has_come_to_its_end_nothing_of_its_job_is_put_off(out_of_reach: OutOfReach) -> None:
    out_of_reach.met("a", SOURCE, known=False)
    out_of_reach.over("a")
    assert (out_of_reach.put_off("a"), out_of_reach.reasons) == (0.0, {})
    assert out_of_reach.met("a", SOURCE, known=False) == 1.0


def test_what_is_met_while_all_waits_anyway_is_not_told_and_tried_again_at_once(out_of_reach: OutOfReach) -> None:
    assert out_of_reach.met("a", SOURCE, known=True) == 0.0
    assert out_of_reach.reasons == {}
