"""The options of `ingest-watch`, and what they rule out."""

from __future__ import annotations

import os
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

import click

from ingest.errors import Refused
from landingzone.options import LONGEST, Seconds, option, options, said

QUIET = 1.0
"""Seconds for which a file is left alone before it is taken."""
POLL = 30.0
"""Seconds between two looks at what is polled."""

watch_options = options(
    option("quiet", type=Seconds(), help=f"Seconds without a change [{QUIET:g}]."),
    option("marker", metavar="SUFFIX", help="Take a file only once FILE+SUFFIX is there, such as .done."),
    option("temporary", multiple=True, metavar="PATTERN", help="Names that wait for their rename [*.part, rsync's …]."),
    option("backend", type=click.Choice(("inotify", "watchdog", "polling")), help="How to watch [inotify on Linux]."),
    option("poll_interval", type=Seconds(0.1), help=f"Seconds between looks at what is polled [{POLL:g}]."),
    option("max_watches", type=click.IntRange(min=1), help="Watch at most so many directories, poll the others."),
    option(
        "reconcile_interval", type=click.IntRange(1, LONGEST), default=3600, show_default=True, help="Between scans."
    ),
    option("no_events", is_flag=True, help="Only scan, every --reconcile-interval seconds."),
    option("spool", type=click.Path(path_type=Path, dir_okay=False), help="File of what is not published yet."),
)
_FOR_EVENTS = ("quiet", "marker", "temporary", "backend", "poll_interval", "max_watches", "spool")
_BACKENDS = {"poll_interval": ("inotify", "polling"), "max_watches": ("inotify",)}
_DATABASE = ("", "-wal", "-shm")
"""What SQLite adds to the name of a file for those that it writes to."""


def check(given: Mapping[str, Any]) -> None:
    """Refuse options that do not go together, in a sentence. Raises Refused."""
    for name in _FOR_EVENTS:
        if given["no_events"] and given[name] not in (None, ()) and said(name):
            raise Refused(f"--{name.replace('_', '-')} has no meaning with --no-events, which only scans")
    for name, backends in _BACKENDS.items():
        if given[name] is not None and given["backend"] not in (None, *backends) and said(name):
            raise Refused(f"--{name.replace('_', '-')} has no meaning with --backend {given['backend']}")
    if "/" in (given["marker"] or ""):
        raise Refused(f"--marker {given['marker']!r} has a slash: it is what is added to the name of a file")


def check_files(
    source: bytes, databases: Mapping[str, Path], logs: Mapping[str, Path], left_out: Callable[[bytes], bool]
) -> None:
    """Refuse files of our own that would be taken for changes of the source, which writes to them again, and so on.

    The files are given under the options that name them; `left_out`: whether the watcher takes no notice of a path.
    Raises Refused.
    """
    root = source.rstrip(b"/") + b"/"
    written = [(name, file, end) for name, file in databases.items() for end in _DATABASE]
    written += [(name, file, "") for name, file in logs.items()]
    for name, file, end in written:
        path = os.fsencode(os.path.realpath(file) + end)
        if path.startswith(root) and not left_out(path[len(root) :]):
            raise Refused(
                f"{name} {file} lies within the source, and what is written there would be a change without end:"
                f" name another place, or --exclude '{file.name}*'"
            )
