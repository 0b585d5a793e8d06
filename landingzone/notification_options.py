"""How a watcher hears of what happens in a bucket: options, what they rule out, and the listener that they choose.

Objects appear whole and under their last name. So nothing of what a directory needs waits for them: no quiet time, no
markers, no temporary names.
"""

from __future__ import annotations

import os
from collections.abc import Mapping
from typing import Any

import click

from ingest.credentials import secret
from ingest.errors import Refused
from ingest.job import S3
from landingzone.options import option, options, said
from watcher.events import Backend

WAYS = ("listen", "kafka", "sqs", "webhook")
ADDRESS = "127.0.0.1:8473"
"""Where notifications are received when nothing else is said: behind nobody but this host."""
SECRET = "INGEST_NOTIFICATIONS_SECRET"  # noqa: S105 - the name of a variable
OTHER_KAFKA = "INGEST_NOTIFICATIONS_KAFKA"
"""What the variables begin with that are about a Kafka of the notifications' own."""

notification_options = options(
    option("notifications", type=click.Choice(WAYS), help="How the server of a SOURCE in S3 tells of changes."),
    option("notifications_kafka", metavar="HOST:PORT", help="kafka: the brokers, when they are not those of --kafka."),
    option("notifications_topic", metavar="TOPIC", help="kafka: where the server writes to."),
    option("notifications_group", metavar="GROUP", help="kafka: whose offsets are kept [by source and target]."),
    option("notifications_queue", metavar="URL", help="sqs: the queue."),
    option("notifications_address", metavar="HOST:PORT", help=f"webhook: where to receive them [{ADDRESS}]."),
)
_BELONGS = {
    "notifications_kafka": "kafka",
    "notifications_topic": "kafka",
    "notifications_group": "kafka",
    "notifications_queue": "sqs",
    "notifications_address": "webhook",
}
_FOR_DIRECTORIES = ("quiet", "marker", "temporary", "backend", "poll_interval", "max_watches")


def check(given: Mapping[str, Any], *, in_s3: bool) -> None:
    """Refuse options that do not go together, in a sentence. Raises Refused."""
    way = given["notifications"]
    stray = next((name for name, of in _BELONGS.items() if given[name] is not None and of != way), None)
    if way is not None and not in_s3:
        raise Refused("--notifications is for sources in S3, such as s3://bucket/prefix")
    if stray is not None:
        raise Refused(f"--{stray.replace('_', '-')} needs --notifications {_BELONGS[stray]}")
    if not in_s3:
        return
    if given["no_events"] and way is not None:
        raise Refused("--no-events and --notifications exclude each other")
    if way is None and not given["no_events"]:
        raise Refused(
            f"a source in S3 needs --notifications {'|'.join(WAYS)}, as its server can tell of changes, or --no-events"
        )
    for name in _FOR_DIRECTORIES:
        if given[name] and said(name):
            raise Refused(f"--{name.replace('_', '-')} is for directories: an object in S3 is there at once, and whole")


def listener(source: bytes, settings: S3, given: Mapping[str, Any], *, kafka: str | None, name: str) -> Backend:
    """The listener that the options choose, not started. `source` is /bucket or /bucket/prefix, `kafka` the queue's.

    `name` tells this watcher's offsets from those of others. Raises Refused when something is missing or malformed.
    """
    match given["notifications"]:
        case "listen":
            from watcher.buckets.listen import ListenBackend  # noqa: PLC0415 - only what is needed

            return ListenBackend(source, settings)
        case "kafka":
            return _kafka(source, given, kafka, name)
        case "sqs":
            return _sqs(source, settings, given["notifications_queue"])
        case _:
            return _webhook(source, given["notifications_address"] or ADDRESS)


def _kafka(source: bytes, given: Mapping[str, Any], kafka: str | None, name: str) -> Backend:
    from ingest.broker.kafka.settings import KAFKA  # noqa: PLC0415 - slow to import
    from watcher.buckets.kafka import KafkaBackend  # noqa: PLC0415

    own, topic = given["notifications_kafka"], given["notifications_topic"]
    bootstrap = own or kafka
    if bootstrap is None:
        raise Refused("--notifications kafka needs --notifications-kafka HOST:PORT (or --kafka)")
    if topic is None:
        raise Refused("--notifications kafka needs --notifications-topic, which the S3 server writes to")
    group = given["notifications_group"] or f"ingest-watch-{name}"
    return KafkaBackend(source, bootstrap, topic, group, variables=OTHER_KAFKA if own else KAFKA)


def _sqs(source: bytes, settings: S3, queue: str | None) -> Backend:
    from watcher.buckets.sqs import SqsBackend  # noqa: PLC0415

    if queue is None:
        raise Refused("--notifications sqs needs --notifications-queue URL")
    if not queue.startswith(("https://", "http://")):
        raise Refused(f"--notifications-queue {queue!r} must be the URL of a queue, https://…")
    return SqsBackend(source, settings, queue)


def _webhook(source: bytes, address: str) -> Backend:
    from watcher.buckets.webhook import WebhookBackend  # noqa: PLC0415

    host, _, port = address.rpartition(":")
    if not host or not port.isdecimal() or not 0 < int(port) < 65_536:
        raise Refused(f"--notifications-address {address!r} must be host:port")
    known = secret(SECRET, os.environ)
    if known is None:
        raise Refused(f"--notifications webhook needs a secret that the S3 server sends: {SECRET}, or {SECRET}_FILE")
    return WebhookBackend(source, known, host, int(port))
