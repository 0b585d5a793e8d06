"""The three messages, each named after its topic, and how they travel.

JSON, so that ordinary Kafka tools can read them. A path is a JSON string when it is valid UTF-8; other bytes travel as
NUL + base64, which no path can be (a path has no NUL byte).
"""

from __future__ import annotations

import base64
from typing import Literal, TypeVar

import msgspec

VERSION = 1
_ESCAPE = "\0"


def path_to_wire(path: bytes) -> str:
    """The text that stands for a path in a message; `path_from_wire` gives the same bytes back."""
    try:
        return path.decode()
    except UnicodeDecodeError:
        return _ESCAPE + base64.b64encode(path).decode("ascii")


def path_from_wire(text: str) -> bytes:
    """The path that `path_to_wire` wrote; raises ValueError for text that it cannot have written."""
    path = base64.b64decode(text[1:], validate=True) if text.startswith(_ESCAPE) else text.encode()
    if b"\0" in path or (text.startswith(_ESCAPE) and path_to_wire(path) != text):
        raise ValueError(f"no path: {text!r}")
    return path


class Stat(msgspec.Struct, frozen=True, array_like=True):
    """What `lstat` said of an entry: mode bits, size in bytes, times in nanoseconds since the epoch."""

    mode: int
    size: int
    mtime_ns: int
    ctime_ns: int


GOOD = "1"
"""Status of a replica that is complete and up to date."""


class Replica(msgspec.Struct, frozen=True, array_like=True):
    """One replica of a data object as the catalog lists it; times in seconds, status as in iRODS (1 is good)."""

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
"""What the catalog has under a logical path: its replicas (none: absent), a collection, or nobody asked yet."""


class Change(msgspec.Struct, frozen=True, omit_defaults=True):
    """One path of a batch. `path` is relative to the job's root, in its wire form.

    `cached` is the fingerprint that the path cache had, when it had another one than the file has now. `gone`: somebody
    has seen it vanish, and if it has, its data object is to be deleted. `waited`: it was met before, perhaps while it
    was being written.
    """

    path: str
    catalog: Catalog = UNKNOWN
    cached: int | None = None
    attempt: int = 0
    gone: bool = False
    waited: bool = False


class Candidate(msgspec.Struct, frozen=True, omit_defaults=True):
    """An object or collection that has no source any more, found by the listing of the directory `parent`.

    `name` is the logical name in that directory's collection of what is missing: of the candidate itself, or of the
    collection that it lies in. `taken_by` says that the source has something of another kind under this name, and
    `resync` is its path: it is synced once the candidate is out of the way. Source paths are in their wire form.
    """

    target: str
    collection: bool
    parent: str
    name: str
    taken_by: Literal["regular", "directory"] | None = None
    resync: str | None = None
    attempt: int = 0


class _Message(msgspec.Struct, frozen=True, tag_field="type", kw_only=True, omit_defaults=True):
    v: int = VERSION
    job: str


class _Task(_Message, frozen=True, kw_only=True, omit_defaults=True):
    """A message that counts: it is outstanding in its pass until the store has taken its outcome.

    `round` rises each time the task is handed out anew, so that a late copy of an earlier message is recognised.
    """

    pass_id: str
    task: str
    round: int = 0


class Scope(msgspec.Struct, frozen=True, array_like=True):
    """A directory (wire form, relative to the root) that is to be scanned, and all below it when it is `deep`."""

    path: str
    deep: bool


class Restart(_Message, frozen=True, tag="restart", kw_only=True, omit_defaults=True):
    """Start the pass `pass_id` of the job; `reason` says who asks (start, interval, retry, watch).

    A retry is a pass over what failed in the one before, or over those of it that `paths` has (in wire form). A pass
    with a `scope` is one over these directories only.
    """

    pass_id: str
    reason: str
    retry: bool = False
    paths: list[str] = []
    scope: list[Scope] = []


class OpenPass(_Task, frozen=True, tag="open", kw_only=True, omit_defaults=True):
    """First task of a pass, on the restart topic: check the handler, run `pre_job`, then list the root.

    With `retry` the paths that failed before are synced instead, or those of them that `paths` has.
    """

    retry: bool = False
    paths: list[str] = []
    scope: list[Scope] = []


class ClosePass(_Task, frozen=True, tag="close", kw_only=True, omit_defaults=True):
    """Last task of a pass, on the restart topic: nothing else is outstanding; run `post_job`."""


class ListPath(_Task, frozen=True, tag="path", kw_only=True, omit_defaults=True):
    """List one directory, `path` relative to the root ("" is the root itself), and sync what is below it.

    `present` is what the listing of the parent said of the collection: it is there, it is not, or nobody knows.
    `reach`: all below it; only what is in it, and all of directories that have no collection yet; or nothing but the
    collection of the directory itself.
    """

    path: str
    present: bool | None = None
    attempt: int = 0
    reach: Literal["all", "names", "collection"] = "all"


class MovePath(_Task, frozen=True, tag="move", kw_only=True, omit_defaults=True):
    """What was `old` in the source is `new` now: a rename in the catalog, on the path topic."""

    old: str
    new: str
    directory: bool
    attempt: int = 0


class SyncFiles(_Task, frozen=True, tag="file", kw_only=True, omit_defaults=True):
    """Sync a batch of paths that share one partition. `failed`: one of its paths has failed for good already."""

    changes: list[Change]
    failed: bool = False


class Delete(_Task, frozen=True, tag="delete", kw_only=True, omit_defaults=True):
    """Delete what has no source any more, in this order; on the file topic.

    `failed`: one of the candidates has failed for good already.
    """

    candidates: list[Candidate]
    failed: bool = False


Message = Restart | OpenPass | ClosePass | ListPath | MovePath | SyncFiles | Delete
Task = OpenPass | ClosePass | ListPath | MovePath | SyncFiles | Delete

_decoder: msgspec.json.Decoder[Message] = msgspec.json.Decoder(Message)
_encoder = msgspec.json.Encoder()


def encode(message: Message) -> bytes:
    """The message as it goes over the wire."""
    return _encoder.encode(message)


def decode(data: bytes) -> Message:
    """The message in `data`; raises ValueError when it is none of ours or of a later version."""
    try:
        message = _decoder.decode(data)
    except (msgspec.DecodeError, RecursionError) as error:
        raise ValueError(f"not a message of this program: {error}") from error
    if message.v > VERSION:
        raise ValueError(f"message version {message.v} is newer than this program ({VERSION})")
    return message


T = TypeVar("T", bound=_Task)


def again(task: T) -> T:
    """The same task, to be handed out once more."""
    return msgspec.structs.replace(task, round=task.round + 1)
