"""Trees that are ingested, and damage that is planted in the catalog behind the tool's back."""

from __future__ import annotations

import json
import os
from pathlib import Path
from typing import Any, NamedTuple

from irods.session import iRODSSession

from tests.conftest import CommandLine, Ran


class Verified(NamedTuple):
    """How `ingest-scan verify` ended: the status, the lines of the report, and the summary."""

    status: int
    rows: list[dict[str, Any]]
    summary: dict[str, Any]
    ran: Ran

    @property
    def wrong(self) -> dict[str, str]:
        """Logical path → result of all that is neither right nor skipped."""
        return {row["target"]: row["result"] for row in self.rows if row["result"] not in ("right", "skipped")}


def verify(scan: CommandLine, report: Path, *arguments: str | os.PathLike[str], **environ: str) -> Verified:
    """Run `ingest-scan verify` with a report and a summary in JSON."""
    ran = scan("verify", *arguments, "--json", "--report", report, **environ)
    rows = [json.loads(line) for line in report.read_text().splitlines()] if report.exists() else []
    return Verified(ran.status, rows, json.loads(ran.out) if ran.out else {}, ran)


def change_replica(irods: iRODSSession, path: str, number: int = 0, **values: Any) -> None:
    """Write columns of a replica, as an administrator can."""
    irods.data_objects.modDataObjMeta({"objPath": path, "replNum": number}, values)
