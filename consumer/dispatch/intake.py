"""Reads records, relays the outbox, parks the messages of paused jobs, and keeps unreadable messages."""

from __future__ import annotations

import time
from collections.abc import Sequence

import msgspec

from consumer.dispatch import accounting
from consumer.dispatch.accounting import RunningTask
from consumer.dispatch.schedule import next_pass
from ingest import tasks
from ingest.broker import Broker, Outgoing, Record, TooLarge
from ingest.job import Job
from ingest.messages import Restart, Task, decode
from ingest.service.logs import Logger
from ingest.store import Store

DEAD_LETTERS = ".dlq"
"""The suffix of the topic that keeps the unreadable messages of a topic."""
_RELAY = 500
_JOBS_HELD = 100


class DeadLetter(msgspec.Struct, frozen=True):
    """An unreadable message: its position, the reason, and its bytes (in base64)."""

    topic: str
    partition: int
    offset: int
    reason: str
    value: bytes


class Intake:
    """Finds the task of a record. The methods raise Unreachable if the broker or the store is out of reach."""

    def __init__(self, broker: Broker, store: Store, log: Logger) -> None:
        self._broker = broker
        self._store = store
        self._log = log
        self._jobs: dict[str, Job] = {}
        self._paused: frozenset[str] = frozenset()

    def relay(self) -> None:
        """Publish the messages in the outbox of the store. Duplicates do no harm: settled tasks are skipped."""
        numbered = self._store.outbox.oldest(_RELAY)
        if not numbered:
            return
        messages = [message for _, message in numbered]
        try:
            self._publish(messages)
        except TooLarge:
            self._publish_each(messages)
        self._store.outbox.remove([number for number, _ in numbered])

    def _publish(self, messages: Sequence[Outgoing]) -> None:
        """Publish messages; a topic that was lost is made anew."""
        try:
            self._broker.publish(messages)
        except ValueError:
            partitions = self._broker.ensure_topics({each.topic for each in messages})
            self._broker.publish([Outgoing(m.topic, m.partition % partitions[m.topic], m.value) for m in messages])

    def _publish_each(self, messages: Sequence[Outgoing]) -> None:
        """Publish messages one by one. The task of a message that the broker refuses is split, or it fails."""
        for message in messages:
            try:
                self._publish([message])
            except TooLarge as error:
                self._do_without(message, str(error))

    def _do_without(self, message: Outgoing, reason: str) -> None:
        """Settle the task of a message that cannot be published. A pass begins without its message."""
        task = decode(message.value)
        if isinstance(task, Restart):
            self._begin_pass(task)
        elif (job := self._job(task)) is not None:
            record = Record(message.topic, message.partition, -1, message.value)
            self._store.tasks.settle(accounting.too_large_step(RunningTask(task, record, job), reason, time.time()))

    def look_for_pauses(self) -> None:
        """Read which jobs are paused. `task` uses it for the records that follow."""
        self._paused = self._store.jobs.paused()

    def task(self, record: Record) -> tuple[Task, Job] | None:
        """The task of a record and its job; None if there is nothing to do and the record may be committed."""
        try:
            message = decode(record.value)
        except ValueError as error:
            self._put_aside(record, str(error))
            return None
        if message.job in self._paused:
            parcel = Outgoing(record.topic, record.partition, record.value)
            if self._store.outbox.park(message.job, parcel):
                return None
        if isinstance(message, Restart):
            self._begin_pass(message)
            return None
        if not self._store.tasks.outstanding(message.pass_id, message.task, message.round):
            return None
        job = self._job(message)
        return None if job is None or job.incarnation != message.incarnation else (message, job)

    def _put_aside(self, record: Record, reason: str) -> None:
        """Move an unreadable message to the dead letters: it must not block the messages behind it."""
        topic = record.topic + DEAD_LETTERS
        letter = DeadLetter(record.topic, record.partition, record.offset, reason, record.value)
        partitions = self._broker.ensure_topics([topic])[topic]
        self._broker.publish([Outgoing(topic, record.partition % partitions, msgspec.json.encode(letter))])
        self._log.error(
            "a message cannot be read", topic=record.topic, offset=record.offset, reason=reason, kept_in=topic
        )

    def _begin_pass(self, restart: Restart) -> None:
        status = self._store.jobs.get(restart.job)
        if status is None or status.job.incarnation != restart.incarnation:
            return
        job = status.job
        wait = next_pass(job, time.time())
        self._store.tasks.begin_pass(
            job.name,
            restart.pass_id,
            tasks.opening(job, restart),
            next_in=wait,
            following=None if wait is None else tasks.restart(job, "interval"),
            keep_problems=restart.retry or bool(restart.scope),
        )

    def _job(self, task: Task) -> Job | None:
        if task.pass_id not in self._jobs:
            status = self._store.jobs.get(task.job)
            if status is None:
                return None
            if len(self._jobs) >= _JOBS_HELD:
                self._jobs.clear()
            self._jobs[task.pass_id] = status.job
        return self._jobs[task.pass_id]
