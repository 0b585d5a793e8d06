"""A clock that all processes of a machine share, that nobody can set, and that goes on while the machine sleeps."""

from __future__ import annotations

import time

_CLOCK = getattr(time, "CLOCK_BOOTTIME", time.CLOCK_MONOTONIC)


def boot_seconds() -> float:
    """Return the seconds since the boot."""
    return time.clock_gettime(_CLOCK)
