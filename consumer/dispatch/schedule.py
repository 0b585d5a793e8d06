"""When the next pass of a periodic job is due."""

from __future__ import annotations

import datetime as dt

from croniter import croniter

from ingest.job import Job


def next_pass(job: Job, now: float) -> float | None:
    """The time of the pass after the one that begins now, in seconds since the epoch; None for a single pass.

    A cron expression is in local time.
    """
    if job.interval is not None:
        return now + job.interval
    if job.cron is not None:
        local = dt.datetime.fromtimestamp(now).astimezone()
        return croniter(job.cron, local).get_next(dt.datetime).timestamp()
    return None
