"""`ingest-consume`: a consumer that works on jobs until it is stopped."""

from __future__ import annotations

from dataclasses import dataclass
from functools import partial

import click

from ingest.broker import Broker
from ingest.deployment import Deployment
from ingest.errors import Refused, Unreachable
from ingest.job import DEFAULT_TOPICS, LogSettings
from landingzone.options import (
    MetricsOptions,
    ProfileOptions,
    Seconds,
    common,
    gathered,
    metrics,
    option,
    processors,
    profiling,
)
from landingzone.run import run, until_signal


@dataclass(frozen=True, kw_only=True)
class ConsumeOptions:
    """The options of `ingest-consume` itself."""

    topics: str
    workers: int | None
    grace: float
    group: str
    instance_id: str | None

    @property
    def names(self) -> list[str]:
        """The names of the topics. Raises Refused if there are none."""
        names = [name.strip() for name in self.topics.split(",") if name.strip()]
        if not names:
            raise Refused("--topics names no topic")
        return names


consume_options = gathered(
    "options",
    ConsumeOptions,
    option("topics", default=",".join(DEFAULT_TOPICS), show_default=True, help="Comma list of topics to work on."),
    option("workers", type=click.IntRange(min=1), help="Worker processes [number of CPUs]."),
    option(
        "grace",
        type=Seconds(),
        default=10.0,
        show_default=True,
        help="Seconds that tasks have to finish when the consumer is stopped.",
    ),
    option("group", default="ingest", show_default=True, help="Kafka consumer group, the same for all consumers."),
    option(
        "instance_id",
        metavar="NAME",
        help="A name of its own: after a restart within a minute the consumer keeps its partitions.",
    ),
)


@click.command(context_settings={"help_option_names": ["-h", "--help"]})
@consume_options
@click.version_option(package_name="irods-landing-zone")
@metrics
@profiling
@common
def cli(
    options: ConsumeOptions,
    state: Deployment,
    metrics: MetricsOptions,
    profiling: ProfileOptions,
    log: LogSettings,
) -> None:
    """Work on the jobs of a state file, or of Kafka and Redis, until SIGTERM or Ctrl-C.

    While it runs, `ingest-scan start` with the same state file, or Kafka and Redis, queues its job and returns.
    """
    from consumer.dispatch.loop import Consumer  # noqa: PLC0415 - --help must be quick
    from consumer.protocol import Setup  # noqa: PLC0415
    from ingest.service import logs  # noqa: PLC0415
    from ingest.service.metrics import start_metrics  # noqa: PLC0415
    from ingest.service.profile import ProfileFile  # noqa: PLC0415
    from landingzone.launch import log_in_as  # noqa: PLC0415
    from landingzone.serving import serve  # noqa: PLC0415

    count, names = options.workers or processors(), options.names
    logs.configure(log)
    settings = profiling.settings()
    profile = None if settings is None else ProfileFile(settings)
    store, broker = state.open_store(), state.broker(instance_id=options.instance_id)
    account = log_in_as()
    _ensure_topics(broker, names)
    setup = Setup(state.text, log, settings)
    health = start_metrics(metrics.metrics_address, metrics.metrics_port, "consumer")
    make = partial(
        Consumer,
        broker,
        store,
        names,
        setup,
        workers=count,
        stop_grace=options.grace,
        profile=profile,
        group=options.group,
    )
    consumer, stopped = make(), until_signal()
    click.echo(f"Serving {', '.join(names)} of {state} with {count} workers as {account}; Ctrl-C ends it.", err=True)
    serve(consumer, make, store, stopped, health)


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
