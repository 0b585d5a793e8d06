"""The next pass is due an interval after this one begins, or when the cron expression says so."""

from __future__ import annotations

import datetime as dt
import time
from collections.abc import Iterator
from typing import Any
from zoneinfo import ZoneInfo

import pytest
from hypothesis import given
from hypothesis import strategies as st

from consumer.dispatch.schedule import next_pass
from ingest.job import Job

NOW = 1_700_000_000.0  # 2023-11-14 22:13:20 UTC
BERLIN = ZoneInfo("Europe/Berlin")
SPRING, AUTUMN = dt.date(2026, 3, 29), dt.date(2026, 10, 25)


def job(**options: Any) -> Job:
    return Job(name="j", source=b"/s", target="/z/t", **options)


def test_a_single_pass_has_none_after_it() -> None:
    assert next_pass(job(), NOW) is None


@pytest.mark.parametrize("interval", [0, 1, 3600])
def test_an_interval_is_measured_from_the_start_of_a_pass(interval: int) -> None:
    assert next_pass(job(interval=interval), NOW + 0.5) == interval


@pytest.mark.parametrize(
    ("cron", "seconds"), [("* * * * *", 40), ("*/15 * * * *", 100), ("20 * * * *", 400), ("13 * * * *", 3580)]
)
def test_a_cron_expression_names_the_next_minute_that_fits(cron: str, seconds: int) -> None:
    assert next_pass(job(cron=cron), NOW) == seconds


@pytest.mark.parametrize("early", [0.0, 0.1, 3.0])
def test_a_pass_that_begins_at_its_minute_or_a_little_early_is_followed_by_the_next_one(early: float) -> None:
    assert next_pass(job(cron="* * * * *"), NOW + 40 - early) == pytest.approx(60 + early)


@given(st.sampled_from(["* * * * *", "*/7 3 * * *", "0 0 29 2 *", "30 2 * * 0"]), st.floats(0, 2e9))
def test_the_next_pass_is_always_later(cron: str, now: float) -> None:
    wait = next_pass(job(cron=cron), now)
    assert wait is not None
    assert wait > 0


@pytest.fixture
def _in_berlin(monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    monkeypatch.setenv("TZ", "Europe/Berlin")
    time.tzset()
    yield
    monkeypatch.undo()
    time.tzset()


def passes(cron: str, day: dt.date) -> list[str]:
    """The local times at which passes begin on a day and the day after it."""
    start = dt.datetime.combine(day, dt.time(0, 0), BERLIN).timestamp() - 60
    now = start
    found: list[str] = []
    while True:
        wait = next_pass(job(cron=cron), now)
        assert wait is not None
        now += wait
        local = dt.datetime.fromtimestamp(now, BERLIN)
        if local.date() > day + dt.timedelta(days=1):
            return found
        found.append(f"{local:%d %H:%M %Z}")


@pytest.mark.usefixtures("_in_berlin")
@pytest.mark.parametrize(
    ("cron", "day", "expected"),
    [
        ("0 3 * * *", SPRING, ["29 03:00 CEST", "30 03:00 CEST"]),
        ("0 3 * * *", AUTUMN, ["25 03:00 CET", "26 03:00 CET"]),
        ("30 2 * * *", SPRING, ["29 03:30 CEST", "30 02:30 CEST"]),
        ("30 2 * * *", AUTUMN, ["25 02:30 CEST", "26 02:30 CET"]),
        ("0 3 * * 1", AUTUMN, ["26 03:00 CET"]),
        ("0 12 * * *", SPRING, ["29 12:00 CEST", "30 12:00 CEST"]),
    ],
)
def test_a_pass_begins_once_at_its_local_time_when_the_clocks_change(
    cron: str, day: dt.date, expected: list[str]
) -> None:
    assert passes(cron, day) == expected


@pytest.mark.usefixtures("_in_berlin")
def test_a_pass_of_every_hour_begins_in_each_hour_of_the_day() -> None:
    assert len([each for each in passes("15 * * * *", SPRING) if each.startswith("29")]) == 23
    autumn = [each for each in passes("15 * * * *", AUTUMN) if each.startswith("25")]
    assert len(autumn) == 25
    assert autumn[2:4] == ["25 02:15 CEST", "25 02:15 CET"]
