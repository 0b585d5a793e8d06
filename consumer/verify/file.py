"""Checks one file: what the sync wants of it, what the catalog has, and the content if that is asked for."""

from __future__ import annotations

from contextlib import closing
from typing import NamedTuple

import msgspec

from consumer.irods import checksums
from consumer.irods.errors import describe
from consumer.sync.context import Context
from consumer.sync.decide import REGISTERS, Impossible
from consumer.sync.failures import failure, out_of_reach
from consumer.sync.meta import of_file
from consumer.sync.place import Place
from consumer.sync.situation import situation, unfit
from consumer.verify.compare import compare, seconds
from consumer.verify.rows import Kind, Row
from ingest.handlers.core import Operation
from ingest.job import Job
from ingest.messages import GOOD, Catalog, Replica
from scanner.content import FileChanged
from scanner.entries import Entry


class Checks(NamedTuple):
    """What is compared beside names, sizes, times and replicas."""

    checksum: bool = False
    """Compute checksums of the source, and compare them with the catalog's."""
    server_checksum: bool = False
    """Have the server read its replicas, and compare them with the catalog's checksums."""
    one_way: bool = False
    """Do not look for what only the catalog has."""


def check_file(ctx: Context, checks: Checks, entry: Entry, found: Catalog) -> Row:
    """Check one file; `found` is the catalog's answer. Raises only if zone or source are out of reach."""
    place = ctx.place(entry.path)
    row = Row(path=entry.path, target=place.target, size=entry.stat.size, mtime=seconds(entry.stat.mtime_ns))
    try:
        return _checked(ctx, checks, entry, place, row, found)
    except Exception as error:  # noqa: BLE001 - of the event handler, or one that concerns this file alone
        return unchecked(ctx, row, error)


def unchecked(ctx: Context, row: Row, error: Exception) -> Row:
    """The row of a path whose check has failed. Raises the error if zone or source are out of reach."""
    if out_of_reach(ctx, error):
        raise error
    ctx.source.look(b"")  # raises SourceNotVisible if the whole source is out of reach
    return _judged(row, {Kind.UNCHECKED: failure(ctx, row.target, error).reason})


def with_replica(row: Row, replica: Replica) -> Row:
    """The row with what the catalog has."""
    return msgspec.structs.replace(
        row, catalog_size=replica.size, catalog_mtime=replica.mtime, catalog_checksum=replica.checksum or None
    )


def _judged(row: Row, wrong: dict[Kind, str]) -> Row:
    return msgspec.structs.replace(row, kinds=tuple(wrong), detail="; ".join(filter(None, wrong.values())))


def _checked(ctx: Context, checks: Checks, entry: Entry, place: Place, row: Row, found: Catalog) -> Row:
    meta = of_file(ctx.job, entry, place)
    session = ctx.session(meta)
    operation = ctx.handler.operation(session, meta)
    if operation is Operation.NO_OP:
        return _judged(row, {Kind.SKIPPED: "the operation is NO_OP"})
    try:
        reason = unfit(ctx, entry, operation, place)
    except Impossible as error:
        return _judged(row, {Kind.MISSING: str(error)})
    if reason is not None:
        readable = not _has_content(entry) or ctx.source.readable(entry.path)
        return _judged(row, {Kind.SKIPPED if readable else Kind.UNREADABLE: reason})
    seen = situation(ctx, entry, session, meta, operation, found, None)
    wrong, examined = compare(seen, keeps_mtime=_keeps_mtime(ctx.job, operation))
    if not examined:
        return _judged(row, wrong)
    row = with_replica(row, examined[0])
    good = [replica for replica in examined if replica.status == GOOD]
    if (checks.checksum or checks.server_checksum) and good and _has_content(entry):
        return _ContentCheck(ctx, entry, row, wrong).check(checks, good)
    return _judged(row, wrong)


def _has_content(entry: Entry) -> bool:
    return entry.kind in ("regular", "link") and not entry.broken


def _keeps_mtime(job: Job, operation: Operation) -> bool:
    """Whether a replica has the modification time of its file."""
    return job.bulk != "no-mtime" if operation in REGISTERS else job.preserve_mtime


class _ContentCheck:
    """Compares the checksums of one file and its good replicas."""

    def __init__(self, ctx: Context, entry: Entry, row: Row, wrong: dict[Kind, str]) -> None:
        """`wrong`: what is known to be wrong already."""
        self._ctx = ctx
        self._entry = entry
        self._row = row
        self._wrong = dict(wrong)
        self._computed: dict[str, str] = {}

    def check(self, checks: Checks, good: list[Replica]) -> Row:
        """The row with all that is wrong. A file of another size than its replica is not read."""
        known = [replica for replica in good if replica.checksum]
        if len(known) < len(good):
            self._wrong[Kind.NO_CHECKSUM] = "the catalog has no checksum"
        if checks.checksum and Kind.OTHER_SIZE not in self._wrong:
            self._compare_source(known)
        if checks.server_checksum:
            for replica in known:
                self._ask_server(replica)
        read = self._entry.stat.size * len(self._computed)
        row = msgspec.structs.replace(self._row, checksum=next(iter(self._computed.values()), None), bytes_read=read)
        return _judged(row, self._wrong)

    def _compare_source(self, known: list[Replica]) -> None:
        try:
            for replica in known:
                checksum = self._of_source(checksums.scheme_of(replica.checksum))
                if not checksums.same(checksum, replica.checksum):
                    text = f"replica {replica.number} has {replica.checksum}, the file {checksum}"
                    self._wrong.setdefault(Kind.OTHER_CHECKSUM, text)
        except (FileChanged, OSError) as error:
            if out_of_reach(self._ctx, error):
                raise
            self._wrong[Kind.UNREADABLE] = describe(error)

    def _of_source(self, scheme: str) -> str:
        """The checksum of the file, computed once per scheme."""
        if scheme not in self._computed:
            with closing(self._ctx.source.open(self._entry)) as content:
                self._computed[scheme] = checksums.of_content(content, scheme)
        return self._computed[scheme]

    def _ask_server(self, replica: Replica) -> None:
        """Have the server read a replica. An error of the server is an answer: the file may be absent, for instance."""
        try:
            answer = checksums.verify(self._ctx.lister, self._row.target, replica)
        except Exception as error:
            if out_of_reach(self._ctx, error):
                raise
            answer = describe(error)
        if answer is not None:
            self._wrong.setdefault(Kind.OTHER_CHECKSUM, f"the server read replica {replica.number}: {answer}")
