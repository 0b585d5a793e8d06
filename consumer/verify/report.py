"""The report of a verification: a line per path, as CSV or JSON lines."""

from __future__ import annotations

import csv
import datetime as dt
import json
import sys
from collections.abc import Iterable
from contextlib import ExitStack
from typing import IO, Any

from consumer.verify.rows import Row
from ingest.errors import Refused
from ingest.paths import shown

RIGHT = "right"
COLUMNS = (
    *("path", "target", "type", "result", "detail", "size", "catalog_size", "mtime", "catalog_mtime"),
    *("checksum", "catalog_checksum"),
)


class Report:
    """A file that rows are written to, a context manager. JSON lines, or CSV if the name ends in .csv."""

    def __init__(self, file: str, *, append: bool = False) -> None:
        """`file`: a path, or "-" for stdout. Raises Refused if it cannot be written, or has another suffix."""
        self._file = file
        self._stack = ExitStack()
        if file != "-" and not file.endswith((".csv", ".jsonl")):
            raise Refused(f"--report {file} must end in .csv or .jsonl, or be - for JSON lines on stdout")
        self._out: IO[str] = sys.stdout
        if file != "-":
            try:
                self._out = self._stack.enter_context(_opened(file, "a" if append else "w"))
            except OSError as error:
                raise self._refused(error) from error
        self._csv = csv.DictWriter(self._out, COLUMNS) if file.endswith(".csv") else None
        if self._csv is not None and self._out.tell() == 0:
            self._csv.writeheader()

    def __enter__(self) -> Report:
        return self

    def __exit__(self, *_: object) -> None:
        self._stack.close()

    def write(self, rows: Iterable[Row]) -> None:
        """Write a line per row. They are in the file when this returns. Raises Refused if that fails."""
        try:
            for row in rows:
                fields = as_fields(row)
                if self._csv is not None:
                    self._csv.writerow(fields)
                else:
                    self._out.write(json.dumps(fields) + "\n")
            self._out.flush()
        except BrokenPipeError:
            raise
        except OSError as error:
            raise self._refused(error) from error

    def _refused(self, error: OSError) -> Refused:
        return Refused(f"cannot write the report {self._file}: {error.strerror}")


def _opened(file: str, mode: str) -> IO[str]:
    """The report file, which may have paths in it that are not UTF-8."""
    return open(file, mode, encoding="utf-8", errors="backslashreplace", newline="")


def as_fields(row: Row) -> dict[str, Any]:
    """The fields of a row by the names of their columns, without those that are not known; times in UTC."""
    fields = {
        "path": None if row.path is None else shown(row.path),
        "target": row.target,
        "type": "directory" if row.directory else "file",
        "result": result(row),
        "detail": row.detail or None,
        "size": row.size,
        "catalog_size": row.catalog_size,
        "mtime": _utc(row.mtime),
        "catalog_mtime": _utc(row.catalog_mtime),
        "checksum": row.checksum,
        "catalog_checksum": row.catalog_checksum,
    }
    return {name: value for name, value in fields.items() if value is not None}


def result(row: Row) -> str:
    """What was found, in words without spaces, separated by a space."""
    return " ".join(kind.value for kind in row.kinds) or RIGHT


def _utc(seconds: int | None) -> str | None:
    if seconds is None:
        return None
    try:
        return dt.datetime.fromtimestamp(seconds, dt.timezone.utc).isoformat()
    except (OverflowError, ValueError, OSError):  # a time that no calendar has
        return str(seconds)
