"""Passes one after another without a process for each: a consumer that serves a state file, and jobs put into it."""

import os
import secrets
import time
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from typing import Any, NamedTuple

from ingest import tasks
from ingest.broker.embedded.broker import EmbeddedBroker
from ingest.handlers.loader import sha256
from ingest.job import DEFAULT_TOPICS, Counts, Job, JobStatus, Topics
from ingest.store.embedded import EmbeddedStore
from tests.conftest import CommandLine

SECONDS = 60
HEAD = "from ingest import Core, DeleteMode, Operation\n\nclass event_handler(Core):\n"


class Passed(NamedTuple):
    """How a pass has ended, and what it told of single paths: `path: reason`."""

    status: JobStatus
    told: list[str]

    @property
    def counts(self) -> Counts:
        """What the pass has counted."""
        return self.status.counts

    @property
    def fine(self) -> bool:
        """Whether `start --synchronous` would end with status 0."""
        return not self.counts.tasks_failed and self.status.error is None


class Passes:
    """Runs single passes of jobs on the state file of a consumer that is running."""

    def __init__(self, store: EmbeddedStore, topics: Topics) -> None:
        self._store = store
        self._topics = topics

    def run(self, source: bytes | Path, target: str, handler: str, **options: Any) -> Passed:
        """One pass; `handler` is the body of a handler class, the options are fields of Job.

        Fails when it does not end within a minute.
        """
        text = (HEAD + "".join(f"    {line}\n" for line in handler.splitlines())).encode()
        self._store.handlers.save(sha256(text), text)
        job = Job(
            name=secrets.token_hex(8), source=os.fsencode(source), target=target, topics=self._topics,
            handler=sha256(text), **options,
        )  # fmt: skip
        self._store.jobs.create(job, tasks.restart(job, "start"))
        end = time.monotonic() + SECONDS
        while True:
            status = self._store.jobs.get(job.name)
            assert status is not None
            if not status.state.active:
                return Passed(status, self._problems(job))
            assert time.monotonic() < end, status
            time.sleep(0.01)

    def _problems(self, job: Job) -> list[str]:
        found = self._store.jobs.problems(job.name)
        return [f"{each.path.decode('utf-8', 'backslashreplace')}: {each.reason}" for each in found]


@contextmanager
def running_consumer(scan: CommandLine, environ: Mapping[str, str] | None = None) -> Iterator[Passes]:
    """A consumer on the state file of a command line, with more in its environment."""
    process = scan.process("--workers", "2", program="consumer", **(environ or {}))
    store = None
    try:
        end = time.monotonic() + SECONDS
        while not scan.state.exists() or store is None or not store.consumers.alive():
            assert process.poll() is None, process.communicate()
            assert time.monotonic() < end
            time.sleep(0.05)
            if scan.state.exists() and store is None:
                store = EmbeddedStore(scan.state)
        broker = EmbeddedBroker(scan.state)
        partitions = broker.ensure_topics(DEFAULT_TOPICS)
        broker.close()
        yield Passes(store, Topics(*DEFAULT_TOPICS, partitions))
    finally:
        process.terminate()
        process.communicate(timeout=SECONDS)
        if store is not None:
            store.close()
