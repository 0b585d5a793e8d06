"""Consumers join, leave and freeze during a job: no path is worked on twice, and none fails."""

from __future__ import annotations

import signal
from collections import Counter
from collections.abc import Iterator
from pathlib import Path
from typing import NamedTuple

import pytest

from tests.conftest import CommandLine
from tests.support.fleet import Consumers, assert_exact, fill, fleet, kafka, redis
from tests.support.integration import children, running, wait_until

__all__ = ["fleet", "kafka", "redis"]

FILES, DIRECTORIES = 200, 8
WORKERS = 2
JOBS = 4
JOB_SECONDS = 180
_HANDLER = """
import os, time
from ingest import Core, Operation

def note(hook, meta):
    with open({log!r}, "a") as out:
        out.write(f"{{hook}} {{os.getppid()}} {{os.path.relpath(meta['target'], {home!r})}}\\n")

class event_handler(Core):
    @staticmethod
    def operation(session, meta, **options):
        return Operation.PUT
    @staticmethod
    def pre_job(module, logger, meta, **options):
        note("pre_job", meta)
        {in_job}
    @staticmethod
    def pre_data_obj_create(module, logger, session, meta, *args, **options):
        note("pre", meta)
        {in_path}
    @staticmethod
    def post_data_obj_create(module, logger, session, meta, *args, **options):
        note("post", meta)
"""
_SLOW = "time.sleep(0.1)"
_GATE = "while not os.path.exists({gate!r}): time.sleep(0.02)"


class Note(NamedTuple):
    """One call of a hook: its name, the process id of the consumer, and the logical path below the target."""

    hook: str
    consumer: int
    path: str


class Notes:
    """The handler file, and what its hooks have noted."""

    def __init__(self, folder: Path, home: str) -> None:
        self.handler, self.gate, self._log, self._home = folder / "h.py", folder / "gate", folder / "hooks", home
        self._log.touch()

    def write(self, *, in_path: str, in_job: str = "pass") -> Path:
        """Write the handler; its hooks run these statements after they have made their note."""
        steps = {name: text.format(gate=str(self.gate)) for name, text in (("in_path", in_path), ("in_job", in_job))}
        self.handler.write_text(_HANDLER.format(log=str(self._log), home=self._home, **steps))
        return self.handler

    def read(self) -> list[Note]:
        """All calls until now."""
        rows = [line.split(" ", 2) for line in self._log.read_text().splitlines()]
        return [Note(hook, int(consumer), path) for hook, consumer, path in rows]

    def of(self, hook: str) -> list[Note]:
        """The calls of one hook."""
        return [each for each in self.read() if each.hook == hook]


@pytest.fixture
def notes(tmp_path: Path, home: str) -> Notes:
    """The handler file of the test."""
    return Notes(tmp_path, home)


@pytest.fixture
def alone(scan: CommandLine, tmp_path: Path) -> Iterator[Consumers]:
    """Consumers of one state file, none yet."""
    consumers = Consumers(scan.state, scan.environment, tmp_path)
    yield consumers
    consumers.kill()


@pytest.fixture(params=["alone", pytest.param("fleet", marks=pytest.mark.slow)])
def consumers(request: pytest.FixtureRequest) -> Consumers:
    """Consumers of one state file, and of Kafka and Redis."""
    found: Consumers = request.getfixturevalue(request.param)
    return found


def join(consumers: Consumers, workers: int = 1, *options: str) -> None:
    """Start one more consumer, and wait until it serves."""
    consumers.add(workers, *options)
    number = len(consumers.consumers) - 1
    wait_until(lambda: "Serving" in consumers.said(number), consumers.work)


def begin(consumers: Consumers, source: Path, target: str, notes: Notes, job: str = "j") -> None:
    begun = consumers(
        "start", source, target, "--job_name", job, "--event_handler", notes.handler, "--files_per_task", "10"
    )
    assert begun.status == 0, begun.err


def test_consumers_join_and_leave_and_nothing_is_done_twice(
    consumers: Consumers, source: Path, home: str, notes: Notes
) -> None:
    sizes = fill(source, FILES, DIRECTORIES)
    notes.write(in_path=_SLOW)
    join(consumers, WORKERS)
    begin(consumers, source, home, notes)
    for part, joins in ((20, True), (8, True), (4, False), (3, True), (2, False)):
        wait_until(consumers.has_done("j", FILES // part), consumers.work)
        if joins:
            join(consumers, WORKERS)
        else:
            consumers.leave()
    assert_exact(consumers.ended("j", JOB_SECONDS), FILES)
    assert consumers.status("j").counts.unchanged == 0
    calls = Counter((each.hook, each.path) for each in notes.read())
    assert calls == Counter([("pre_job", "."), *((hook, path) for path in sizes for hook in ("pre", "post"))])


def test_a_pass_begins_once_although_consumers_join_while_pre_job_runs(
    consumers: Consumers, source: Path, home: str, notes: Notes
) -> None:
    fill(source, 4, 2)
    notes.write(in_path="pass", in_job=_GATE)
    join(consumers, JOBS)
    names = [f"j{number}" for number in range(JOBS)]
    for name in names:
        begin(consumers, source, f"{home}/{name}", notes, name)
    wait_until(lambda: bool(notes.of("pre_job")), consumers.work)
    for _ in range(2):
        join(consumers)
    notes.gate.touch()
    for name in names:
        assert_exact(consumers.ended(name, JOB_SECONDS), 4)
    assert Counter(each.path for each in notes.of("pre_job")) == Counter(names)


def test_a_path_that_outlasts_the_grace_of_a_consumer_that_leaves_is_no_failure(
    consumers: Consumers, source: Path, home: str, notes: Notes
) -> None:
    fill(source, 6, 1)
    notes.write(in_path=_GATE)
    join(consumers, 1, "--grace", "1")
    begin(consumers, source, home, notes)
    wait_until(lambda: len(notes.of("pre")) == 1, consumers.work)
    join(consumers)
    consumers.leave()
    wait_until(lambda: notes.of("pre")[-1].consumer == consumers.consumers[1].pid, consumers.work)
    notes.gate.touch()
    assert_exact(consumers.ended("j", JOB_SECONDS), 6)
    assert consumers.status("j").counts.done == 6
    assert len(notes.of("post")) == 6
    assert len(notes.of("pre")) == 7


def test_a_consumer_that_froze_does_nothing_more_for_a_task_that_another_one_has(
    consumers: Consumers, source: Path, home: str, notes: Notes
) -> None:
    (source / "f").write_text("content")
    notes.write(in_path=_GATE)
    join(consumers)
    begin(consumers, source, home, notes)
    wait_until(lambda: len(notes.of("pre")) == 1, consumers.work)
    frozen = consumers.consumers[0]
    (worker,) = children(frozen.pid)
    frozen.send_signal(signal.SIGSTOP)
    join(consumers)
    wait_until(lambda: len(notes.of("pre")) == 2, consumers.work)
    notes.gate.touch()  # the workers of both go on
    assert_exact(consumers.ended("j", JOB_SECONDS), 1)
    assert running(worker)
    frozen.send_signal(signal.SIGCONT)
    wait_until(lambda: not running(worker), consumers.work)
    assert [each.consumer for each in notes.of("post")] == [consumers.consumers[1].pid]
    assert consumers.status("j").counts.done == 1
