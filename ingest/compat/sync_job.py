"""Automated-ingest's `sync_job`: what is known of a job."""
# ruff: noqa: N801 - the names that handler files import

from __future__ import annotations

import time
from typing import Any

from ingest.compat import redis_key, runtime
from ingest.compat.redis_utils import get_redis
from ingest.job_json import as_json


class sync_job:
    """A job by its name; `redis_handle` is what `get_redis` returns."""

    def __init__(self, job_name: str, redis_handle: Any) -> None:
        self.job_name = job_name
        self.redis_handle = redis_handle

    @classmethod
    def from_meta(cls, meta: dict[str, Any]) -> sync_job:
        """The job that a handler works for."""
        return cls(meta["job_name"], get_redis(meta["config"]))

    def name(self) -> str:
        """Its name."""
        return self.job_name

    def asdict(self) -> dict[str, Any]:
        """What `ingest-scan list` shows of it; raises LookupError when there is no such job."""
        status = runtime.store().jobs.get(self.job_name)
        if status is None:
            raise LookupError(f"there is no job {self.job_name}")
        return as_json(status, time.time())

    def done(self) -> bool:
        """Whether nothing of its pass is outstanding."""
        return not self.tasks_handle().get_value()

    def periodic(self) -> bool:
        """Whether another pass follows each."""
        status = runtime.store().jobs.get(self.job_name)
        return status is not None and status.job.periodic

    def cleanup_handle(self) -> redis_key.cleanup_key_handle:
        """Whether it is active."""
        return redis_key.cleanup_key_handle(self.redis_handle, self.job_name)

    def stop_handle(self) -> redis_key.stop_key_handle:
        """Whether it was stopped."""
        return redis_key.stop_key_handle(self.redis_handle, self.job_name)

    def tasks_handle(self) -> redis_key.tasks_key_handle:
        """How many tasks are outstanding."""
        return redis_key.tasks_key_handle(self.redis_handle, self.job_name)

    def count_handle(self) -> redis_key.count_key_handle:
        """How many tasks there are."""
        return redis_key.count_key_handle(self.redis_handle, self.job_name)

    def dequeue_handle(self) -> redis_key.dequeue_key_handle:
        """How many tasks have ended."""
        return redis_key.dequeue_key_handle(self.redis_handle, self.job_name)

    def failures_handle(self) -> redis_key.failures_key_handle:
        """How many tasks have failed."""
        return redis_key.failures_key_handle(self.redis_handle, self.job_name)

    def retries_handle(self) -> redis_key.retries_key_handle:
        """How many retries there were."""
        return redis_key.retries_key_handle(self.redis_handle, self.job_name)


def get_stopped_jobs_list(redis_handle: Any) -> list[dict[str, Any]]:
    """The jobs that were stopped, as `ingest-scan list` shows them."""
    return redis_key.stopped_jobs_key_handle(redis_handle).get_value()
