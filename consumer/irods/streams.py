"""Large contents: read and written in pieces, several at a time, hashed in order."""

from __future__ import annotations

import hashlib
import io
import threading
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager, suppress
from typing import Any

from irods import keywords as kw
from irods.session import iRODSSession

from ingest.messages import Replica
from scanner.content import Content

STREAMS = 4
PIECE = 8 * 1024 * 1024
"""Bytes read and written at a time; as many pieces as streams are in memory."""


def put(
    session: iRODSSession,
    path: str,
    content: Content,
    keywords: dict[str, str],
    digest: hashlib._Hash | None,
    *,
    allow_redirect: bool,
) -> None:
    """Write a content to a logical path over several connections; `digest` takes all of it, in order.

    When anything goes wrong before the replica is complete, the connections are dropped, and the server marks the
    replica stale, as it does for a client that has died. Raises FileChanged, or what source or iRODS raise.
    """
    returned: dict[str, Any] = {}
    options = {name: value for name, value in keywords.items() if name != kw.FORCE_FLAG_KW}
    first = _open(session, path, "w", allow_redirect=allow_redirect, returned_values=returned, **options)
    opened = [first]
    with _stale_unless_complete(opened):
        token, hierarchy = first.replica_access_info()
        shared = {kw.RESC_HIER_STR_KW: hierarchy, kw.REPLICA_TOKEN_KW: token}
        for _ in range(min(STREAMS, -(-content.size // PIECE)) - 1):
            where = returned.get("session", session)
            opened.append(_open(where, path, "a", create=False, finalize_on_close=False, **shared))
        _Pieces(content, digest).write(opened)
        content.check()
        while len(opened) > 1:
            opened.pop().close()
    first.close()  # it finishes the replica


def append(session: iRODSSession, path: str, content: Content, replica: Replica) -> None:
    """Write what the content has beyond the replica's size to the end of the replica. Raises like `put`."""
    raw = _open(session, path, "r+", create=False, **{kw.RESC_HIER_STR_KW: replica.hierarchy})
    with _stale_unless_complete([raw]):
        raw.seek(replica.size)
        for at in range(replica.size, content.size, PIECE):
            raw.write(content.read(at, min(PIECE, content.size - at)))
    raw.close()


@contextmanager
def _stale_unless_complete(opened: list[Any]) -> Iterator[None]:
    """Drop the connections of these descriptors when an exception of any class comes up."""
    try:
        yield
    except BaseException:
        for each in opened:
            _drop(each)
        raise


def _open(session: iRODSSession, path: str, mode: str, **options: Any) -> Any:
    """A raw descriptor: what is written to it goes out at once."""
    return session.data_objects.open(path, mode, auto_close=False, **{"allow_redirect": False, **options}).detach()


def _drop(raw: Any) -> None:
    io.RawIOBase.close(raw)  # or its own close would finish the replica as a good one
    with suppress(Exception):
        raw.conn.disconnect()
    raw.conn.release(destroy=True)


class _Pieces:
    """The pieces of a content, each taken by one stream, and passed in order to those who compute checksums."""

    def __init__(self, content: Content, digest: hashlib._Hash | None) -> None:
        self._content = content
        self._digest = digest
        self._next = iter(range(0, content.size, PIECE))
        self._fed = 0
        self._turn = threading.Condition()
        self._broken = False

    def write(self, opened: list[Any]) -> None:
        with ThreadPoolExecutor(len(opened)) as pool:
            for done in [pool.submit(self._stream, raw) for raw in opened]:
                done.result()

    def _stream(self, raw: Any) -> None:
        try:
            for offset in self._offsets():
                data = self._content.read(offset, min(PIECE, self._content.size - offset))
                self._feed(offset, data)
                raw.seek(offset)
                raw.write(data)
        except BaseException:
            with self._turn:
                self._broken = True
                self._turn.notify_all()
            raise

    def _offsets(self) -> Iterator[int]:
        while True:
            with self._turn:
                offset = None if self._broken else next(self._next, None)
            if offset is None:
                return
            yield offset

    def _feed(self, offset: int, data: bytes) -> None:
        """Wait until all that comes before was fed; returns at once when another stream has failed."""
        with self._turn:
            self._turn.wait_for(lambda: self._broken or self._fed == offset)
            if self._broken:
                return
        self._content.feed(data)
        if self._digest is not None:
            self._digest.update(data)
        with self._turn:
            self._fed += len(data)
            self._turn.notify_all()
