"""When the next pass of a periodic job is due."""

from __future__ import annotations

import datetime as dt
from collections.abc import Iterator

from croniter import croniter

from ingest.job import Job

_EARLY_SECONDS = 5.0
"""A pass may begin so much before its minute, because no two clocks agree. It is not started twice for that."""


def next_pass(job: Job, now: float) -> float | None:
    """Return the seconds between the beginnings of a pass and of the next one.

    A cron expression is in local time. When the clocks change, a pass at a given hour still begins once: a time that
    the day does not have is an hour later, and of two equal times the first one counts. An expression for every hour
    (`*`) continues in the hour that comes twice.

    Args:
        job: The job.
        now: When the first of the two passes begins, in seconds since the epoch.

    Returns:
        The seconds; None for a single pass.
    """
    if job.interval is not None:
        return float(job.interval)
    if job.cron is not None:
        return _next_time(job.cron, now + _EARLY_SECONDS) - now
    return None


def _next_time(cron: str, after: float) -> float:
    """The next time of an expression, in seconds since the epoch."""
    local = dt.datetime.fromtimestamp(after)
    due = next(each for each in _local_times(cron, local) if each > after)
    if cron.split()[1].startswith("*"):
        without_change: dt.datetime = croniter(cron, local.astimezone()).get_next(dt.datetime)
        sooner = without_change.timestamp()
        if sooner < due and croniter.match(cron, dt.datetime.fromtimestamp(sooner)):
            return sooner
    return due


def _local_times(cron: str, start: dt.datetime) -> Iterator[float]:
    """The times of an expression, in seconds since the epoch. Of an hour that comes twice, they are in the first."""
    times = croniter(cron, start)
    while True:
        found: dt.datetime = times.get_next(dt.datetime)
        yield found.timestamp()
