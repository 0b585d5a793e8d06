"""Pure functions that turn the reports of a worker into one step of the store."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import NamedTuple

import msgspec

from consumer.protocol import Began, Finished, Outcome, Page, Part, PathBegun, PathDone, Result
from ingest import tasks
from ingest.broker import Outgoing, Record
from ingest.fingerprint import cache_key
from ingest.handlers.loader import DEFAULT_TIMEOUT
from ingest.job import Counts, Job, Problem
from ingest.messages import (
    UNKNOWN,
    Candidate,
    Change,
    ClosePass,
    Delete,
    ListPath,
    MovePath,
    OpenPass,
    SyncFiles,
    Task,
    again,
    encode,
    path_from_wire,
)
from ingest.store import Cached, Child, Redelivery, Step

BEFORE_BEGAN = Began(timeout=DEFAULT_TIMEOUT, max_retries=0, delay=0.0)
"""The limits until the worker has reported its own: the handler may hang while the worker asks it."""


HELD_SECONDS = 3600.0
"""How long a path that iRODS says is held "at the moment" is tried again before it counts as failed."""
_HELD_WAIT = (2.0, 60.0)
"""Seconds to wait before such a path is tried again: at first, and at most. The wait grows with the time passed."""
_HELD_GROWTH = 0.5
MAX_DEATHS = 5
"""The number of workers that may die, one after the other, before they began one task."""
_DEATH_WAIT = 0.5
"""Seconds before the task is handed out after the first death. Each death doubles them: memory may be short."""


class RunningTask(NamedTuple):
    """A task that was handed to a worker, where it came from, and what has been reported of it."""

    task: Task
    record: Record
    job: Job
    began: Began = BEFORE_BEGAN
    done: Sequence[PathDone] = ()
    cursor: bytes | None = None
    """How far the worker's listing is in the store."""
    path: PathBegun | None = None
    """The path whose object the worker has begun to change."""


class Aborted(NamedTuple):
    """The worker did not finish, and the reason. Without `retry`, nothing is handed out again (a stopped job).

    `died`: the process has ended by itself, or was killed by somebody else.
    """

    reason: str
    retry: bool = True
    died: bool = False


def page_step(running: RunningTask, page: Page) -> Step:
    """The step for one page of a listing or move; the task continues."""
    return msgspec.structs.replace(_step(running, page.part), after=running.cursor, cursor=page.cursor)


def finished_step(running: RunningTask, finished: Finished, now: float) -> Step:
    """The step for a task that has finished, with success or failure."""
    if isinstance(running.task, (SyncFiles, Delete)):
        if finished.failure is None:
            return _batch_step(running, now, [])
        return _batch_step(running, now, [(item, finished.failure) for item in _not_done(running)])
    if finished.failure is None:
        counts = finished.part.counts
        part = msgspec.structs.replace(finished.part, counts=counts + Counts(tasks_failed=int(counts.failed > 0)))
        return msgspec.structs.replace(_step(running, part), after=running.cursor)
    return _task_failed(running, finished.failure, finished, now)


def aborted_step(running: RunningTask, aborted: Aborted, now: float) -> Step:
    """The step for a worker that was killed or died: the path in progress failed, and those after it were not begun.

    A move that has advanced is handed out again, regardless of retries: half a move leaves wrong physical paths. A
    worker that died before it began fails nothing, unless worker after worker does.
    """
    if aborted.died and running.began is BEFORE_BEGAN:
        return _not_begun_step(running, aborted, now)
    if isinstance(running.task, MovePath) and aborted.retry and running.cursor != running.began.cursor:
        return later_step(running, 0.0)
    if not aborted.retry:
        running = running._replace(began=BEFORE_BEGAN)
    outcome = Outcome(Result.FAILED, reason=aborted.reason)
    if not isinstance(running.task, (SyncFiles, Delete)):
        return _task_failed(running, outcome, Finished(), now)
    rest = _not_done(running)
    return _batch_step(running, now, [(item, outcome) for item in rest[:1]], rest[1:] if aborted.retry else [])


