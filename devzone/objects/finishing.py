"""Closing an open replica: after success, after a failure, or after the client disconnected."""

import os

from devzone.catalog.catalog import now
from devzone.catalog.descriptors import Descriptor, Writing
from devzone.catalog.rows import GOOD, LOCKED, STALE
from devzone.errors import UNIX_FILE_STAT_ERR, USER_CHKSUM_MISMATCH, IrodsError, unix_error
from devzone.objects import checksums
from devzone.session import Session


def finish(session: Session, descriptor: Descriptor, keywords: dict[str, str]) -> None:
    """Close a descriptor. A replica that was written becomes good with its new size, and the others become stale."""
    os.close(descriptor.fd)
    writing = descriptor.writing
    if writing is None:
        return
    session.zone.open_replicas.remove(writing)
    try:
        size = os.stat(writing.path).st_size
    except OSError as problem:
        _set_stale(session, writing, None)
        raise unix_error(UNIX_FILE_STAT_ERR, problem) from None
    if not writing.written:
        with session.transaction() as db:
            db.execute(
                "update data set repl_status = ? where id = ? and number = ?",
                (writing.before, writing.data_id, writing.number),
            )
            _unlock_others(session, writing)
        return
    _make_good(session, writing, size, _checked(session, writing, size, keywords))


def _checked(session: Session, writing: Writing, size: int, keywords: dict[str, str]) -> str:
    """Verify or compute a checksum, as the keywords request; returns the one to store (empty for none)."""
    if "verifyChksum" in keywords:
        wanted = keywords["verifyChksum"]
        if not wanted:
            return ""
        if not checksums.matches(writing.path, size, wanted):
            _set_stale(session, writing, None)
            raise IrodsError(USER_CHKSUM_MISMATCH)
        return wanted
    return checksums.of_file(writing.path, size) if "regChksum" in keywords else ""


def _make_good(session: Session, writing: Writing, size: int, checksum: str) -> None:
    with session.transaction() as db:
        db.execute(
            "update data set repl_status = ?, size = ?, checksum = ?, modify_ts = ? where id = ? and number = ?",
            (GOOD, size, checksum, now(), writing.data_id, writing.number),
        )
        db.execute(
            "update data set repl_status = ?, locked_from = null where id = ? and number <> ?",
            (STALE, writing.data_id, writing.number),
        )


def _set_stale(session: Session, writing: Writing, size: int | None, checksum: str | None = None) -> None:
    """Make the replica stale, with the physical path that it had when it was opened."""
    with session.transaction() as db:
        db.execute(
            "update data set repl_status = ?, size = coalesce(?, size), checksum = coalesce(?, checksum), path = ?, "
            "modify_ts = ? where id = ? and number = ?",
            (STALE, size, checksum, writing.path, now(), writing.data_id, writing.number),
        )
        _unlock_others(session, writing)


def give_up(session: Session, descriptor: Descriptor, size: int | None = None, checksum: str | None = None) -> None:
    """Close a descriptor whose writing failed. Its replica becomes stale."""
    os.close(descriptor.fd)
    if descriptor.writing is not None:
        session.zone.open_replicas.remove(descriptor.writing)
        _set_stale(session, descriptor.writing, size, checksum)


def drop_descriptors(session: Session) -> None:
    """Close all descriptors of a client that disconnected. Replicas that it was writing become stale."""
    for descriptor in session.descriptors.values():
        writing = descriptor.writing
        give_up(session, descriptor, os.fstat(descriptor.fd).st_size if writing and writing.written else None)
    session.descriptors.clear()


def _unlock_others(session: Session, writing: Writing) -> None:
    session.db.execute(
        "update data set repl_status = locked_from, locked_from = null where id = ? and repl_status = ?",
        (writing.data_id, LOCKED),
    )
