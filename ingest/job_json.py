"""A job as JSON, as `ingest-scan list` prints it."""

from __future__ import annotations

import datetime as dt
import os
from collections.abc import Sequence
from typing import Any

from ingest.job import JobStatus
from ingest.store import ConsumerStatus

_LIVE = ("files", "done", "unchanged", "skipped", "failed", "deleted", "moved", "bytes")


def as_json(status: JobStatus, now: float, consumers: Sequence[ConsumerStatus] = ()) -> dict[str, Any]:
    """Return a job with the keys of automated-ingest, and more. `now` is in seconds since the epoch."""
    counts = status.counts
    return {
        "job_name": status.job.name,
        "total_tasks": counts.tasks,
        "remaining_tasks": counts.remaining_tasks,
        "failed_tasks": counts.tasks_failed,
        "retried_tasks": counts.retries,
        "elapsed_time": str(dt.timedelta(seconds=_elapsed(status, now))),
        "start_time": _utc(status.started or 0.0),
        "state": _state(status),
        "source": os.fsdecode(status.job.source).encode("utf-8", "backslashreplace").decode(),
        "target": status.job.target,
        "files": {
            "total": counts.files,
            "done": counts.done,
            "unchanged": counts.unchanged,
            "skipped": counts.skipped,
            "failed": counts.failed,
            "remaining": counts.remaining_files,
        },
        "collections_created": counts.collections,
        "deleted": counts.deleted,
        "moved": counts.moved,
        "bytes": counts.bytes,
        "rate": round(_rate(status, now), 1),
        "passes": status.passes,
        "passes_skipped": status.passes_skipped,
        "next_pass": _utc(status.next_pass) if status.next_pass else None,
        "error": status.error,
        "waits_for": _waits(status, consumers),
    } | (_live(status) if status.job.watch else {})


def _live(status: JobStatus) -> dict[str, Any]:
    """Return the keys of a watch job: the changes that were taken as they happened, and its watcher."""
    live, watching = status.live, status.watching
    more = {"failed_tasks": live.tasks_failed, "remaining": live.remaining_files}
    found: dict[str, Any] = {"live": {name: getattr(live, name) for name in _LIVE} | more}
    if watching is not None:
        found["watcher"] = {
            "host": watching.host,
            "alive": watching.alive,
            "settling": watching.settling,
            "spooled": watching.spooled,
            "unwatched": watching.unwatched,
            "missed": watching.missed,
            "away": watching.away or None,
            "notes": [f"{_utc(at)} {text}" for at, text in watching.notes],
        }
    return found


def _waits(status: JobStatus, consumers: Sequence[ConsumerStatus]) -> list[str]:
    """Return what is unreachable for the consumers of an active job."""
    name, topics = status.job.name, set(status.job.topics.names)
    here = [each.waits for each in consumers if status.state.active and topics & set(each.topics)]
    return sorted({waits[key] for waits in here for key in ("", name) if key in waits})


def _state(status: JobStatus) -> str:
    return "paused" if status.paused else status.state.value


def _elapsed(status: JobStatus, now: float) -> float:
    if status.started is None:
        return 0.0
    return max(0.0, (status.ended or now) - status.started)


def _rate(status: JobStatus, now: float) -> float:
    elapsed = _elapsed(status, now)
    counts = status.counts
    return (counts.files - counts.remaining_files) / elapsed if elapsed else 0.0


def _utc(seconds: float) -> str:
    return dt.datetime.fromtimestamp(seconds, dt.timezone.utc).isoformat(timespec="milliseconds")
