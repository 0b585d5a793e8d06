"""A job: its settings, its state, and the counts of its passes."""

from __future__ import annotations

import zlib
from enum import Enum

import msgspec

DEFAULT_FILES_PER_TASK = 50
DEFAULT_IDLE_SECONDS = 60
DEFAULT_TOPICS = ("restart", "path", "file")


class Topics(msgspec.Struct, frozen=True):
    """The three topics of a job, and their numbers of partitions, which are fixed while the job is active."""

    restart: str = "restart"
    path: str = "path"
    file: str = "file"
    partitions: dict[str, int] = {}

    @property
    def names(self) -> tuple[str, str, str]:
        """The three names."""
        return (self.restart, self.path, self.file)

    def partition(self, topic: str, key: bytes) -> int:
        """Return the partition of `topic` for messages about `key`."""
        return partition_of(key, self.partitions[topic])


LOG_LEVELS = ("NOTSET", "DEBUG", "INFO", "WARNING", "ERROR", "CRITICAL")


class LogSettings(msgspec.Struct, frozen=True):
    """The `--log_*` options; `when` and `interval` are those of `logging.handlers.TimedRotatingFileHandler`."""

    level: str | None = None
    filename: str | None = None
    when: str | None = None
    interval: int | None = None


class S3(msgspec.Struct, frozen=True):
    """Access to the bucket of a job, without credentials: each process has its own. `keypair` is the path of a file."""

    endpoint: str = "s3.amazonaws.com"
    region: str = "us-east-1"
    keypair: str | None = None
    proxy: str | None = None
    secure: bool = True
    multipart_mib: int | None = None
    """Part size of the uploads in MiB, if all objects were uploaded with the same part size."""


class Job(msgspec.Struct, frozen=True, kw_only=True):
    """The settings of a job, without credentials. Every consumer reads them from the store.

    `source` is an absolute path without symbolic links, in bytes because file names are bytes; with `s3` it is /bucket
    or /bucket/prefix. `target` is a logical path without a trailing slash.
    """

    name: str
    incarnation: str = ""
    """Differs between two jobs that had the name one after the other, and after a retry of an ended job."""
    source: bytes
    target: str
    s3: S3 | None = None
    topics: Topics = Topics()
    interval: int | None = None
    """Seconds between the starts of two passes."""
    cron: str | None = None
    watch: bool = False
    """A watcher publishes changes, and starts passes."""
    quiet: float = 0.0
    """Seconds without a change after which the watcher publishes a file."""
    marker: str | None = None
    """A suffix of marker files: a file is synchronised only if its marker exists. Marker files are not synchronised."""
    handler: str | None = None
    """SHA-256 of the source of the handler, which is in the store."""
    handler_signature: str | None = None
    """HMAC of the handler, if the submitter has a key; see `ingest.handlers.signing`."""
    handler_file: str | None = None
    ignore_cache: bool = False
    initial_ingest: bool = False
    files_per_task: int = DEFAULT_FILES_PER_TASK
    idle_seconds: int = DEFAULT_IDLE_SECONDS
    exclude_types: tuple[str, ...] = ()
    exclude_file_names: tuple[str, ...] = ()
    exclude_directory_names: tuple[str, ...] = ()
    patterns: tuple[str, ...] = ()
    """gitignore lines in the order of the options; `--include X` is the line `!X`."""
    follow_symlinks: bool = False
    one_file_system: bool = False
    checksum: bool = False
    bulk: str | None = None
    """Register new files in bulk: "mtime" with their modification time, "no-mtime" without it."""
    preserve_mtime: bool = False
    max_delete: str | None = None
    """Limit of the data objects and collections that a pass may delete: a number, or a share of the target (`5%`)."""
    delete_only_ingested: bool = False
    accept_new_device: bool = False
    log: LogSettings = LogSettings()
    profile: LogSettings | None = None
    """Settings of the profile; a consumer that was started separately has its own."""

    @property
    def periodic(self) -> bool:
        """Whether the job goes on after a pass."""
        return self.watch or self.interval is not None or self.cron is not None

    def key(self, path: bytes) -> bytes:
        """Return the partition key of a source-relative path. All changes to one path go to one partition."""
        return self.target.encode() + b"/" + path


