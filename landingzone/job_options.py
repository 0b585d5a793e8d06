"""Options of `ingest-scan start` and `ingest-watch`: those that define a job, and those of the process that runs it."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from functools import wraps
from pathlib import Path
from typing import Any

import click

from ingest.job import DEFAULT_TOPICS
from landingzone.options import Seconds, gather, gathered, option, options

_BULK = "Register new files 50 at a time; =no-mtime saves the call per file that sets its modification time."


@dataclass(frozen=True, kw_only=True)
class S3Options:
    """How the S3 server of a source is reached."""

    s3_keypair: str | None = None
    s3_endpoint_domain: str | None = None
    s3_region_name: str | None = None
    s3_proxy_url: str | None = None
    s3_insecure_connection: bool = False
    s3_multipart_chunksize_in_mib: int | None = None


@dataclass(frozen=True, kw_only=True)
class JobOptions:
    """What defines a job; the same for every process that works on it."""

    job_name: str | None = None
    interval: int | None = None
    cron: str | None = None
    event_handler: Path | None = None
    files_per_task: int = 50
    ignore_cache: bool = False
    initial_ingest: bool = False
    irods_idle_disconnect_seconds: int = 60
    exclude_file_type: str | None = None
    exclude_file_name: tuple[str, ...] = ()
    exclude_directory_name: tuple[str, ...] = ()
    exclude: tuple[str, ...] = ()
    include: tuple[str, ...] = ()
    follow_symlinks: bool = False
    one_file_system: bool = False
    checksum: bool = False
    bulk: str | None = None
    preserve_mtime: bool = False
    max_delete: str | None = None
    delete_only_ingested: bool = False
    accept_new_device: bool = False
    map_target: bool = False
    s3: S3Options = S3Options()


@dataclass(frozen=True, kw_only=True)
class RunOptions:
    """How this process submits a job, works on it and shows its progress."""

    workers: int | None = None
    stop_grace: float = 10.0
    synchronous: bool = False
    progress: bool = False
    dry_run: bool = False
    allow_overlap: bool = False
    restart_queue: str | None = None
    path_queue: str | None = None
    file_queue: str | None = None

    @property
    def topics(self) -> list[str]:
        """The names of the restart, path and file topic."""
        chosen = (self.restart_queue, self.path_queue, self.file_queue)
        return [name or default for name, default in zip(chosen, DEFAULT_TOPICS, strict=True)]


_handler_option = option(
    "event_handler", type=click.Path(path_type=Path), help="Python file with a class event_handler."
)
_filter_options = options(
    option("exclude_file_type", help="Comma list: regular,directory,character,block,socket,pipe,link."),
    option("exclude_file_name", multiple=True, help="Regex, matched from the start of the absolute path."),
    option("exclude_directory_name", multiple=True, help="The same for directories and everything below them."),
    option("exclude", multiple=True, metavar="PATTERN", help="gitignore pattern, relative to the source."),
    option("include", multiple=True, metavar="PATTERN", help="Exception to an earlier --exclude."),
    option("follow_symlinks", is_flag=True, help="Follow links to directories, also out of the source."),
    option("one_file_system", is_flag=True, help="Do not enter other mounts."),
)
_bulk_option = option("bulk", is_flag=False, flag_value="mtime", type=click.Choice(("mtime", "no-mtime")), help=_BULK)
_preserve_mtime_option = option(
    "preserve_mtime", is_flag=True, help="Give uploaded objects the modification time of their file."
)
_map_target_option = option("map_target", is_flag=True, help="Apply the handler's character_map to TARGET itself, too.")
_s3_options = options(
    option("s3_keypair", metavar="FILE", help="SOURCE is in S3; FILE has access and secret key [AWS_… or profile]."),
    option("s3_endpoint_domain", metavar="HOST[:PORT]", help="S3 server [s3.amazonaws.com]."),
    option("s3_region_name", help="Region of the S3 server [us-east-1]."),
    option("s3_proxy_url", help="HTTP proxy to the S3 server [HTTPS_PROXY]."),
    option("s3_insecure_connection", is_flag=True, help="Connect to the S3 server without TLS."),
    option("s3_multipart_chunksize_in_mib", type=click.IntRange(5, 5000), help="Part size of all multipart uploads."),
)
_job_options = options(
    option("job_name", help="Name of the job [a UUID]."),
    _handler_option,
    option(
        "files_per_task",
        type=click.IntRange(min=1),
        default=JobOptions.files_per_task,
        show_default=True,
        help="Files in one task.",
    ),
    option("ignore_cache", is_flag=True, help="Sync files that look unchanged, too."),
    option("initial_ingest", is_flag=True, help="Assume an empty target; do not query the catalog."),
    option(
        "irods_idle_disconnect_seconds",
        type=click.IntRange(min=1),
        default=JobOptions.irods_idle_disconnect_seconds,
        show_default=True,
        help="Close iRODS connections that are idle for this long.",
    ),
    _filter_options,
    option("checksum", is_flag=True, help="Let the server verify and store checksums."),
    _bulk_option,
    _preserve_mtime_option,
    option("max_delete", metavar="N|P%", help="Delete nothing if a pass would delete more than this."),
    option("delete_only_ingested", is_flag=True, help="Delete only objects that this tool has created."),
    option("accept_new_device", is_flag=True, help="Delete even if the source is on another device than last time."),
    _map_target_option,
    _s3_options,
)


_expectation_options = options(
    _handler_option, _filter_options, _bulk_option, _preserve_mtime_option, _map_target_option, _s3_options
)


def job_options(function: Callable[..., Any]) -> Callable[..., Any]:
    """Add the options of a job; the command receives them as the JobOptions `job`."""
    return _job_options(_gathering(function))


def expectation_options(function: Callable[..., Any]) -> Callable[..., Any]:
    """Add the options of a job that say what the catalog ought to have; the command receives the JobOptions `job`."""
    return _expectation_options(_gathering(function))


def _gathering(function: Callable[..., Any]) -> Callable[..., Any]:
    @wraps(function)
    def call(*arguments: Any, **values: Any) -> Any:
        values["s3"] = gather(S3Options, values)
        return function(*arguments, job=gather(JobOptions, values), **values)

    return call


_work_options = options(
    option("workers", type=click.IntRange(min=1), help="Worker processes [number of CPUs]."),
    option(
        "stop_grace",
        type=Seconds(),
        default=RunOptions.stop_grace,
        show_default=True,
        help="Seconds that tasks have to finish when this process is stopped.",
    ),
)
follow_options = options(
    option("synchronous", is_flag=True, help="Wait until the pass has ended."),
    option("progress", is_flag=True, help="With --synchronous: show the progress of the pass."),
)
retry_options = gathered("how", RunOptions, follow_options, _work_options)
run_options = gathered(
    "how",
    RunOptions,
    _work_options,
    option("allow_overlap", is_flag=True, help="Allow another active job on an overlapping target."),
    option("restart_queue", help="Topic of passes."),
    option("path_queue", help="Topic of directories."),
    option("file_queue", help="Topic of batches of files."),
)
