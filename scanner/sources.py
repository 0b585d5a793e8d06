"""The source of a job: a directory or a bucket."""

from __future__ import annotations

from ingest.job import Job
from scanner.files.filesystem import FileSystemSource
from scanner.rules import Rules
from scanner.source import Source


def source_of(job: Job, rules: Rules) -> Source:
    """Return the source of a job; `rules` say what is left out."""
    if job.s3 is None:
        return FileSystemSource(job.source, rules)
    from scanner.buckets.source import S3Source  # noqa: PLC0415 - loads minio, which most jobs do without

    return S3Source(job.source, job.s3, rules)
