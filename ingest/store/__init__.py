"""What must outlive a process: jobs, passes, the accounting of tasks, the schedule, the path cache.

`Store` is what every deployment offers; one contract suite states its behaviour for all of them
(`tests/ingest/store/contract.py`). `embedded/` keeps it in one SQLite file. Every method is atomic; times are seconds
since the epoch.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import NamedTuple, Protocol

import msgspec

from ingest.broker import Outgoing
from ingest.job import Counts, Job, JobStatus, Problem, Watching
from ingest.messages import Candidate
from ingest.store.values import Values


class Child(msgspec.Struct, frozen=True):
    """A task that comes into being, and the message that hands it out."""

    task: str
    message: Outgoing


class Redelivery(msgspec.Struct, frozen=True):
    """A task is handed out once more, at `due` or later; its messages of earlier rounds are void from now on."""

    due: float
    round: int
    message: Outgoing


class Cached(NamedTuple):
    """What the path cache is to remember of one path; directory and name are logical, below the target."""

    directory: bytes
    name: bytes
    fingerprint: int


class Step(msgspec.Struct, frozen=True, kw_only=True):
    """The outcome of (a part of) a task, taken in one atomic step: all of it, or none.

    A part of a listing says `after` which cursor it went on, so that no part is taken twice.
    With `again` or a `cursor` the task stays outstanding, otherwise it leaves the outstanding set. When it was the last
    one, `closing` becomes the next task; without one the pass has ended. `error` ends the pass at once and says why.
    Problems of `solved` paths are dropped before `problems` are added. `candidates` for deletion are added, `judged`
    ones are dealt with; `uncached` are logical directories and names that the path cache must forget,
    before it takes what is `cached`.
    """

    job: str
    pass_id: str
    task: str
    round: int
    at: float
    counts: Counts = Counts()
    children: Sequence[Child] = ()
    again: Redelivery | None = None
    after: bytes | msgspec.UnsetType | None = msgspec.UNSET
    cursor: bytes | None = None
    problems: Sequence[Problem] = ()
    solved: Sequence[bytes] = ()
    cached: Sequence[Cached] = ()
    uncached: Sequence[tuple[bytes, bytes]] = ()
    candidates: Sequence[Candidate] = ()
    judged: Sequence[Candidate] = ()
    closing: Child | None = None
    error: str | None = None


WATCH = "watch"
"""The task of a live pass that stays outstanding until the job is stopped: every batch of changes is a part of it."""


class ConsumerStatus(msgspec.Struct, frozen=True):
    """A live consumer: the topics it reads and the jobs that its workers are busy with."""

    consumer: str
    topics: tuple[str, ...]
    busy: tuple[str, ...]
    waits: dict[str, str] = {}
    """What is out of reach, and why: zone or source under the name of a job, broker or store under ""."""


class JobExists(Exception):  # noqa: N818 - a refusal, not a fault
    """An active job is in the way: it has the same name, or a target that overlaps."""

    def __init__(self, status: JobStatus) -> None:
        super().__init__(status.job.name)
        self.status = status


class Store(Values, Protocol):
    """Jobs, tasks, schedule, leases, handlers, path cache, and the values of handlers."""

    # jobs
    def create_job(self, job: Job, first: Outgoing, now: float, *, allow_overlap: bool = False) -> None:
        """Enter the job as queued, with its first message in the outbox; replaces an ended job of the same name.

        Raises JobExists.
        """

    def reopen_job(self, name: str, first: Outgoing) -> bool:
        """Queue an ended job once more, with a message in the outbox; False when it is active or unknown.

        Raises JobExists when an active job has an overlapping target.
        """

    def job(self, name: str) -> JobStatus | None:
        """The job with its state and the counts of its latest pass."""

    def jobs(self) -> list[JobStatus]:
        """All jobs, in the order of their creation."""

    def stop_job(self, name: str, now: float) -> bool:
        """End an active job: nothing is outstanding or scheduled any more. False when it was not active."""

    def forget_job(self, name: str) -> None:
        """Drop an ended job with its problems; unknown names are ignored."""

    def forget_ended_before(self, when: float) -> None:
        """Drop the jobs that ended before `when`."""

    def problems(self, name: str, limit: int | None = None) -> list[Problem]:
        """What failed or was skipped in the latest pass, failures first."""

    # pausing
    def pause_job(self, name: str) -> bool:
        """Hold an active job: consumers park its messages. False when it was not active, or paused already."""

    def resume_job(self, name: str) -> bool:
        """Let a paused job go on: what was parked is to be published. False when it was not paused."""

    def paused_jobs(self) -> frozenset[str]:
        """The names of the paused jobs."""

    def park(self, name: str, message: Outgoing) -> bool:
        """Keep a message of a paused job until it goes on; False, and nothing done, when the job is not paused."""

    # watching
    def watch_job(self, name: str, pass_id: str, now: float) -> str | None:
        """The live pass of an active job, begun as `pass_id` if there is none; None when the job is not active.

        Its first task, WATCH, has no message. It runs beside the other passes of the job and ends when the job does.
        """

    def unsettled(self, pass_id: str, tasks: Sequence[str]) -> frozenset[str]:
        """Those of the tasks that are still outstanding, in whatever round."""

    def send(self, name: str, message: Outgoing) -> bool:
        """Have a message of an active job published; False when it is not active."""

    def note_watching(self, name: str, watching: Watching) -> None:
        """Keep what a watcher says of itself."""

    # passes and tasks
    def begin_pass(
        self,
        name: str,
        pass_id: str,
        opening: Child,
        now: float,
        *,
        next_due: float | None = None,
        following: Outgoing | None = None,
        keep_problems: bool = False,
    ) -> bool:
        """Begin a pass with `opening` as its only task, and schedule the one after it.

        The problems of the pass before are dropped unless they are to be kept.

        False when the job is not active, the pass has begun before, or another one runs (counted as skipped).
        """

    def outstanding(self, pass_id: str, task: str, round_: int) -> bool:
        """Whether the task is still to be done, and this is the latest round of it."""

    def cursor(self, pass_id: str, task: str) -> bytes | None:
        """How far a listing has got."""

    def settle(self, step: Step) -> bool:
        """Take the step. False, and nothing done, when the task is not outstanding in this round and at this cursor.

        Of a job that was stopped meanwhile the files that were still done are counted.
        """

    # deletion
    def candidates(self, pass_id: str, *, collections: bool, limit: int) -> list[Candidate]:
        """Objects, or collections with the deepest first, that the pass would delete."""

    def candidate_counts(self, pass_id: str) -> tuple[int, int]:
        """How many objects and collections the pass would delete."""

    def mount(self, space: int, host: str) -> str | None:
        """What was mounted at the source when a pass last ended on this host."""

    def remember_mount(self, space: int, host: str, mount: str) -> None:
        """Keep what is mounted at the source, for `mount`."""

    # messages on their way
    def outbox(self, limit: int) -> list[tuple[int, Outgoing]]:
        """The oldest messages that are to be published, with their numbers."""

    def outbox_done(self, numbers: Sequence[int]) -> None:
        """These messages are published."""

    def fire_due(self, now: float) -> float | None:
        """Move what is due from the schedule to the outbox; when the next one is due."""

    # consumers
    def announce(self, status: ConsumerStatus, until: float) -> None:
        """A consumer is alive at least until then; with a time in the past it has gone."""

    def consumers(self, now: float) -> list[ConsumerStatus]:
        """The consumers that are alive."""

    def lease(self, name: str, owner: str, now: float, seconds: float) -> bool:
        """Take or renew a lease; False when another owner has it. It ends by itself: a dead process holds nothing."""

    def release(self, name: str, owner: str) -> None:
        """Give a lease back."""

    # handlers and cache
    def save_handler(self, sha256: str, source: bytes) -> None:
        """Keep a handler's source under its SHA-256."""

    def handler(self, sha256: str) -> bytes | None:
        """The source of a handler."""

    def cached(self, space: int, directory: bytes, names: Sequence[bytes]) -> list[int | None]:
        """The fingerprints that the path cache has for these names of one directory, in their order."""

    def clear_cache(self, space: int) -> None:
        """Forget all paths of a cache space."""

    def close(self) -> None:
        """Let go of connections and files."""