def too_large_step(running: RunningTask, reason: str, now: float) -> Step:
    """The step for a task whose message the broker refuses: a batch of files is halved, any other task fails."""
    task = running.task
    if not isinstance(task, SyncFiles) or len(task.changes) == 1:
        return finished_step(running, Finished(failure=Outcome(Result.FAILED, reason=reason)), now)
    middle = len(task.changes) // 2
    halves = [task.changes[:middle], task.changes[middle:]]
    children = [child for half in halves for child in tasks.files(running.job, task.pass_id, half)]
    return _step(running, Part(counts=Counts(tasks_failed=int(task.failed)), children=children))


def unavailable_step(running: RunningTask, now: float, back_off: float) -> Step:
    """The step for a zone or source that is out of reach: unfinished paths are handed out again, and none has failed.

    `back_off` is in seconds. The file in progress moves to the end, so that it does not block the others.
    """
    rest = _not_done(running)
    if isinstance(running.task, SyncFiles):
        first = rest[:1] if running.path is None else [msgspec.structs.replace(rest[0], catalog=UNKNOWN)]
        rest = [*rest[1:], *first]
    return _rest_step(running, now, rest, back_off)


def handed_back_step(running: RunningTask, now: float) -> Step:
    """The step for a task that another consumer goes on with: the rest is handed out again, and none has failed."""
    return _rest_step(running, now, _not_done(running))


def _rest_step(running: RunningTask, now: float, rest: Sequence[Item], wait: float = 0.0) -> Step:
    if isinstance(running.task, (SyncFiles, Delete)):
        return _batch_step(running, now, [], rest, wait)
    return later_step(running, wait)


def _not_begun_step(running: RunningTask, aborted: Aborted, now: float) -> Step:
    """The step for a worker that died before it began: the task is handed out again, and fails whole at the bound."""
    task = running.task
    if task.deaths < MAX_DEATHS - 1:
        once_more = msgspec.structs.replace(again(task), deaths=task.deaths + 1)
        return _step(running, Part(), redelivered=once_more, wait=_DEATH_WAIT * 2**task.deaths)
    reason = f"{MAX_DEATHS} worker processes, one after the other, have died before they began: {aborted.reason}"
    failed = Outcome(Result.FAILED, reason=reason)
    if isinstance(task, (SyncFiles, Delete)):
        return _batch_step(running, now, [(item, failed) for item in _items(task)])
    return _task_failed(running, failed, Finished(), now)


def _held_wait(since: float, now: float) -> float | None:
    """The seconds until something that is held since then is tried again; None: it has been held for too long."""
    if now - since > HELD_SECONDS:
        return None
    least, most = _HELD_WAIT
    return min(max(least, _HELD_GROWTH * (now - since)), most)


def _held_too_long(outcome: Outcome) -> Outcome:
    """The failure of something that was held until the bound. The reason says what the server answered last."""
    reason = f"held for {HELD_SECONDS / 60:.0f} minutes: {outcome.reason}"
    return msgspec.structs.replace(outcome, result=Result.FAILED, reason=reason)


def later_step(running: RunningTask, wait: float) -> Step:
    """The step for a task that is handed out again as it is, after `wait` seconds, and of which nothing has failed."""
    return _step(running, Part(), redelivered=again(running.task), wait=wait)


def _task_failed(running: RunningTask, outcome: Outcome, finished: Finished, now: float) -> Step:
    task, last = running.task, False
    if outcome.result is Result.LATER:
        since = task.held_since or now
        if (wait := _held_wait(since, now)) is not None:
            once_more = msgspec.structs.replace(again(task), held_since=since)
            return _step(running, Part(), redelivered=once_more, wait=wait)
        outcome, last = _held_too_long(outcome), True
    if isinstance(task, OpenPass):
        return _step(running, Part(counts=Counts(tasks_failed=1)), error=outcome.reason)
    attempt, path = 0, b""
    if isinstance(task, (ListPath, MovePath)):
        attempt, path = task.attempt, path_from_wire(task.path if isinstance(task, ListPath) else task.new)
    if isinstance(task, (ListPath, MovePath)) and attempt < running.began.max_retries and not last:
        once_more = msgspec.structs.replace(again(task), attempt=attempt + 1)
        part = Part(counts=Counts(retries=1))
        return _step(running, part, redelivered=once_more, wait=running.began.delay)
    problem = _problem(path, finished.target, outcome, attempt, now)
    part = finished.part
    part = msgspec.structs.replace(
        part, counts=part.counts + Counts(tasks_failed=1), problems=[*part.problems, problem]
    )
    return _step(running, part)


