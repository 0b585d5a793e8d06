"""`ingest-consume`: a consumer that serves jobs until it is told to end."""

from __future__ import annotations

from typing import Any

import click

from ingest.broker import Broker
from ingest.deployment import Deployment
from ingest.errors import Refused, Unreachable
from ingest.job import DEFAULT_TOPICS, LogSettings
from landingzone.options import Seconds, common, metrics, option, processors, profiling
from landingzone.run import run, until_signal


@click.command(context_settings={"help_option_names": ["-h", "--help"]})
@option("topics", default=",".join(DEFAULT_TOPICS), show_default=True, help="Comma list of topics to work on.")
@option("workers", type=click.IntRange(min=1), help="Worker processes [number of CPUs].")
@option("grace", type=Seconds(), default=10.0, show_default=True, help="Seconds for work on stop.")
@option("group", default="ingest", show_default=True, help="Kafka's consumer group, the same for all consumers.")
@option("instance_id", metavar="NAME", help="This consumer's own name: back in a minute, it has its partitions again.")
@click.version_option(package_name="irods-landing-zone")
@metrics
@profiling
@common
def cli(topics: str, workers: int | None, grace: float, state: Deployment, **given: Any) -> None:
    """Work on the jobs of a state file, or of Kafka and Redis, until SIGTERM or Ctrl-C.

    While it runs, `ingest-scan start` on the same ones queues its job here and returns.
    """
    from consumer.dispatch.loop import Consumer  # noqa: PLC0415 - --help must be quick
    from consumer.protocol import Setup  # noqa: PLC0415
    from ingest.service import logs, profile  # noqa: PLC0415
    from ingest.service.metrics import start_metrics  # noqa: PLC0415

    count = workers or processors()
    settings = LogSettings(given["log_level"], given["log_filename"], given["log_when"], given["log_interval"])
    logs.configure(settings)
    measure = profile.settings(given)
    profile_file = None if measure is None else profile.ProfileFile(measure)
    names = [name.strip() for name in topics.split(",") if name.strip()]
    if not names:
        raise Refused("--topics names no topic")
    store, broker = state.open_store(), state.broker(instance_id=given["instance_id"])
    _ensure_topics(broker, names)
    setup = Setup(state.text, settings, measure)
    how = {"workers": count, "stop_grace": grace, "profile": profile_file, "group": given["group"]}
    health = start_metrics(given, "consumer")
    consumer = Consumer(broker, store, names, setup, **how)
    told = until_signal()
    click.echo(f"Serving {', '.join(names)} of {state} with {count} workers; Ctrl-C ends it.", err=True)
    consumer.run(told, health)


def _ensure_topics(broker: Broker, names: list[str]) -> None:
    try:
        broker.ensure_topics(names)
    except Unreachable as error:
        raise Refused(str(error)) from error


def main() -> None:
    """Run the command line."""
    run(cli, "ingest-consume")


if __name__ == "__main__":
    main()
