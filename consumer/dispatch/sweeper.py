"""Finds tasks that no message carries any more, and sends them again.

A topic may be lost or emptied, and messages may expire. Then the tasks stay outstanding, and their job would never
end. Of the consumers of the same topics, one sweeps.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator, Mapping, Sequence

from ingest import tasks
from ingest.broker import Broker, Outgoing
from ingest.job import Counts, Job, JobState, JobStatus
from ingest.messages import Restart, again, decode, encode
from ingest.service.logs import Logger
from ingest.store import Outstanding, Redelivery, Step, Store

LOOK_SECONDS = 30.0
"""Seconds between two looks. Tasks are sent again after two looks at which no message carried them."""
_MOST = 2000
"""The highest number of tasks that are sent again at a time, so that the consumer goes on polling."""
_Standing = tuple[str | None, JobState, Counts, Counts]


class Sweeper:
    """Looks after the jobs whose topics a consumer reads."""

    def __init__(
        self,
        broker: Broker,
        store: Store,
        group: str,
        topics: Sequence[str],
        owner: str,
        log: Logger,
        *,
        clock: Callable[[], float] = time.monotonic,
    ) -> None:
        """Nothing is looked at yet.

        Args:
            broker: The broker.
            store: The store.
            group: The consumer group.
            topics: The topics that the consumer reads.
            owner: The name of the consumer.
            log: Where it logs what it sends again.
            clock: Seconds that never go back.
        """
        self._broker = broker
        self._store = store
        self._group = group
        self._topics = tuple(topics)
        self._owner = owner
        self._log = log
        self._clock = clock
        self._next = clock() + LOOK_SECONDS
        self._suspects: dict[str, _Standing] = {}

    def look(self) -> None:
        """Look, if it is time to. Raises Unreachable if the broker or the store is out of reach."""
        if self._clock() < self._next:
            return
        self._next = self._clock() + LOOK_SECONDS
        before, self._suspects = self._suspects, {}
        if not self._store.leases.take(f"sweep {' '.join(self._topics)}", self._owner, 2.5 * LOOK_SECONDS):
            return
        for status in list(self._uncarried()):
            standing = (status.pass_id, status.state, status.counts, status.live)
            if before.get(status.job.name) == standing:
                self._send_again(status)
            else:
                self._suspects[status.job.name] = standing

    def _uncarried(self) -> Iterator[JobStatus]:
        """The jobs with something to do that nothing carries: neither store, nor broker, nor worker.

        A message moves from the store to the broker to a worker, so they are asked in this order.
        """
        found = [status for status in self._store.jobs.all() if self._may_be_uncarried(status)]
        if found and self._broker.lag(self._group, self._topics) == 0:
            busy = {job for consumer in self._store.consumers.alive() for job in consumer.busy}
            yield from (status for status in found if status.job.name not in busy)

    def _may_be_uncarried(self, status: JobStatus) -> bool:
        job = status.job
        if not status.state.active or status.paused or not set(job.topics.names) <= set(self._topics):
            return False
        held = self._store.outbox.held(job.name)
        if held.messages:
            return False
        return _lacks_start(status, next_pass=held.next_pass) or bool(self._store.tasks.messages(job.name, 1))

    def _send_again(self, status: JobStatus) -> None:
        job = status.job
        partitions = self._broker.ensure_topics(job.topics.names)  # a lost topic is made anew
        found = self._store.tasks.messages(job.name, _MOST)
        sent = sum(self._store.tasks.settle(_once_more(each, job, partitions)) for each in found)
        if not found and _lacks_start(status, next_pass=self._store.outbox.held(job.name).next_pass):
            sent += self._store.outbox.send(job.name, tasks.restart(job, "its message was lost"))
        if sent:
            self._log.warning("no message carried these tasks: they are sent again", job=job.name, tasks=sent)


def _lacks_start(status: JobStatus, *, next_pass: bool) -> bool:
    """Whether a job waits for a pass that nothing will start."""
    if status.state is JobState.QUEUED:
        return True
    periodic = status.job.interval is not None or status.job.cron is not None
    return status.state is JobState.WAITING and periodic and not next_pass


def _once_more(outstanding: Outstanding, job: Job, partitions: Mapping[str, int]) -> Step:
    """The step that hands a task out in its next round."""
    task = decode(outstanding.message.value)
    assert not isinstance(task, Restart)  # noqa: S101 - it is no task
    topic = outstanding.message.topic
    message = Outgoing(topic, outstanding.message.partition % partitions[topic], encode(again(task)))
    return Step(
        job=job.name,
        pass_id=outstanding.pass_id,
        task=outstanding.task,
        round=outstanding.round,
        again=Redelivery(0.0, outstanding.round + 1, message),
    )
