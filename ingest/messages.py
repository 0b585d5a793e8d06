"""The messages of the three topics, and their wire form.

Messages are JSON, so that ordinary Kafka tools can read them. The wire form of a path is a JSON string. A path that is
not valid UTF-8 becomes NUL + base64, which is unambiguous because no path contains a NUL byte.
"""

from __future__ import annotations

import base64
from typing import Literal, NamedTuple, TypeVar

import msgspec

VERSION = 1
_ESCAPE = "\0"


def path_to_wire(path: bytes) -> str:
    """Return the wire form of a path; `path_from_wire` is its inverse."""
    try:
        return path.decode()
    except UnicodeDecodeError:
        return _ESCAPE + base64.b64encode(path).decode("ascii")


def path_from_wire(text: str) -> bytes:
    """Return the path with this wire form. Raises ValueError for text that is no wire form."""
    path = base64.b64decode(text[1:], validate=True) if text.startswith(_ESCAPE) else text.encode()
    if b"\0" in path or (text.startswith(_ESCAPE) and path_to_wire(path) != text):
        raise ValueError(f"no path: {text!r}")
    return path


class Stat(msgspec.Struct, frozen=True, array_like=True):
    """The result of `lstat`: mode bits, size in bytes, times in nanoseconds since the epoch.

    `inode` is 0 where the file system may give a file another inode later.
    """

    mode: int
    size: int
    mtime_ns: int
    ctime_ns: int
    inode: int = 0


class Fingerprint(NamedTuple):
    """What a synchronised path looked like.

    The upper 40 bits of `state` (signed, 64 bits) depend on size, mtime and operation, the lower 24 bits on ctime.
    `inode` (32 bits) says which file it was; 0 where inodes are not stable.
    """

    state: int
    inode: int


GOOD = "1"
"""The status of a replica that is complete and up to date."""


class Replica(msgspec.Struct, frozen=True, array_like=True):
    """A replica in the catalog: size in bytes, mtime in seconds since the epoch, status as in iRODS."""

    number: int
    hierarchy: str
    path: str
    size: int
    mtime: int
    status: str
    checksum: str = ""


UNKNOWN: Literal["unknown"] = "unknown"
COLLECTION: Literal["collection"] = "collection"

Catalog = list[Replica] | Literal["unknown", "collection"]
"""The catalog entry of a logical path: its replicas (none: the path is absent), a collection, or not queried yet."""


class Change(msgspec.Struct, frozen=True, omit_defaults=True):
    """One path of a batch.

    Attributes:
        path: The path, relative to the source, in wire form.
        catalog: Its catalog entry when it was listed.
        cached: Its fingerprint in the path cache, if it differs from that of the file.
        attempt: The number of failed attempts.
        gone: A watcher saw the file disappear; if it is still absent, its data object is deleted.
        waited: The file was postponed before, because it might still be written to.
        held_since: When iRODS first said that the path is held at the moment, in seconds since the epoch; 0: it is not.
    """

    path: str
    catalog: Catalog = UNKNOWN
    cached: Fingerprint | None = None
    attempt: int = 0
    gone: bool = False
    waited: bool = False
    held_since: float = 0.0


class Candidate(msgspec.Struct, frozen=True, omit_defaults=True):
    """A deletion candidate: a data object or collection without a source.

    Attributes:
        target: Its logical path.
        collection: Whether it is a collection.
        parent: The source directory whose listing found it, in wire form.
        name: The logical name that is missing in this directory: of the candidate, or of a collection above it.
        taken_by: What the source has under this name instead, if anything.
        resync: The path of that file or directory, in wire form. It is synchronised after the candidate is deleted.
        attempt: The number of failed attempts.
        held_since: As of a `Change`.
    """

    target: str
    collection: bool
    parent: str
    name: str
    taken_by: Literal["regular", "directory"] | None = None
    resync: str | None = None
    attempt: int = 0
    held_since: float = 0.0


# A message is dropped if its job has another incarnation by now.
class _Message(msgspec.Struct, frozen=True, tag_field="type", kw_only=True, omit_defaults=True):
    v: int = VERSION
    job: str
    incarnation: str = ""


