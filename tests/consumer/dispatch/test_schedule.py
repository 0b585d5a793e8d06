"""The next pass is due an interval after this one begins, or when the cron expression says so."""

from __future__ import annotations

from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from consumer.dispatch.schedule import next_pass
from ingest.job import Job

NOW = 1_700_000_000.0  # 2023-11-14 22:13:20 UTC


def job(**options: Any) -> Job:
    return Job(name="j", source=b"/s", target="/z/t", **options)


def test_a_single_pass_has_none_after_it() -> None:
    assert next_pass(job(), NOW) is None


@pytest.mark.parametrize("interval", [0, 1, 3600])
def test_an_interval_is_measured_from_the_start_of_a_pass(interval: int) -> None:
    assert next_pass(job(interval=interval), NOW + 0.5) == NOW + 0.5 + interval


@pytest.mark.parametrize(
    ("cron", "seconds"), [("* * * * *", 40), ("*/15 * * * *", 100), ("20 * * * *", 400), ("13 * * * *", 3580)]
)
def test_a_cron_expression_names_the_next_minute_that_fits(cron: str, seconds: int) -> None:
    assert next_pass(job(cron=cron), NOW) == NOW + seconds


def test_a_pass_that_begins_at_its_minute_is_followed_by_the_next_one() -> None:
    assert next_pass(job(cron="* * * * *"), NOW + 40) == NOW + 100


@given(st.sampled_from(["* * * * *", "*/7 3 * * *", "0 0 29 2 *", "30 2 * * 0"]), st.floats(0, 2e9))
def test_the_next_pass_is_always_later(cron: str, now: float) -> None:
    due = next_pass(job(cron=cron), now)
    assert due is not None
    assert due > now
