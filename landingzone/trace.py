"""From a profile to a trace in Chrome's JSON format, which Perfetto reads: a track per worker, calls within tasks."""

from __future__ import annotations

import sys
from collections.abc import Iterator
from pathlib import Path
from typing import IO, Any

import msgspec

from ingest.errors import Refused
from ingest.service.profile import Event

_decoder = msgspec.json.Decoder(Event)
_encoder = msgspec.json.Encoder()


def convert(file: Path, output: Path | None) -> None:
    """Write the trace of a profile to `output`, or to stdout; nothing when a line is bad. Raises Refused."""
    try:
        events = list(_read(file))
    except OSError as error:
        raise Refused(f"cannot read the profile {file}: {error.strerror}") from error
    if output is None:
        _write(events, sys.stdout.buffer)
        return
    if output.exists() and output.samefile(file):
        raise Refused(f"--output {output} is the profile itself")
    try:
        with output.open("wb") as out:
            _write(events, out)
    except OSError as error:
        raise Refused(f"cannot write {output}: {error.strerror}") from error


def _read(file: Path) -> Iterator[Event]:
    with file.open("rb") as lines:
        for number, line in enumerate(lines, 1):
            try:
                yield _decoder.decode(line)
            except (msgspec.DecodeError, UnicodeDecodeError, RecursionError) as error:
                raise Refused(f"line {number} of {file} is not of a profile: {error}") from error


def _write(events: list[Event], out: IO[bytes]) -> None:
    """Times are in microseconds, as the format wants them."""
    out.write(b'{"displayTimeUnit":"ms","traceEvents":[\n')
    names = [_name(pid) for pid in sorted({event.pid for event in events})]
    between = b""
    for each in (*names, *map(_slice, events)):
        out.write(between + _encoder.encode(each))
        between = b",\n"
    out.write(b"\n]}\n")
    out.flush()


def _name(pid: int) -> dict[str, Any]:
    return {"ph": "M", "name": "process_name", "pid": pid, "tid": pid, "args": {"name": f"worker {pid}"}}


def _slice(event: Event) -> dict[str, Any]:
    about = ("job", "pass_id", "task", "path", "target", "error")
    return {
        "ph": "X",
        "name": event.name,
        "cat": event.kind,
        "ts": round(event.start * 1e6),
        "dur": round(event.duration * 1e6),
        "pid": event.pid,
        "tid": event.tid,
        "args": {name: getattr(event, name) for name in about if getattr(event, name) is not None},
    }