Item = Change | Candidate


def _items(task: Task) -> Sequence[Item]:
    if isinstance(task, SyncFiles):
        return task.changes
    return task.candidates if isinstance(task, Delete) else ()


def _not_done(running: RunningTask) -> Sequence[Item]:
    return _items(running.task)[len(running.done) :]


def _batch_step(
    running: RunningTask,
    now: float,
    failed_items: list[tuple[Item, Outcome]],
    untouched: Sequence[Item] = (),
    wait: float = 0.0,
) -> Step:
    """The step for a batch: what was done is done, what failed is retried or recorded, the rest is handed out again."""
    results = [
        (item, done.target, done.outcome) for item, done in zip(_items(running.task), running.done, strict=False)
    ]
    results += [(item, "", outcome) for item, outcome in failed_items]
    settled, retried, unsettled, held = [], [], [], list[Item]()
    for item, target, outcome in results:
        if outcome.result is Result.LATER:
            since = item.held_since or now
            held_wait = _held_wait(since, now)
            if held_wait is None:
                settled.append((item, target, _held_too_long(outcome)))
            else:
                held.append(_held(item, since))
                wait = max(wait, held_wait)
        elif outcome.result is Result.FAILED and item.attempt < running.began.max_retries:
            retried.append(_once_more(item))
        elif outcome.result is Result.UNSETTLED:
            unsettled.append(msgspec.structs.replace(item, waited=True, catalog=UNKNOWN))
        else:
            settled.append((item, target, outcome))
    delete = isinstance(running.task, Delete)
    part = _deleted(running, settled, now) if delete else _synced(settled, now)
    failed = part.counts.failed > 0 or any(outcome.result is Result.FAILED for _, _, outcome in settled)
    failed = failed or (isinstance(running.task, (SyncFiles, Delete)) and running.task.failed)
    left = [*retried, *unsettled, *held, *untouched]
    counts = part.counts + Counts(retries=int(bool(retried)), tasks_failed=int(failed and not left))
    part = msgspec.structs.replace(part, counts=counts, cached=[*part.cached, *_not_complete(running, results)])
    judged = [item for item, _, _ in settled if isinstance(item, Candidate)]
    if not left:
        return _step(running, part, judged=judged)
    items = {"candidates" if delete else "changes": left}
    task = msgspec.structs.replace(again(running.task), failed=failed, **items)
    wait = max(wait, running.began.delay if retried else 0.0, running.job.quiet if unsettled else 0.0)
    return _step(running, part, redelivered=task, wait=wait, judged=judged)


def _not_complete(running: RunningTask, results: Sequence[tuple[Item, str, Outcome]]) -> list[Cached]:
    """What the path cache is to keep of paths that have failed or were in progress, retried or not."""
    path, tried = running.path, (Result.FAILED, Result.LATER)
    found = [each for _, _, outcome in results if outcome.result in tried for each in outcome.cached]
    return found if path is None else [*found, Cached(*path.key, path.mark)]


def _held(item: Item, since: float) -> Item:
    if isinstance(item, Change):
        return msgspec.structs.replace(item, held_since=since, catalog=UNKNOWN)
    return msgspec.structs.replace(item, held_since=since)


def _once_more(item: Item) -> Item:
    if isinstance(item, Change):
        return msgspec.structs.replace(item, attempt=item.attempt + 1, catalog=UNKNOWN)
    return msgspec.structs.replace(item, attempt=item.attempt + 1)


