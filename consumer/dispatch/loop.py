"""The consumer: one parent process between the broker, the store and its workers.

It takes records, hands them to workers, settles their reports in the store, and only then commits.
"""

from __future__ import annotations

import math
import secrets
import time
from collections import deque
from collections.abc import Callable, Sequence
from contextlib import suppress

from consumer.dispatch import accounting, metrics
from consumer.dispatch.accounting import Aborted, RunningTask
from consumer.dispatch.intake import Intake
from consumer.dispatch.out_of_reach import OutOfReach
from consumer.dispatch.partition_queues import PartitionQueues
from consumer.dispatch.pool import Event, Pool, Worker
from consumer.dispatch.records import Records
from consumer.dispatch.subjects import subjects_of
from consumer.dispatch.sweeper import Sweeper
from consumer.protocol import Began, Finished, HandedBack, Page, PathBegun, PathDone, Profiled, Setup, Unavailable
from ingest.boot_clock import boot_seconds
from ingest.broker import Broker, Record, TopicPartition
from ingest.errors import AccountRefused, Refused, Unreachable
from ingest.job import Job
from ingest.messages import ListPath, MovePath, Task
from ingest.service import logs
from ingest.service.backoff import Backoff, Waits
from ingest.service.health import Health
from ingest.service.logs import Logger
from ingest.service.profile import ProfileFile, broken_off
from ingest.store import ConsumerStatus, Step, Store

GROUP = "ingest"
STOP_GRACE = 10.0
"""Seconds that running paths get when their job or the consumer is stopped."""
HANDOVER_SECONDS = 40.0
"""Seconds that running paths get when their partition goes to another consumer. Kafka waits for us for a minute."""
BACK_OFF = Waits(0.5, 15.0)
"""Seconds to wait when broker or store are out of reach: at first, and at most."""
_MAX_IDLE_DEATHS = 20
_WAIT = 0.05
_LOOK_SECONDS = 0.5
"""Seconds between two searches for stopped jobs and overdue tasks."""
_ALIVE_SECONDS = 6.0
"""Seconds for which an announcement is valid: less than a start waits before it takes over a dead process's job."""
_TRY_SECONDS = 10.0
"""Seconds of failed attempts before the broker or the store counts as out of reach."""
MOST_WAITING = 20_000
"""Messages on a topic of files. Beyond that, a listing waits after each page: a message has up to ten kilobytes."""
_LISTING_WAIT = 1.0
_SHORTEST_WAIT, _LONGEST_WAIT = 0.05, 2.0
"""Seconds after which a task that waits for a move is handed out again: at first, and at most."""
_LAG_SECONDS = 15.0
"""How often the group's lag is looked up for the metrics: three requests to Kafka."""
_INTERRUPTED = Aborted("interrupted: the job was stopped", retry=False)