class JobState(Enum):
    """The state of a job. A job is active until it has finished, failed or been stopped."""

    QUEUED = "queued"
    RUNNING = "running"
    WAITING = "waiting"
    FINISHED = "finished"
    FAILED = "failed"
    STOPPED = "stopped"

    @property
    def active(self) -> bool:
        """Whether tasks of the job may still run."""
        return self in (JobState.QUEUED, JobState.RUNNING, JobState.WAITING)


class Counts(msgspec.Struct, frozen=True):
    """The counts of a pass, or an increment. `files` = done + unchanged + skipped + failed + remaining."""

    tasks: int = 0
    tasks_done: int = 0
    tasks_failed: int = 0
    retries: int = 0
    files: int = 0
    done: int = 0
    unchanged: int = 0
    skipped: int = 0
    failed: int = 0
    collections: int = 0
    deleted: int = 0
    moved: int = 0
    """Files and directories that were renamed in the catalog."""
    listed: int = 0
    """Data objects and sub-collections that the catalog had below the target."""
    bytes: int = 0

    def __add__(self, other: Counts) -> Counts:
        pairs = zip(msgspec.structs.astuple(self), msgspec.structs.astuple(other), strict=True)
        return Counts(*(a + b for a, b in pairs))

    @property
    def remaining_tasks(self) -> int:
        """Outstanding tasks."""
        return self.tasks - self.tasks_done

    @property
    def remaining_files(self) -> int:
        """Files without an outcome yet."""
        return self.files - self.done - self.unchanged - self.skipped - self.failed


class Watching(msgspec.Struct, frozen=True, kw_only=True):
    """A report of a watcher, and its time in seconds since the epoch. `notes`: latest incidents, newest last."""

    host: str
    at: float
    alive: bool = False
    """Whether the watcher counts as alive. The store says so when the report is read."""
    spooled: int = 0
    """Changes in the spool, which are not published yet."""
    settling: int = 0
    """Paths whose files may still be written to."""
    unwatched: int = 0
    """Directories that are polled, because the system has no watches left for them."""
    missed: int = 0
    """How often events were lost, and a scan replaced them."""
    away: str = ""
    """Why the source is not visible; empty when it is."""
    notes: tuple[tuple[float, str], ...] = ()


class JobStatus(msgspec.Struct, frozen=True, kw_only=True):
    """A job with its state and the counts of its latest pass. Times are in seconds since the epoch.

    `live_pass` is the pass of a watch job that takes changes as they happen, beside the passes that scan.
    """

    job: Job
    state: JobState
    created: float
    pass_id: str | None = None
    started: float | None = None
    ended: float | None = None
    next_pass: float | None = None
    counts: Counts = Counts()
    passes: int = 0
    passes_skipped: int = 0
    error: str | None = None
    paused: bool = False
    live_pass: str | None = None
    live: Counts = Counts()
    watching: Watching | None = None


class Problem(msgspec.Struct, frozen=True, kw_only=True):
    """A path that was not synchronised: the reason, and the error of the server. A skipped path is no failure."""

    path: bytes
    target: str
    skipped: bool
    reason: str
    error: str | None = None
    code: int | None = None
    attempts: int = 1
    at: float = 0.0
    retried_in: str | None = None
    """The pass that retries the path and has not come to an end with it."""


# msgspec 0.22 crashes when two threads (of `ingest-watch`) decode a type for the first time at once. So we do it here.
msgspec.json.Decoder(JobStatus)
msgspec.json.Decoder(Problem)


def partition_of(key: bytes, partitions: int) -> int:
    """Return the partition of a key. It must never change, and it is the same on every machine."""
    return zlib.crc32(key) % partitions
