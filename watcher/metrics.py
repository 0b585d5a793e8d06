"""Metrics of a watcher for Prometheus: events, published tasks, and what is still to be published."""

from __future__ import annotations

from prometheus_client import Counter, Gauge

from ingest.job import Watching

EVENTS = Counter("ingest_watch_events", "Events that the backend has reported")
PUBLISHED = Counter("ingest_watch_published", "Tasks that were published: changed files, moves and collections")
MISSED = Counter("ingest_watch_missed", "How often events were lost and a scan took their place")
LOST = Counter("ingest_watch_root_lost", "How often the source became invisible")
UNREACHABLE = Counter("ingest_watch_unreachable", "How often queue or store did not answer")
_SETTLING = Gauge("ingest_watch_settling", "Paths that have not settled")
_SPOOLED = Gauge("ingest_watch_spooled", "Changes that have settled and are not yet published")
_UNWATCHED = Gauge("ingest_watch_unwatched_directories", "Directories that are polled, since they cannot be watched")


def show(watching: Watching) -> None:
    """Set the gauges."""
    _SETTLING.set(watching.settling)
    _SPOOLED.set(watching.spooled)
    _UNWATCHED.set(watching.unwatched)
