"""A stateful test: after any sequence of events, the counts of a job are those of a simple model."""

from __future__ import annotations

from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, initialize, invariant, precondition, rule

from ingest.job import Counts, JobState
from ingest.store import Child, Step, Store
from tests.ingest.store.support import again, begin, child, counts_of, make_job, message, status_of, step

pick = st.integers(0, 1_000_000)
few = st.integers(0, 3)


class PassMachine(RuleBasedStateMachine):
    """Runs jobs, one after the other, on one store. A subclass opens the store."""

    def open(self) -> Store:
        raise NotImplementedError

    def lapse(self, seconds: float) -> None:
        """Let so many seconds pass for the store."""
        raise NotImplementedError

    @initialize(periodic=st.booleans())
    def start(self, *, periodic: bool) -> None:
        self.store = self.open()
        self.names = 0
        self._create(periodic=periodic)

    def _create(self, *, periodic: bool) -> None:
        self.store.jobs.create(make_job(interval=9 if periodic else None), message("start"))
        self.periodic = periodic
        self.state = JobState.QUEUED
        self.tasks: dict[str, int] = {}
        self.late: dict[str, int] = {}
        self.relayed: list[Step] = []
        self.counts = Counts()
        self.pass_id = ""
        self.begun: list[str] = []
        self.passes = self.skipped = 0

    def _name(self, kind: str) -> str:
        self.names += 1
        return f"{kind} {self.names}"

    @rule()
    @precondition(lambda self: self.state.active)
    def begin(self) -> None:
        pass_id = self._name("pass")
        begins = self.state is not JobState.RUNNING
        assert begin(self.store, pass_id) is begins
        self.begun.append(pass_id)
        if begins:
            self.state, self.pass_id, self.tasks = JobState.RUNNING, pass_id, {"open": 0}
            self.counts, self.passes = Counts(tasks=1), self.passes + 1
        else:
            self.skipped += 1

    @rule(which=pick)
    @precondition(lambda self: self.begun)
    def begin_again(self, which: int) -> None:
        assert not begin(self.store, self.begun[which % len(self.begun)])

    @rule(
        which=pick,
        children=few,
        done=few,
        closes=st.booleans(),
        course=st.sampled_from(["leave", "leave", "again", "cursor", "error"]),
    )
    @precondition(lambda self: self.tasks)
    def settle(self, which: int, children: int, done: int, course: str, *, closes: bool) -> None:
        task = sorted(self.tasks)[which % len(self.tasks)]
        round_ = self.tasks[task]
        born: list[Child] = [child(self._name("task")) for _ in range(children)]
        closing = child(self._name("close"))
        taken = step(
            task,
            pass_id=self.pass_id,
            round=round_,
            counts=Counts(files=done, done=done),
            children=born,
            closing=closing if closes else None,
            again=again(task, round_ + 1, 100.0 * done) if course == "again" else None,
            cursor=b"m" if course == "cursor" else None,
            error="because" if course == "error" else None,
        )
        assert self.store.tasks.settle(taken)
        self.counts += Counts(tasks=len(born), files=done, done=done)
        self.tasks.update({each.task: 0 for each in born})
        if course == "again":
            self.tasks[task] += 1
            self.relayed.append(taken)
        elif course != "cursor":
            del self.tasks[task]
            self.counts += Counts(tasks_done=1)
            self.relayed.append(taken)
        if course == "error":
            self._end(JobState.FAILED)
        elif not self.tasks and closes:
            self.tasks[closing.task] = 0
            self.counts += Counts(tasks=1)
        elif not self.tasks:
            self._end(JobState.FINISHED)

    def _end(self, state: JobState) -> None:
        self.state = JobState.WAITING if self.periodic else state
        self.tasks.clear()

    @rule(which=pick)
    @precondition(lambda self: self.relayed)
    def settle_again(self, which: int) -> None:
        """Steps of earlier passes, and steps after a stop, are refused too."""
        assert not self.store.tasks.settle(self.relayed[which % len(self.relayed)])

    @rule()
    @precondition(lambda self: self.state.active)
    def stop(self) -> None:
        assert self.store.jobs.stop("job")
        self.state, self.late = JobState.STOPPED, dict(self.tasks)
        self.tasks.clear()
        assert self.store.outbox.oldest(9) == []
        self.lapse(1e6)
        assert self.store.outbox.fire_due() is None
        assert self.store.outbox.oldest(9) == []

    @rule(which=pick, files=few)
    @precondition(lambda self: self.late)
    def settle_late(self, which: int, files: int) -> None:
        task = sorted(self.late)[which % len(self.late)]
        taken = step(task, pass_id=self.pass_id, round=self.late.pop(task), counts=Counts(done=files),
                     children=[child(self._name("task"))])  # fmt: skip
        for _ in range(2):
            assert not self.store.tasks.settle(taken)
        self.counts += Counts(done=files)

    @rule(periodic=st.booleans())
    @precondition(lambda self: not self.state.active)
    def replace(self, *, periodic: bool) -> None:
        self._create(periodic=periodic)

    @rule(seconds=few)
    def relay(self, seconds: int) -> None:
        """Nothing is delivered before it is due, and nothing for a job that has ended."""
        self.lapse(100.0 * seconds)
        wait = self.store.outbox.fire_due()
        assert wait is None or wait > 0
        sent = self.store.outbox.oldest(1000)
        self.store.outbox.remove([number for number, _ in sent])
        assert self.store.outbox.oldest(9) == []
        assert not sent or self.state.active

    @invariant()
    def the_store_says_what_the_model_says(self) -> None:
        status = status_of(self.store)
        assert (status.state, status.passes, status.passes_skipped) == (self.state, self.passes, self.skipped)
        assert counts_of(self.store) == self.counts
        for task, round_ in self.tasks.items():
            assert self.store.tasks.outstanding(self.pass_id, task, round_)
            assert not self.store.tasks.outstanding(self.pass_id, task, round_ + 1)
        for task, round_ in self.late.items():
            assert not self.store.tasks.outstanding(self.pass_id, task, round_)

    @invariant()
    def every_task_is_done_or_outstanding(self) -> None:
        if self.state is JobState.RUNNING:
            assert self.counts.remaining_tasks == len(self.tasks) > 0

    def teardown(self) -> None:
        """A running pass ends when all its tasks are done, the closing task last."""
        while self.state is JobState.RUNNING:
            self.settle(0, 0, 0, "leave", closes=False)
        self.the_store_says_what_the_model_says()
        self.store.close()
