"""The options of `ingest-watch`, and checks of their combinations."""

from __future__ import annotations

import os
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path

import click

from ingest.errors import Refused
from ingest.paths import prefix_of
from landingzone.options import LONGEST, Seconds, gathered, on_command_line, option

QUIET = 1.0
"""Seconds without a change after which a file is synced."""
POLL = 30.0
"""Seconds between two polls."""


@dataclass(frozen=True, kw_only=True)
class WatchOptions:
    """How a source is watched."""

    quiet: float | None = None
    marker: str | None = None
    temporary: tuple[str, ...] = ()
    backend: str | None = None
    poll_interval: float | None = None
    max_watches: int | None = None
    reconcile_interval: int = 3600
    no_events: bool = False
    spool: Path | None = None


watch_options = gathered(
    "watching",
    WatchOptions,
    option("quiet", type=Seconds(), help=f"Sync a file after this many seconds without a change [{QUIET:g}]."),
    option("marker", metavar="SUFFIX", help="Sync FILE only once FILE+SUFFIX exists, such as .done."),
    option(
        "temporary",
        multiple=True,
        metavar="PATTERN",
        help="Temporary names: sync the file once it is renamed [*.part, rsync's …].",
    ),
    option("backend", type=click.Choice(("inotify", "watchdog", "polling")), help="How to watch [inotify on Linux]."),
    option("poll_interval", type=Seconds(0.1), help=f"Seconds between two polls [{POLL:g}]."),
    option("max_watches", type=click.IntRange(min=1), help="Watch at most this many directories, poll the others."),
    option(
        "reconcile_interval",
        type=click.IntRange(1, LONGEST),
        default=WatchOptions.reconcile_interval,
        show_default=True,
        help="Seconds between two scans of the whole source.",
    ),
    option("no_events", is_flag=True, help="Only scan, every --reconcile-interval seconds."),
    option(
        "spool",
        type=click.Path(path_type=Path, dir_okay=False),
        help="File for changes that are not published yet [beside the state file].",
    ),
)
_FOR_EVENTS = ("quiet", "marker", "temporary", "backend", "poll_interval", "max_watches", "spool")
_BACKENDS = {"poll_interval": ("inotify", "polling"), "max_watches": ("inotify",)}
_DATABASE = ("", "-wal", "-shm")
"""Suffixes of the files that SQLite writes for one database."""


def check(options: WatchOptions) -> None:
    """Raise Refused if options exclude each other."""
    for name in _FOR_EVENTS:
        if options.no_events and getattr(options, name) not in (None, ()) and on_command_line(name):
            raise Refused(f"--{name.replace('_', '-')} has no meaning with --no-events, which only scans")
    for name, backends in _BACKENDS.items():
        if getattr(options, name) is not None and options.backend not in (None, *backends) and on_command_line(name):
            raise Refused(f"--{name.replace('_', '-')} has no meaning with --backend {options.backend}")
    if "/" in (options.marker or ""):
        raise Refused(f"--marker {options.marker!r} has a slash: it is a suffix of file names, such as .done")


def check_files(
    source: bytes, databases: Mapping[str, Path], logs: Mapping[str, Path], left_out: Callable[[bytes], bool]
) -> None:
    """Raise Refused if the watcher would see its own files change, and write to them again because of that.

    `databases` and `logs` map the option that names a file to the file. `left_out`: whether the watcher ignores a path.
    """
    root = prefix_of(source)
    written = [(name, file, end) for name, file in databases.items() for end in _DATABASE]
    written += [(name, file, "") for name, file in logs.items()]
    for name, file, end in written:
        path = os.fsencode(os.path.realpath(file) + end)
        if path.startswith(root) and not left_out(path[len(root) :]):
            raise Refused(
                f"{name} {file} is within the source: each write to it would be a change of the source."
                f" Put it elsewhere, or add --exclude '{file.name}*'"
            )