class Consumer:
    """Works on the tasks of some topics. Not safe for several threads."""

    def __init__(
        self,
        broker: Broker,
        store: Store,
        topics: Sequence[str],
        setup: Setup,
        *,
        workers: int,
        stop_grace: float = STOP_GRACE,
        profile: ProfileFile | None = None,
        group: str = GROUP,
    ) -> None:
        """`topics` are restart, path and file topics, in this order of descending depth: files go first."""
        self._broker = broker
        self._store = store
        self._group = group
        self._health = Health("consumer")
        self._topics = tuple(topics)
        self._stop_grace = stop_grace
        self._profile = profile
        self._queues = PartitionQueues(reversed(self._topics))
        self._max_held = 4 * workers
        self._name = f"consumer-{secrets.token_hex(4)}"
        self._stopped: dict[str, float] = {}
        self._blocked: frozenset[TopicPartition] = frozenset()
        self._idle_deaths = 0
        self._backlogs: dict[str, tuple[float, bool]] = {}
        self._refused: AccountRefused | None = None
        self._unhandled: deque[Event] = deque()
        self._perhaps_stored: Event | None = None
        self._last_turn = self._last_poll = time.monotonic()
        self._looked = self._announced = self._measured = 0.0
        self._log: Logger = logs.get("consumer").bind(consumer=self._name)
        self._outage = Backoff(self._log, BACK_OFF)
        self._out_of_reach = OutOfReach(self._log)
        self._records = Records(store, self._log)
        self._intake = Intake(broker, store, self._log)
        self._sweeper = Sweeper(broker, store, group, self._topics, self._name, self._log)
        self._member = broker.join(group, self._topics)
        self._pool = Pool(workers, setup)

    def run(self, until: Callable[[], bool], health: Health | None = None) -> None:
        """Work until `until()` is true; it is called many times a second. Running paths then get the grace time.

        `health` receives a heartbeat every turn. Raises AccountRefused, after the same end, as soon as iRODS refuses
        the account.
        """
        self._health = health or self._health
        self._health.started()
        with suppress(Unreachable):
            self._announce()  # what it has in work counts as soon as it is alive
        try:
            while not until() and self._refused is None:
                self._turn_or_wait(until, take=True)
            if self._refused is None:
                self._health.ended()
            for worker in self._pool.busy():
                worker.ask_back()
            end = time.monotonic() + self._stop_grace
            while self._pool.busy() and time.monotonic() < end:
                self._turn_or_wait(lambda: time.monotonic() >= end, take=False)
            with suppress(Unreachable):  # what is in work then is handed out again
                self._look_after_workers()
                for worker in self._pool.busy():
                    if worker.running.job.name in self._stopped:
                        self._settle_aborted(worker, _INTERRUPTED)
                    else:
                        self._take_back(worker)
                self._member.commit(self._queues.to_commit())
        finally:
            self._records.close()
            self._pool.close()
            with suppress(Unreachable, Refused):  # that the store is empty was reported before
                self._store.consumers.announce(ConsumerStatus(self._name, self._topics, ()), 0.0)
            self._member.close()
        if self._refused is not None:
            raise self._refused

    @property
    def topics(self) -> tuple[str, ...]:
        """The topics that it works on."""
        return self._topics

    def _turn_or_wait(self, until: Callable[[], bool], *, take: bool) -> None:
        """Do one turn. If the broker or the store is out of reach, wait, longer each time, and continue."""
        try:
            self._turn(take=take)
        except Unreachable as error:
            seconds = self._outage.failed(str(error))
            metrics.UNREACHABLE.inc()
            self._health.heartbeat("consumer", f"waits: {error}", ready=False, rest=seconds)
            self._perhaps_stored = self._unhandled[0] if self._unhandled else None
            end = time.monotonic() + seconds
            with suppress(Unreachable):
                self._announce(_TRY_SECONDS + seconds)
            while time.monotonic() < end and not until():
                self._stay_member()
            for worker in self._pool.busy():
                worker.excuse(time.monotonic() - self._last_turn)
        else:
            self._outage.succeeded()
            self._perhaps_stored = None
            self._health.heartbeat("consumer", f"{len(self._pool.busy())} tasks in work, {len(self._queues)} waiting")
        self._last_turn = time.monotonic()

    def _stay_member(self) -> None:
        """Poll the broker, so that this consumer keeps its partitions."""
        try:
            self._poll(_WAIT, 0)
        except Unreachable:
            time.sleep(_WAIT)

    def _poll(self, timeout: float, room: int) -> None:
        """Fetch records, and follow the assignment: what is handed over or lost, and until when the rest is ours."""
        records = self._member.poll(timeout, room, self._queues.working())
        lost, releasing, until = self._member.lost(), self._member.releasing(), self._member.held_until()
        self._queues.forget(lost)
        self._queues.begin_no_more(releasing)
        self._queues.add(records)
        for worker in self._pool.busy():
            partition = worker.running.record.topic_partition
            if partition in lost:
                self._give_up(worker)
                continue
            worker.fence.hold_until(until)
            if partition in releasing:
                worker.ask_back()
            if boot_seconds() >= until and not self._outage.reason:  # it waits for us, which is not its fault
                worker.excuse(time.monotonic() - self._last_poll)
        self._last_poll = time.monotonic()

    def _give_up(self, worker: Worker) -> None:
        """End a worker whose partition is lost: another consumer has its task now."""
        worker.fence.close()
        self._log.warning("a task ends here, because its partition was taken away", task=worker.running.task.task)
        self._unhandled = deque(event for event in self._unhandled if event.worker is not worker)
        self._pool.replace(worker)

    def _turn(self, *, take: bool) -> None:
        self._intake.relay()
        self._store.outbox.fire_due()
        room = self._max_held - self._queues.workable()
        self._hold_back()
        paused = self._out_of_reach.of_zone
        idle = not self._pool.busy() and (paused or not len(self._queues))
        self._poll(_WAIT if idle and take else 0.0, room if take and room > 0 else 0)
        passed = self._hand_out() if take and not paused else 0
        if not self._unhandled:
            self._unhandled.extend(self._pool.events(_WAIT if self._pool.busy() and not passed else 0.0))
        while self._unhandled:  # a report that cannot be settled now stays first
            self._handle(self._unhandled[0])
            self._unhandled.popleft()
        self._member.commit(self._queues.to_commit())
        if time.monotonic() - self._looked > _LOOK_SECONDS:
            self._looked = time.monotonic()
            self._look_after_workers()
            self._announce()
            self._measure()
            self._records.look()
            self._sweeper.look()

    def _measure(self) -> None:
        metrics.BUSY.set(len(self._pool.busy()))
        if self._health.measured and time.monotonic() - self._measured > _LAG_SECONDS:
            self._measured = time.monotonic()
            with suppress(Unreachable):
                metrics.LAG.set(self._broker.lag(self._group, self._topics))

    def _settle(self, running: RunningTask, step: Step) -> bool:
        """Whether the store has taken the step of this task."""
        taken = self._store.tasks.settle(step)
        if taken:
            metrics.count(step)
            self._records.settled(step, running)
        return taken

    def _is_stored(self, event: Event, page: Page) -> bool:
        """Whether the store has a page although its answer was lost. Settled twice, the page would count twice."""
        task = event.worker.running.task
        return event is self._perhaps_stored and self._store.tasks.cursor(task.pass_id, task.task) == page.cursor

    def _hold_back(self) -> None:
        """Fetch nothing for blocked partitions: records behind one slow file must not leave other workers idle."""
        blocked = self._queues.blocked()
        if self._blocked - blocked:
            self._member.resume(self._blocked - blocked)
        self._member.pause(blocked)
        self._blocked = blocked

    def _hand_out(self) -> int:
        """Give free workers the next record of each partition. Returns how many records needed no worker."""
        free, ready, passed = self._pool.free(), list(self._queues.ready()), 0
        if free and ready:
            self._intake.look_for_pauses()
        for record in ready:
            if not free:
                break
            work = self._intake.task(record)
            if work is not None and not self._is_put_off(*work, record) and self._may_begin(*work, record):
                self._give(free.pop(), *work, record)
            else:
                self._queues.done(record)
                passed += 1
        return passed

    def _may_begin(self, task: Task, job: Job, record: Record) -> bool:
        """Whether nothing stands in the way of a task; else it is handed out later.

        It may be a move, which only a watch job has: it may be behind the task in its partition, so the task must not
        wait here. For a listing, it may be a backlog of files.
        """
        wait = min(_LONGEST_WAIT, _SHORTEST_WAIT * 2 ** min(task.round, 10))
        if isinstance(task, ListPath) and task.reach == "all" and self._enough_waits(job):
            wait = _LISTING_WAIT
        elif self._owns_its_paths(task, job):
            return True
        running = RunningTask(task, record, job)
        self._settle(running, accounting.later_step(running, wait))
        return False

    def _owns_its_paths(self, task: Task, job: Job) -> bool:
        subjects = subjects_of(task, job) if job.watch else []
        if not subjects:
            return True
        consumers = self._store.consumers.alive() if isinstance(task, MovePath) else []
        alive = [each.consumer for each in consumers]
        return self._store.moves.begin(job.name, task.pass_id, task.task, task.round, subjects, self._name, alive)

    def _is_put_off(self, task: Task, job: Job, record: Record) -> bool:
        """Whether the task was put off because its source is out of reach: records behind it may be of other jobs."""
        seconds = self._out_of_reach.put_off(job.name)
        if seconds:
            running = RunningTask(task, record, job)
            self._settle(running, accounting.unavailable_step(running, time.time(), seconds))
        return seconds > 0

    def _give(self, worker: Worker, task: Task, job: Job, record: Record) -> None:
        self._queues.begin(record)
        try:
            worker.hand(task, record, job, self._member.held_until())
        except OSError:  # it died while it had nothing to do
            self._settle_aborted(worker, _death(worker))

    def _handle(self, event: Event) -> None:
        worker, report = event
        match report:
            case None:
                self._handle_death(worker)
            case Began() | PathBegun() | PathDone():
                self._idle_deaths = 0
                worker.note(report)
            case Profiled():
                if self._profile is not None:
                    self._profile.write(report.events)
            case Page():
                self._settle_page(event, report)
            case Finished():
                self._settle_finished(worker, report)
            case Unavailable():
                self._pause(worker, report)
            case HandedBack():
                self._settle(worker.running, accounting.handed_back_step(worker.running, time.time()))
                self._queues.done(worker.release())

    def _handle_death(self, worker: Worker) -> None:
        if worker.task is None:
            self._replace_dead(worker)
        elif worker.asked_back:
            self._take_back(worker)
        else:
            self._settle_aborted(worker, _death(worker))

    def _settle_page(self, event: Event, page: Page) -> None:
        worker = event.worker
        step = accounting.page_step(worker.running, page)
        if not (self._is_stored(event, page) or self._settle(worker.running, step)):
            self._queues.done(worker.release())  # the job was stopped, or another consumer lists this directory
            self._pool.replace(worker)
            return
        running = worker.running
        waits = isinstance(running.task, ListPath) and not worker.asked_back and self._enough_waits(running.job)
        if waits:
            self._settle(running, accounting.later_step(running, _LISTING_WAIT))
        worker.page_stored(page.cursor, go_on=not (worker.asked_back or waits))
        if waits:
            self._queues.done(worker.release())
        elif worker.asked_back:
            self._take_back(worker)

    def _enough_waits(self, job: Job) -> bool:
        """Whether so many tasks with files of a job wait that its listings have to wait. Measured once a second."""
        topic = job.topics.file
        measured, enough = self._backlogs.get(topic, (-math.inf, False))
        if time.monotonic() - measured > _LISTING_WAIT:
            enough = self._broker.lag(self._group, [topic]) >= MOST_WAITING
            self._backlogs[topic] = time.monotonic(), enough
        return enough

    def _settle_finished(self, worker: Worker, finished: Finished) -> None:
        self._settle(worker.running, accounting.finished_step(worker.running, finished, time.time()))
        self._out_of_reach.over(worker.running.job.name)
        self._queues.done(worker.release())

    def _replace_dead(self, worker: Worker) -> None:
        """Replace a worker that died without a task. Raises Refused if worker after worker does."""
        self._idle_deaths += 1
        if self._idle_deaths > _MAX_IDLE_DEATHS:
            raise Refused(f"worker processes die before they take a task ({worker.exit_words()})")
        self._pool.replace(worker)

    def _pause(self, worker: Worker, unavailable: Unavailable) -> None:
        """Hand a task out again later, because its zone, source or store is out of reach."""
        if unavailable.account:  # other consumers go on: this one leaves the group
            seconds, self._refused = 0.0, AccountRefused(unavailable.reason)
        else:
            seconds = self._out_of_reach.met(worker.running.job.name, unavailable, known=bool(self._outage.reason))
        self._settle(worker.running, accounting.unavailable_step(worker.running, time.time(), seconds))
        self._queues.done(worker.release())

    def _take_back(self, worker: Worker) -> None:
        """Take the task from a worker that is still at it. The rest is handed out again, and nothing has failed."""
        worker.process.kill()  # first: another consumer may begin the rest as soon as it is settled
        self._settle(worker.running, accounting.handed_back_step(worker.running, time.time()))
        self._queues.done(worker.release())
        self._pool.replace(worker)

    def _settle_aborted(self, worker: Worker, aborted: Aborted) -> None:
        running = worker.running
        self._log.warning("a task was aborted", task=running.task.task, reason=aborted.reason)
        if self._profile is not None:
            self._profile.write([broken_off(running.task, running.job, worker.process.pid, worker.seconds)])
        self._settle(running, accounting.aborted_step(running, aborted, time.time()))
        self._queues.done(worker.release())
        self._pool.replace(worker)

    def _look_after_workers(self) -> None:
        busy = {worker.running.job.name for worker in self._pool.busy()}
        for name in busy:
            status = self._store.jobs.get(name)
            if status is not None and status.state.active:
                self._stopped.pop(name, None)
            else:
                self._stopped.setdefault(name, time.monotonic())
        for worker in self._pool.busy():
            since = self._stopped.get(worker.running.job.name)
            if since is not None and time.monotonic() - since > self._stop_grace:
                self._settle_aborted(worker, _INTERRUPTED)
            elif worker.asked_back and worker.ask_back() > HANDOVER_SECONDS:
                self._take_back(worker)
            elif worker.overdue:
                self._settle_aborted(worker, Aborted(f"timeout after {worker.timeout:g} s"))

    def _announce(self, longer: float = 0.0) -> None:
        """Announce that this consumer is alive; `longer` extends the usual term, in seconds."""
        now = time.monotonic()
        busy = tuple(sorted({worker.running.job.name for worker in self._pool.busy()}))
        if now - self._announced > _ALIVE_SECONDS / 4 or busy or longer:
            self._announced = now
            waits = self._out_of_reach.reasons | ({"": self._outage.reason} if self._outage.reason else {})
            status = ConsumerStatus(self._name, self._topics, busy, waits)
            self._store.consumers.announce(status, _ALIVE_SECONDS + longer)


def _death(worker: Worker) -> Aborted:
    return Aborted(f"the worker process has died ({worker.exit_words()})", died=True)