def _synced(settled: list[tuple[Item, str, Outcome]], now: float) -> Part:
    """The part for synced files. An earlier problem of a path that succeeds or is absent is solved."""
    counts, problems, solved = Counts(), [], list[bytes]()
    cached, uncached = list[Cached](), list[tuple[bytes, bytes]]()
    for item, target, outcome in settled:
        assert isinstance(item, Change)  # noqa: S101 - of a SyncFiles
        counts += Counts(files=-1, deleted=1) if outcome.deleted else _count(outcome)
        uncached += outcome.uncached
        cached += () if outcome.result is Result.FAILED else outcome.cached
        path = path_from_wire(item.path)
        if outcome.reason:
            problems.append(_problem(path, target, outcome, item.attempt, now))
        else:
            solved.append(path)
    return Part((), counts, problems, solved, cached, uncached)


def _deleted(running: RunningTask, settled: list[tuple[Item, str, Outcome]], now: float) -> Part:
    """The part for deletions: the path cache forgets each path that may be deleted.

    A worker may be killed between a deletion and its report, and the source may then have the same file again. What
    waits for the place of a deleted object or collection is synced, or fails with the deletion.
    """
    counts, uncached, problems, following = Counts(), [], [], list[Child]()
    for item, _, outcome in settled:
        assert isinstance(item, Candidate)  # noqa: S101 - of a Delete
        relative = item.target.removeprefix(running.job.target + "/").encode("utf-8", "surrogateescape")
        if outcome.result is Result.DONE:
            counts += Counts(deleted=1)
        if not outcome.kept:
            uncached.append(cache_key(running.job, item.target, directory=item.collection))
        if outcome.reason:
            problems.append(_problem(relative, item.target, outcome, item.attempt, now))
        if item.resync is not None and outcome.result in (Result.DONE, Result.UNCHANGED):
            following += _resync(running, item)
        elif item.taken_by == "regular" and item.resync is not None:  # directories are not counted
            counts += Counts(failed=1)
            waits = Outcome(Result.FAILED, reason="the collection of this name could not be deleted")
            problems.append(_problem(path_from_wire(item.resync), item.target, waits, item.attempt, now))
    return Part(following, counts, problems, uncached=uncached)


def _resync(running: RunningTask, candidate: Candidate) -> Iterator[Child]:
    """The task for what takes the place of a candidate that is out of the way."""
    path, pass_id = candidate.resync or "", running.task.pass_id
    if candidate.taken_by == "directory":
        yield tasks.listing(running.job, pass_id, path_from_wire(path))
    else:
        yield from tasks.files(running.job, pass_id, [Change(path)])


def _count(outcome: Outcome) -> Counts:
    return Counts(
        done=int(outcome.result is Result.DONE),
        unchanged=int(outcome.result is Result.UNCHANGED),
        skipped=int(outcome.result is Result.SKIPPED),
        failed=int(outcome.result is Result.FAILED),
        bytes=outcome.bytes,
    )


def _problem(path: bytes, target: str, outcome: Outcome, attempt: int, now: float) -> Problem:
    return Problem(
        path=path,
        target=target,
        skipped=outcome.result is Result.SKIPPED,
        reason=outcome.reason,
        error=outcome.error,
        code=outcome.code,
        attempts=attempt + 1,
        at=now,
    )


def _step(
    running: RunningTask,
    part: Part,
    *,
    redelivered: Task | None = None,
    wait: float = 0.0,
    error: str | None = None,
    judged: Sequence[Candidate] = (),
) -> Step:
    task, record = running.task, running.record
    once_more = None
    if redelivered is not None:
        message = Outgoing(record.topic, record.partition, encode(redelivered))
        once_more = Redelivery(wait, redelivered.round, message)
    last = isinstance(task, ClosePass) and not part.children
    return Step(
        job=task.job,
        pass_id=task.pass_id,
        task=task.task,
        round=task.round,
        counts=part.counts,
        children=part.children,
        again=once_more,
        problems=part.problems,
        solved=part.solved,
        cached=part.cached,
        uncached=part.uncached,
        candidates=part.candidates,
        judged=judged,
        closing=None if last else tasks.closing(running.job, task.pass_id),
        error=error,
    )
