"""A job: what the user asked for, the state it is in, and the counts of its pass."""

from __future__ import annotations

import zlib
from enum import Enum

import msgspec

DEFAULT_FILES_PER_TASK = 50
DEFAULT_IDLE_SECONDS = 60
DEFAULT_TOPICS = ("restart", "path", "file")


class Topics(msgspec.Struct, frozen=True):
    """The three topics of a job and the number of partitions of each, fixed while the job lives."""

    restart: str = "restart"
    path: str = "path"
    file: str = "file"
    partitions: dict[str, int] = {}

    @property
    def names(self) -> tuple[str, str, str]:
        """The three names."""
        return (self.restart, self.path, self.file)

    def partition(self, topic: str, key: bytes) -> int:
        """The partition of `topic` in which messages about `key` travel."""
        return partition_of(key, self.partitions[topic])


LOG_LEVELS = ("NOTSET", "DEBUG", "INFO", "WARNING", "ERROR", "CRITICAL")


class LogSettings(msgspec.Struct, frozen=True):
    """Where and what is logged: the `--log_*` options with the meaning of `TimedRotatingFileHandler`."""

    level: str | None = None
    filename: str | None = None
    when: str | None = None
    interval: int | None = None


class S3(msgspec.Struct, frozen=True):
    """How the bucket of a job is reached. No credentials: each process has its own, `keypair` is but a file's path."""

    endpoint: str = "s3.amazonaws.com"
    region: str = "us-east-1"
    keypair: str | None = None
    proxy: str | None = None
    secure: bool = True
    multipart_mib: int | None = None
    """Size of the parts in which objects were uploaded, when all of them were uploaded so."""


class Job(msgspec.Struct, frozen=True, kw_only=True):
    """All that `start` was told, without credentials. Stored once; every consumer reads it from the store.

    `source` is absolute and resolved (bytes, because file names are), with `s3` it is /bucket or /bucket/prefix;
    `target` is normalised: no trailing slash.
    """

    name: str
    source: bytes
    target: str
    s3: S3 | None = None
    topics: Topics = Topics()
    interval: int | None = None
    """Seconds from the start of one pass to that of the next."""
    cron: str | None = None
    watch: bool = False
    """Changes come from a watcher, which also asks for passes."""
    quiet: float = 0.0
    """Seconds for which the watcher leaves a file alone after a change."""
    marker: str | None = None
    """A file is taken only when there is one with this added to its name; that one is not taken."""
    handler: str | None = None
    """SHA-256 of the handler's source, which is in the store under this key."""
    handler_signature: str | None = None
    """Its HMAC, when the submitter has a key; see `ingest.handlers.signing`."""
    handler_file: str | None = None
    ignore_cache: bool = False
    initial_ingest: bool = False
    files_per_task: int = DEFAULT_FILES_PER_TASK
    idle_seconds: int = DEFAULT_IDLE_SECONDS
    exclude_types: tuple[str, ...] = ()
    exclude_file_names: tuple[str, ...] = ()
    exclude_directory_names: tuple[str, ...] = ()
    patterns: tuple[str, ...] = ()
    """gitignore lines in the order given; `--include X` is the line `!X`."""
    follow_symlinks: bool = False
    one_file_system: bool = False
    checksum: bool = False
    bulk: str | None = None
    """Register new files in bulk: `mtime` with their time, `no-mtime` without."""
    preserve_mtime: bool = False
    max_delete: str | None = None
    """Most objects and collections that a pass may delete: a number, or a share of what the target has (`5%`)."""
    delete_only_ingested: bool = False
    accept_new_device: bool = False
    log: LogSettings = LogSettings()
    profile: LogSettings | None = None
    """As `start` was told; a consumer that runs on its own has its own."""

    @property
    def periodic(self) -> bool:
        """Whether another pass follows the one that ends."""
        return self.watch or self.interval is not None or self.cron is not None

    def key(self, path: bytes) -> bytes:
        """The partition key of a source-relative path: all changes to one path go to one partition."""
        return self.target.encode() + b"/" + path


class JobState(Enum):
    """Where a job stands. A job is active until it is finished, failed or stopped."""

    QUEUED = "queued"
    RUNNING = "running"
    WAITING = "waiting"
    FINISHED = "finished"
    FAILED = "failed"
    STOPPED = "stopped"

    @property
    def active(self) -> bool:
        """Whether work for the job may still be done."""
        return self in (JobState.QUEUED, JobState.RUNNING, JobState.WAITING)


class Counts(msgspec.Struct, frozen=True):
    """What a pass has counted, or an increment. `files` = done + unchanged + skipped + failed + remaining."""

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
    """Files and directories that were renamed with what they were in the catalog."""
    listed: int = 0
    """Objects and sub-collections that the catalog had below the target."""
    bytes: int = 0

    def __add__(self, other: Counts) -> Counts:
        pairs = zip(msgspec.structs.astuple(self), msgspec.structs.astuple(other), strict=True)
        return Counts(*(a + b for a, b in pairs))

    @property
    def remaining_tasks(self) -> int:
        """Tasks handed out and not settled."""
        return self.tasks - self.tasks_done

    @property
    def remaining_files(self) -> int:
        """Files seen and not settled."""
        return self.files - self.done - self.unchanged - self.skipped - self.failed


class Watching(msgspec.Struct, frozen=True, kw_only=True):
    """What a watcher last said of itself; it is alive until `until`. `notes` are its latest incidents, newest last."""

    host: str
    until: float
    spooled: int = 0
    """Changes that have settled and are not published."""
    settling: int = 0
    """Paths that have not settled."""
    unwatched: int = 0
    """Directories that are polled, because the system does not let them be watched."""
    missed: int = 0
    """How often events were lost and a scan took their place."""
    away: str = ""
    """Why the source is out of sight, if it is."""
    notes: tuple[tuple[float, str], ...] = ()


class JobStatus(msgspec.Struct, frozen=True, kw_only=True):
    """A job with its state and the counts of its latest pass; times in seconds since the epoch.

    Of a watch job `live_pass` is the pass that takes the changes as they happen, beside the ones that scan.
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
    """A path that did not arrive: why, and what the server called it. `skipped` ones count as no failure."""

    path: bytes
    target: str
    skipped: bool
    reason: str
    error: str | None = None
    code: int | None = None
    attempts: int = 1
    at: float = 0.0


# msgspec (0.22) learns a type when it first decodes it, and crashes when two threads (of `ingest-watch`) do so at once.
msgspec.json.Decoder(JobStatus)
msgspec.json.Decoder(Problem)


def partition_of(key: bytes, partitions: int) -> int:
    """The partition of a key: the same in every process and on every machine, for ever."""
    return zlib.crc32(key) % partitions