class _Task(_Message, frozen=True, kw_only=True, omit_defaults=True):
    """The message of a task, which is outstanding in its pass until the store has its outcome.

    Attributes:
        round: It rises each time the task is handed out again, so that late copies of earlier messages are recognised.
        deaths: The number of workers that died, one after the other, before they began it.
        held_since: When iRODS first said that what the task needs is held at the moment, in seconds since the epoch.
    """

    pass_id: str
    task: str
    round: int = 0
    deaths: int = 0
    held_since: float = 0.0


class Scope(msgspec.Struct, frozen=True, array_like=True):
    """A directory to scan, in wire form and relative to the source; with `deep`, everything below it too."""

    path: str
    deep: bool


class Restart(_Message, frozen=True, tag="restart", kw_only=True, omit_defaults=True):
    """Start a pass of a job. `reason` is "start", "interval", "retry" or "watch".

    With `retry`, the pass synchronises the paths that failed in the pass before, or those of them that are in `paths`
    (in wire form). With a `scope`, it scans only these directories.
    """

    pass_id: str
    reason: str
    retry: bool = False
    paths: list[str] = []
    scope: list[Scope] = []


class OpenPass(_Task, frozen=True, tag="open", kw_only=True, omit_defaults=True):
    """The first task of a pass, on the restart topic: check the handler, run `pre_job`, then list the source.

    With `retry`, the paths that failed before are synchronised instead, or those of them that are in `paths`.
    """

    retry: bool = False
    paths: list[str] = []
    scope: list[Scope] = []


class ClosePass(_Task, frozen=True, tag="close", kw_only=True, omit_defaults=True):
    """The last task of a pass, on the restart topic, when no other task is outstanding: run `post_job`."""


class ListPath(_Task, frozen=True, tag="path", kw_only=True, omit_defaults=True):
    """List one directory and synchronise its entries, on the path topic.

    Attributes:
        path: The directory, relative to the source ("" is the source itself), in wire form.
        present: Whether its collection existed when the parent was listed; None if that is not known.
        attempt: The number of failed attempts.
        reach: "all": everything below the directory. "names": its entries, and everything below those sub-directories
            that have no collection yet. "collection": only the collection of the directory itself.
    """

    path: str
    present: bool | None = None
    attempt: int = 0
    reach: Literal["all", "names", "collection"] = "all"


class MovePath(_Task, frozen=True, tag="move", kw_only=True, omit_defaults=True):
    """Rename in the catalog what was renamed in the source from `old` to `new`, on the path topic."""

    old: str
    new: str
    directory: bool
    attempt: int = 0


class SyncFiles(_Task, frozen=True, tag="file", kw_only=True, omit_defaults=True):
    """Synchronise a batch of paths, on the file topic. `failed`: one of its paths has failed permanently."""

    changes: list[Change]
    failed: bool = False


class Delete(_Task, frozen=True, tag="delete", kw_only=True, omit_defaults=True):
    """Delete candidates in their order, on the file topic. `failed`: one of them has failed permanently."""

    candidates: list[Candidate]
    failed: bool = False


Message = Restart | OpenPass | ClosePass | ListPath | MovePath | SyncFiles | Delete
Task = OpenPass | ClosePass | ListPath | MovePath | SyncFiles | Delete

_decoder: msgspec.json.Decoder[Message] = msgspec.json.Decoder(Message)
_encoder = msgspec.json.Encoder()


def encode(message: Message) -> bytes:
    """Return the wire form of a message."""
    return _encoder.encode(message)


def decode(data: bytes) -> Message:
    """Return the message with this wire form. Raises ValueError for other data, and for a later version."""
    try:
        message = _decoder.decode(data)
    except (msgspec.DecodeError, RecursionError) as error:
        raise ValueError(f"not a message of this program: {error}") from error
    if message.v > VERSION:
        raise ValueError(f"message version {message.v} is newer than this program ({VERSION})")
    return message


T = TypeVar("T", bound=_Task)


def again(task: T) -> T:
    """Return the task with the next round, to hand it out again."""
    return msgspec.structs.replace(task, round=task.round + 1, deaths=0)
