"""Options of `ingest-scan verify`."""

from __future__ import annotations

import re
from dataclasses import dataclass
from typing import Any

import click

from landingzone.options import Seconds, gathered, option

_UNITS = {"s": 1, "m": 60, "h": 3600, "d": 86_400, "w": 7 * 86_400}
_DURATION = re.compile(r"([0-9]+(?:\.[0-9]+)?)([smhdw]?)")


class Duration(Seconds):
    """A time such as 90, 90s, 10m, 1.5h, 2d or 4w, in seconds."""

    name = "duration"

    def convert(self, value: Any, param: click.Parameter | None, ctx: click.Context | None) -> float:
        """The number of seconds, or a usage error."""
        found = _DURATION.fullmatch(str(value))
        if found is None:
            self.fail(f"{value} is no time like 90s, 10m, 1.5h, 2d or 4w.", param, ctx)
        return super().convert(float(found[1]) * _UNITS[found[2] or "s"], param, ctx)


@dataclass(frozen=True, kw_only=True)
class VerifyOptions:
    """What a verification compares, how much of it, and what it prints."""

    checksum: bool = False
    server_checksum: bool = False
    one_way: bool = False
    workers: int | None = None
    max_duration: float | None = None
    max_age: float | None = None
    resume: bool = False
    repair: bool = False
    report: str | None = None
    json: bool = False
    progress: bool = False


verify_options = gathered(
    "how",
    VerifyOptions,
    option("checksum", is_flag=True, help="Compute checksums of the source, and compare them with the catalog's."),
    option("server_checksum", is_flag=True, help="Let the server read its replicas, and compare with its catalog."),
    option("one_way", is_flag=True, help="Do not look for what only the catalog has."),
    option("workers", type=click.IntRange(min=1), help="Directories that are checked at once [number of CPUs]."),
    option("max_duration", type=Duration(), help="Stop at the next safe point after this time, like 1h."),
    option("max_age", type=Duration(), help="Check only directories that were not found right within it, like 4w."),
    option("resume", is_flag=True, help="Continue the verification that was interrupted."),
    option("repair", is_flag=True, help="With JOB: sync what differs, as the job would."),
    option("report", metavar="FILE", help="Write a line per path: .csv, .jsonl, or - for JSON lines on stdout."),
    option("json", is_flag=True, help="Print the summary as JSON."),
    option("progress", is_flag=True, help="Show the progress."),
)
