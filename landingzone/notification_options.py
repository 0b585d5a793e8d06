"""Options for notifications of changes in a bucket, checks of their combinations, and the listener that they choose.

An object appears complete and under its final name. So quiet time, markers and temporary names do not apply to it.
"""

from __future__ import annotations

import os
from dataclasses import dataclass

import click

from ingest.credentials import secret
from ingest.errors import Refused
from ingest.job import S3
from landingzone.options import gathered, on_command_line, option
from landingzone.watch_options import WatchOptions
from watcher.events import Backend

WAYS = ("listen", "kafka", "sqs", "webhook")
ADDRESS = "127.0.0.1:8473"
"""Default address to receive notifications on; only this host reaches it."""
SECRET = "INGEST_NOTIFICATIONS_SECRET"  # noqa: S105 - the name of a variable
OTHER_KAFKA = "INGEST_NOTIFICATIONS_KAFKA"
"""Prefix of the variables for a Kafka that is used for notifications only."""


@dataclass(frozen=True, kw_only=True)
class NotificationOptions:
    """How the watcher receives notifications."""

    notifications: str | None = None
    notifications_kafka: str | None = None
    notifications_topic: str | None = None
    notifications_group: str | None = None
    notifications_queue: str | None = None
    notifications_address: str | None = None


notification_options = gathered(
    "notified",
    NotificationOptions,
    option("notifications", type=click.Choice(WAYS), help="How the server of a SOURCE in S3 reports changes."),
    option("notifications_kafka", metavar="HOST:PORT", help="kafka: the brokers [those of --kafka]."),
    option("notifications_topic", metavar="TOPIC", help="kafka: the topic that the server writes to."),
    option("notifications_group", metavar="GROUP", help="kafka: the consumer group [by source and target]."),
    option("notifications_queue", metavar="URL", help="sqs: URL of the queue."),
    option("notifications_address", metavar="HOST:PORT", help=f"webhook: the address to receive them on [{ADDRESS}]."),
)
_BELONGS = {
    "notifications_kafka": "kafka",
    "notifications_topic": "kafka",
    "notifications_group": "kafka",
    "notifications_queue": "sqs",
    "notifications_address": "webhook",
}
_FOR_DIRECTORIES = ("quiet", "marker", "temporary", "backend", "poll_interval", "max_watches")


def check(notified: NotificationOptions, watching: WatchOptions, *, in_s3: bool) -> None:
    """Raise Refused if options exclude each other, or do not fit the kind of source."""
    way = notified.notifications
    stray = next((name for name, of in _BELONGS.items() if getattr(notified, name) is not None and of != way), None)
    if way is not None and not in_s3:
        raise Refused("--notifications is for sources in S3, such as s3://bucket/prefix")
    if stray is not None:
        raise Refused(f"--{stray.replace('_', '-')} needs --notifications {_BELONGS[stray]}")
    if not in_s3:
        return
    if watching.no_events and way is not None:
        raise Refused("--no-events and --notifications exclude each other")
    if way is None and not watching.no_events:
        raise Refused(
            f"a source in S3 needs --notifications {'|'.join(WAYS)}, whichever its server supports,"
            " or --no-events to scan only"
        )
    for name in _FOR_DIRECTORIES:
        if getattr(watching, name) and on_command_line(name):
            raise Refused(f"--{name.replace('_', '-')} is for directories: an object in S3 appears complete")


def listener(source: bytes, settings: S3, notified: NotificationOptions, *, kafka: str | None, name: str) -> Backend:
    """Return the listener that the options choose, not started.

    `source` is /bucket or /bucket/prefix, `kafka` the brokers of the queue, `name` the suffix of the default consumer
    group of this watcher. Raises Refused if an option is missing or malformed.
    """
    match notified.notifications:
        case "listen":
            from watcher.buckets.listen import ListenBackend  # noqa: PLC0415 - only what is needed

            return ListenBackend(source, settings)
        case "kafka":
            return _kafka(source, notified, kafka, name)
        case "sqs":
            return _sqs(source, settings, notified.notifications_queue)
        case _:
            return _webhook(source, notified.notifications_address or ADDRESS)


def _kafka(source: bytes, notified: NotificationOptions, kafka: str | None, name: str) -> Backend:
    from ingest.broker.kafka.settings import KAFKA  # noqa: PLC0415 - slow to import
    from watcher.buckets.kafka import KafkaBackend  # noqa: PLC0415

    own, topic = notified.notifications_kafka, notified.notifications_topic
    bootstrap = own or kafka
    if bootstrap is None:
        raise Refused("--notifications kafka needs --notifications-kafka HOST:PORT (or --kafka)")
    if topic is None:
        raise Refused("--notifications kafka needs --notifications-topic, which the S3 server writes to")
    group = notified.notifications_group or f"ingest-watch-{name}"
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
