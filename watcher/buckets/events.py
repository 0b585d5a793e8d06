"""Translates the notifications of S3 servers into events below a prefix.

Amazon's message structure (version 2.x, "Event message structure" of the S3 user guide), which MinIO, Ceph RGW and
VersityGW write too: `Records`, each with `eventName`, `s3.bucket.name` and `s3.object.key`, which is URL-encoded, with
"+" for a blank (VersityGW 1.8 does not encode keys). SNS wraps the message once more. Order and duplicates do not
matter: the consumer looks at the bucket before it acts.
"""

from __future__ import annotations

from collections.abc import Iterator
from urllib.parse import unquote_plus

import msgspec

from ingest.paths import prefix_of
from ingest.service import logs
from watcher.events import Directory, Event, Gone, Missed, Written

WRITTEN = ("ObjectCreated:", "ObjectRestore:Completed")
GONE = ("ObjectRemoved:", "LifecycleExpiration:")
_TEST = "s3:TestEvent"
_PLAIN = frozenset({"kafka-global", "webhook-global"})
"""`configurationId` in the notifications of VersityGW, whose keys are not encoded."""


class _Bucket(msgspec.Struct):
    name: str


class _Object(msgspec.Struct):
    key: str


class _Subject(msgspec.Struct, rename={"configuration": "configurationId"}):
    bucket: _Bucket
    object: _Object
    configuration: str | None = None


class _Record(msgspec.Struct, rename={"name": "eventName"}):
    name: str
    s3: _Subject


class _Notification(msgspec.Struct, rename={"records": "Records", "event": "Event", "message": "Message"}):
    records: list[_Record] | msgspec.UnsetType | None = msgspec.UNSET
    event: str | None = None
    message: str | None = None


_decoder = msgspec.json.Decoder(_Notification)


class Reader:
    """Reads the notifications of one bucket about keys with a prefix."""

    def __init__(self, source: bytes, *, encoded: bool = True) -> None:
        """`source` is that of a job: /bucket or /bucket/prefix. `encoded`: whether the keys are URL-encoded."""
        self._encoded = encoded
        bucket, _, prefix = source[1:].partition(b"/")
        self.bucket = bucket.decode()
        self._prefix = prefix_of(prefix)

    @property
    def prefix(self) -> str:
        """The common prefix of the keys of the source."""
        return self._prefix.decode()

    def events(self, data: bytes) -> list[Event]:
        """The events in a notification. An unreadable one becomes a Missed of the whole source."""
        try:
            return list(self._read(data))
        except (msgspec.DecodeError, ValueError, RecursionError) as error:
            logs.get("watcher").warning("a notification cannot be read", reason=str(error), begin=repr(data[:200]))
            return [Missed(b"", "a notification could not be read")]

    def _read(self, data: bytes) -> Iterator[Event]:
        found = _decoder.decode(data)
        if found.message is not None:
            yield from self._read(found.message.encode())
        elif found.records is not msgspec.UNSET:
            for record in found.records or ():
                if record.s3.bucket.name == self.bucket:
                    yield from self._event(record)
        elif found.event != _TEST:
            raise ValueError("it has no records")

    def _event(self, record: _Record) -> Iterator[Event]:
        name = record.name.removeprefix("s3:")
        text = record.s3.object.key
        plain = not self._encoded or record.s3.configuration in _PLAIN
        key = (text if plain else unquote_plus(text, errors="strict")).encode()
        if not key.startswith(self._prefix) or key == self._prefix:
            return
        path = key[len(self._prefix) :]
        directory = path.removesuffix(b"/")
        if any(each in (b"", b".", b"..") or b"\0" in each for each in directory.split(b"/")):
            logs.get("watcher").warning("a key is skipped: no path of iRODS can have its name", key=repr(text))
            return  # the next scan lists it
        if name.startswith(WRITTEN):
            yield Written(path) if path == directory else Directory(directory)
        elif name.startswith(GONE):
            yield (
                Gone(path, directory=False)
                if path == directory
                else Missed(directory, "the object for a prefix was deleted")
            )
