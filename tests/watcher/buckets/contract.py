"""What every way to be notified by an S3 server does, on real servers."""

from __future__ import annotations

import time
from collections.abc import Callable

from tests.scanner.buckets.test_source import ODD_KEYS
from tests.support.s3_servers import Bucket
from watcher.events import Backend, Event, Gone, Missed, Written

CREATED, REMOVED = "s3:ObjectCreated:*", "s3:ObjectRemoved:*"
PATIENCE = 30.0


def heard(backend: Backend, enough: Callable[[list[Event]], bool]) -> list[Event]:
    """What a backend says until that is enough."""
    events: list[Event] = []
    end = time.monotonic() + PATIENCE
    while not enough(events):
        assert time.monotonic() < end, f"only {events}"
        events += backend.read(0.5)
        acknowledge = getattr(backend, "acknowledge", None)
        if acknowledge is not None:
            acknowledge()
    return events


def all_of(*events: Event) -> Callable[[list[Event]], bool]:
    """Whether all of these were heard."""
    return lambda found: set(events) <= set(found)


def written(path: str) -> Written:
    return Written(path.encode())


def gone(path: str) -> Gone:
    return Gone(path.encode(), directory=False)


def tells_of_what_happens_below_the_prefix_and_of_nothing_else(backend: Backend, bucket: Bucket) -> None:
    """The prefix is `p`."""
    keys = [*ODD_KEYS, "d/e/f"]
    for key in keys:
        bucket.put(f"p/{key}", key.encode())
    bucket.put("pq/other")
    bucket.put("other")
    bucket.put("p/d/e/f", b"again")
    bucket.remove("p/d/e/f", "other")
    bucket.put("p/last")
    events = heard(backend, all_of(*map(written, keys), gone("d/e/f"), written("last")))
    assert set(events) == {*map(written, keys), gone("d/e/f"), written("last")}
    assert not any(isinstance(event, Missed) for event in events)
