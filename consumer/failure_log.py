"""What goes wrong is in the log, too: whoever watches a service reads that, and not the records of its jobs."""

from __future__ import annotations

from typing import Any

from ingest.store import Step
from scanner.entries import shown


def tell(log: Any, step: Step) -> None:
    """Log a line for each path that a settled step leaves failed: which, why, and what the server called it."""
    for problem in step.problems:
        if not problem.skipped:
            log.error(
                "failed",
                job=step.job,
                pass_id=step.pass_id,
                path=shown(problem.path),
                target=problem.target,
                reason=problem.reason,
                error=problem.error,
                code=problem.code,
                attempts=problem.attempts,
            )
