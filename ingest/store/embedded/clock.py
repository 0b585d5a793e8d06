"""The clock of the embedded store: the boot clock of the machine, counted from a wall time that is in the file.

The wall clock may be set at any time, and the boot clock may not. So a term of ten seconds takes ten seconds. All
processes of a boot use the same anchor, which is in the file. Another boot, or another machine, makes a new one.
"""

from __future__ import annotations

import sqlite3
import time
from collections.abc import Callable
from contextlib import suppress
from pathlib import Path
from typing import NamedTuple

from ingest.boot_clock import boot_seconds
from ingest.sqlite import transaction

SLACK_SECONDS = 5.0
"""A term that began further ahead than this is void: the clock has been set back since."""
_BOOT_ID = Path("/proc/sys/kernel/random/boot_id")
_OFF_SECONDS = 86_400.0
"""An anchor further off the wall clock is replaced: the machine has no boot id, or it began with a wrong time."""


class Machine(NamedTuple):
    """What the clock reads: the id of the boot, the seconds since then, and the seconds since the epoch."""

    boot: str
    uptime: Callable[[], float]
    wall: Callable[[], float]


class Clock:
    """The clock of one state file."""

    def __init__(self, db: sqlite3.Connection, machine: Machine | None = None) -> None:
        """Use the anchor of the file, or make one. `machine`: None for this machine."""
        self._db = db
        self._machine = machine or this_machine()
        boot, uptime, wall = self._machine
        with transaction(db):
            row = db.execute("SELECT boot, epoch FROM clock").fetchone()
            if row is None or row[0] != boot or abs(row[1] + uptime() - wall()) > _OFF_SECONDS:
                db.execute("INSERT OR REPLACE INTO clock VALUES (1, ?, ?)", (boot, wall() - uptime()))

    def now(self) -> float:
        """The time for terms, in seconds. It goes back only after a boot."""
        epoch: float = self._db.execute("SELECT epoch FROM clock").fetchone()[0]
        return epoch + self._machine.uptime()

    def wall(self) -> float:
        """The time for people, in seconds since the epoch."""
        return self._machine.wall()

    def terms(self, seconds: float = 0.0) -> dict[str, float]:
        """The parameters of a statement on terms: `now`, `until` (in `seconds`) and `latest` (see SLACK_SECONDS)."""
        now = self.now()
        return {"now": now, "until": now + seconds, "latest": now + SLACK_SECONDS}


def this_machine() -> Machine:
    """Return the clocks of this machine."""
    boot = ""
    with suppress(OSError):
        boot = _BOOT_ID.read_text().strip()
    return Machine(boot, boot_seconds, time.time)
