"""The jobs in the store: created, listed, paused, watched, stopped, deleted."""

from __future__ import annotations

from typing import Protocol

from ingest.broker import Outgoing
from ingest.job import Job, JobStatus, Problem, Watching


class JobExists(Exception):  # noqa: N818 - a refusal, not a fault
    """An active job has the same name, or a target that overlaps.

    Attributes:
        status: The other job.
    """

    def __init__(self, status: JobStatus) -> None:
        super().__init__(status.job.name)
        self.status = status


class Jobs(Protocol):
    """All jobs, active and ended. A job is active until it has finished, failed or been stopped."""

    def create(self, job: Job, first: Outgoing, *, allow_overlap: bool = False) -> None:
        """Add a job in the state "queued", and replace an ended job of the same name.

        Args:
            job: The job.
            first: The message that starts its first pass; it goes to the outbox.
            allow_overlap: Accept a target that overlaps with the target of another active job.

        Raises:
            JobExists: An active job has the same name or, without `allow_overlap`, an overlapping target.
        """

    def reopen(self, job: Job, first: Outgoing) -> bool:
        """Put an ended job back into the state "queued".

        Args:
            job: The job with its settings, which are stored instead of the earlier ones.
            first: The message that starts the next pass; it goes to the outbox.

        Returns:
            False when the job is active or unknown; nothing changes then.

        Raises:
            JobExists: An active job has an overlapping target.
        """

    def get(self, name: str) -> JobStatus | None:
        """Return a job with its state and the counts of its latest pass; None when it is unknown."""

    def all(self) -> list[JobStatus]:
        """Return all jobs, in the order of their creation."""

    def stop(self, name: str) -> bool:
        """End an active job, and remove all its messages from the outbox and the schedule.

        Returns:
            False when the job was not active.
        """

    def forget(self, name: str) -> None:
        """Delete an ended job with its passes and problems. Active and unknown jobs are ignored."""

    def problems(self, name: str, limit: int | None = None) -> list[Problem]:
        """Return what failed or was skipped in the latest pass.

        Args:
            name: The job.
            limit: The highest number of problems to return; None for all.

        Returns:
            The problems ordered by path, failures first.
        """

    def pause(self, name: str) -> bool:
        """Pause an active job: consumers park its messages (see `Outbox.park`).

        Returns:
            False when the job was not active, or paused already.
        """

    def resume(self, name: str) -> bool:
        """Resume a paused job: its parked messages go to the outbox.

        Returns:
            False when the job was not paused.
        """

    def paused(self) -> frozenset[str]:
        """Return the names of the paused jobs."""

    def watch(self, name: str, pass_id: str) -> str | None:
        """Return the live pass of an active job, and begin it when there is none.

        The live pass collects the changes that a watcher sees. It runs beside the other passes of the job and ends
        when the job ends. Its first task, WATCH, has no message.

        Args:
            name: The job.
            pass_id: The id of the live pass, if it begins now.

        Returns:
            The id of the live pass; None when the job is not active.
        """

    def note_watching(self, name: str, watching: Watching, seconds: float) -> None:
        """Store the state that a watcher reports of itself. An unknown job is ignored.

        Args:
            name: The job.
            watching: The state.
            seconds: How long the watcher counts as alive, from now on.
        """
