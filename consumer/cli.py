"""`ingest-consume`: a consumer that serves jobs until it is told to end."""

from __future__ import annotations

import signal
from pathlib import Path
from types import FrameType
from typing import Any

import click

from ingest.command import run
from ingest.job import DEFAULT_TOPICS, LogSettings
from ingest.options import common, default_state, option, processors, profiling


@click.command(context_settings={"help_option_names": ["-h", "--help"]})
@option("topics", default=",".join(DEFAULT_TOPICS), show_default=True, help="Comma list of topics to work on.")
@option("workers", type=click.IntRange(min=1), help="Worker processes [number of CPUs].")
@option("grace", type=click.FloatRange(min=0), default=10.0, show_default=True, help="Seconds for work on stop.")
@click.version_option(package_name="irods-landing-zone")
@profiling
@common
def cli(topics: str, workers: int | None, grace: float, state: Path | None, **given: Any) -> None:
    """Work on the jobs of a state file until SIGTERM or Ctrl-C.

    While it runs, `ingest-scan start` on the same state file queues its job here and returns.
    """
    from consumer.dispatch import Consumer  # noqa: PLC0415 - --help must be quick
    from consumer.protocol import Setup  # noqa: PLC0415
    from ingest import logs, profile  # noqa: PLC0415
    from ingest.broker.embedded import EmbeddedBroker  # noqa: PLC0415
    from ingest.store.embedded import EmbeddedStore  # noqa: PLC0415

    file, count = state or default_state(), workers or processors()
    settings = LogSettings(given["log_level"], given["log_filename"], given["log_when"], given["log_interval"])
    logs.configure(settings)
    measure = profile.settings(given)
    profile_file = None if measure is None else profile.ProfileFile(measure)
    names = [name.strip() for name in topics.split(",") if name.strip()]
    broker, store = EmbeddedBroker(file), EmbeddedStore(file)
    broker.ensure_topics(names)
    setup = Setup(str(file), settings, measure)
    consumer = Consumer(broker, store, names, setup, workers=count, stop_grace=grace, profile=profile_file)
    told = False

    def end(_number: int, _frame: FrameType | None) -> None:
        nonlocal told
        told = True

    signal.signal(signal.SIGTERM, end)
    signal.signal(signal.SIGINT, end)
    click.echo(f"Serving {', '.join(names)} of {file} with {count} workers; Ctrl-C ends it.", err=True)
    consumer.run(lambda: told)


def main() -> None:
    """Run the command line."""
    run(cli, "ingest-consume")


if __name__ == "__main__":
    main()
