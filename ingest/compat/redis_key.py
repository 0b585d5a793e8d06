"""Automated-ingest's `redis_key`: named values of handlers, and views of a job's accounting.

The accounting is the landing zone's own: it can be read under the old names, and not be changed.
"""
# ruff: noqa: N801 - the names that handler files import

from __future__ import annotations

import json
import time
from collections.abc import Callable
from typing import Any, NoReturn

from ingest.compat import runtime
from ingest.job import JobState, JobStatus
from ingest.job_json import as_json


class redis_key_handle:
    """A value under the key category + delimiter + identifier; `redis_handle` is what `get_redis` returns."""

    def __init__(self, redis_handle: Any, key_category: str, key_identifier: str, delimiter: str = ":/") -> None:
        self.redis_handle = redis_handle
        self.category = key_category
        self.identifier = key_identifier
        self.delimiter = delimiter

    def get_key(self) -> str:
        """The key."""
        return f"{self.category}{self.delimiter}{self.identifier}"

    def get_value(self) -> Any:
        """The value; None if it is not set."""
        return self.redis_handle.get(self.get_key())

    def set_value(self, value: Any) -> None:
        """Replace the value."""
        self.redis_handle.set(self.get_key(), value)

    def reset(self) -> None:
        """Remove the value."""
        self.redis_handle.delete(self.get_key())

    def retry(self, function: Callable[..., Any], *args: Any, **options: Any) -> Any:
        """Call the function: our store does its own retries."""
        return function(*args, **options)


class incremental_redis_key_handle(redis_key_handle):
    """A whole number."""

    def get_value(self) -> int | None:
        """The number; None if it is not set."""
        value = self.redis_handle.get(self.get_key())
        return None if value is None else int(value)

    def incr(self) -> int:
        """Add one; the sum."""
        return self.incrby(1)

    def decr(self) -> int:
        """Subtract one; the difference."""
        return self.incrby(-1)

    def incrby(self, amount: int) -> int:
        """Add; the sum."""
        total: int = self.redis_handle.incr(self.get_key(), amount)
        return total

    def decrby(self, amount: int) -> int:
        """Subtract; the difference."""
        return self.incrby(-amount)


class list_redis_key_handle(redis_key_handle):
    """A list."""

    def get_value(self) -> Any:
        """All elements."""
        return self.lrange(0, -1)

    def rpush(self, *values: Any) -> Any:
        """Add to the end; the length."""
        return self.redis_handle.rpush(self.get_key(), *values)

    def lrange(self, start: int, end: int) -> Any:
        """The elements from `start` to `end`, both included."""
        return self.redis_handle.lrange(self.get_key(), start, end)

    def llen(self) -> Any:
        """The length."""
        return self.redis_handle.llen(self.get_key())


class json_redis_key_handle(redis_key_handle):
    """Anything that JSON can hold."""

    def get_value(self) -> Any:
        """The value; None if it is not set."""
        text = self.redis_handle.get(self.get_key())
        return None if text is None else json.loads(text)

    def set_value(self, value: Any) -> None:
        """Replace the value."""
        self.redis_handle.set(self.get_key(), json.dumps(value))


class float_redis_key_handle(redis_key_handle):
    """A number."""

    def get_value(self) -> float | None:
        """The number; None if it is not set."""
        value = self.redis_handle.get(self.get_key())
        return None if value is None else float(value)


class sync_time_key_handle(float_redis_key_handle):
    """A time for a path, for handlers that keep one; the path cache of the landing zone holds no times."""

    def __init__(self, redis_handle: Any, path: str) -> None:
        super().__init__(redis_handle, "sync_time", path)


class _JobView(redis_key_handle):
    """Something that the landing zone knows of a job."""

    def __init__(self, redis_handle: Any, job_name: str) -> None:
        super().__init__(redis_handle, type(self).__name__.removesuffix("_key_handle"), job_name)

    def get_value(self) -> Any:
        status = runtime.store().jobs.get(self.identifier)
        return None if status is None else self._of(status)

    def _of(self, status: JobStatus) -> Any:
        raise NotImplementedError

    def set_value(self, value: Any) -> NoReturn:
        raise NotImplementedError(f"{self.get_key()} is the landing zone's own accounting: it can only be read")

    def reset(self) -> NoReturn:
        self.set_value(None)


class cleanup_key_handle(_JobView):
    """Something while the job is active."""

    def _of(self, status: JobStatus) -> bytes | None:
        return b"[]" if status.state.active else None


class stop_key_handle(_JobView):
    """Something once the job was stopped."""

    def _of(self, status: JobStatus) -> bytes | None:
        return b"" if status.state is JobState.STOPPED else None


class tasks_key_handle(_JobView):
    """The number of tasks that are outstanding in the pass."""

    def _of(self, status: JobStatus) -> int:
        return status.counts.remaining_tasks


class count_key_handle(_JobView):
    """The tasks of the pass: how many."""

    def _of(self, status: JobStatus) -> int:
        return status.counts.tasks

    def llen(self) -> int:
        """How many."""
        return self.get_value() or 0


class dequeue_key_handle(count_key_handle):
    """The tasks of the pass that have ended: how many."""

    def _of(self, status: JobStatus) -> int:
        return status.counts.tasks_done


class failures_key_handle(_JobView):
    """The number of tasks that have failed; None for none, as automated-ingest's."""

    def _of(self, status: JobStatus) -> int | None:
        return status.counts.tasks_failed or None


class retries_key_handle(_JobView):
    """The number of retries; None for none, as automated-ingest's."""

    def _of(self, status: JobStatus) -> int | None:
        return status.counts.retries or None


class stopped_jobs_key_handle(_JobView):
    """The jobs that were stopped."""

    def __init__(self, redis_handle: Any) -> None:
        super().__init__(redis_handle, "")

    def get_value(self) -> list[dict[str, Any]]:
        """A dictionary for each, as `ingest-scan list` shows them."""
        now = time.time()
        stopped = [each for each in runtime.store().jobs.all() if each.state is JobState.STOPPED]
        return [as_json(each, now) for each in stopped]
