"""Metrics of a consumer for Prometheus.

The counters of several consumers add up; only the lag is the group's.
"""

from __future__ import annotations

from prometheus_client import Counter, Gauge

from ingest.store import Step

_FILES = Counter("ingest_files", "Files by outcome", ["job", "outcome"])
_BYTES = Counter("ingest_bytes", "Bytes that were transferred", ["job"])
_CHANGES = Counter("ingest_changes", "Collections created, objects deleted, names moved", ["job", "kind"])
_TASKS = Counter("ingest_tasks", "Tasks settled", ["job"])
_FAILED = Counter("ingest_tasks_failed", "Tasks that failed, or with files that did", ["job"])
_RETRIES = Counter("ingest_retries", "Paths that were handed out again after a failure", ["job"])
BUSY = Gauge("ingest_workers_busy", "Worker processes that have a task")
LAG = Gauge("ingest_lag", "Messages that the consumer group has not done with, as this consumer saw it last")
UNREACHABLE = Counter("ingest_unreachable", "Turns that ended because queue or store did not answer")


def count(step: Step) -> None:
    """Count a step that the store has settled."""
    job, counts = step.job, step.counts
    for outcome in ("done", "unchanged", "skipped", "failed"):
        _FILES.labels(job, outcome).inc(getattr(counts, outcome))
    for kind in ("collections", "deleted", "moved"):
        _CHANGES.labels(job, kind).inc(getattr(counts, kind))
    _BYTES.labels(job).inc(counts.bytes)
    _RETRIES.labels(job).inc(counts.retries)
    _TASKS.labels(job).inc(step.again is None and step.cursor is None)
    _FAILED.labels(job).inc(counts.tasks_failed)
