"""Options that do not go together are refused in a sentence, before anything is done."""

from __future__ import annotations

from pathlib import Path

import pytest
from click.testing import CliRunner

from ingest.errors import Refused
from landingzone.watch import cli

S3 = "s3://bucket/p"


def refused(state: Path, *arguments: str, **environ: str) -> str:
    """What the command says."""
    done = CliRunner().invoke(cli, [*arguments, "--state", str(state / "state.db")], env=environ)
    assert isinstance(done.exception, Refused), done
    assert not (state / "state.db").exists()
    return str(done.exception)


@pytest.mark.parametrize(
    ("arguments", "words"),
    [
        ((S3,), "a source in S3 needs --notifications listen|kafka|sqs|webhook"),
        ((S3, "--notifications", "listen", "--no-events"), "--no-events and --notifications exclude each other"),
        (("/data", "--notifications", "listen"), "--notifications is for sources in S3"),
        (("/data", "--notifications-topic", "t"), "--notifications-topic needs --notifications kafka"),
        ((S3, "--notifications", "sqs", "--notifications-topic", "t"), "needs --notifications kafka"),
        ((S3, "--notifications", "listen", "--notifications-queue", "u"), "needs --notifications sqs"),
        ((S3, "--notifications", "kafka", "--notifications-address", "h:1"), "needs --notifications webhook"),
        ((S3, "--notifications", "listen", "--backend", "polling"), "--backend is for directories"),
        ((S3, "--notifications", "listen", "--quiet", "2"), "--quiet is for directories"),
        ((S3, "--notifications", "listen", "--marker", ".done"), "--marker is for directories"),
        ((S3, "--notifications", "listen", "--temporary", "*.tmp"), "--temporary is for directories"),
        ((S3, "--notifications", "listen", "--max-watches", "9"), "--max-watches is for directories"),
        ((S3, "--notifications", "listen", "--poll-interval", "9"), "--poll-interval is for directories"),
        ((S3, "--no-events", "--marker", ".done"), "--marker is for directories"),
        ((S3, "--no-events", "--follow-symlinks"), "--follow-symlinks is for directories"),
        ((S3, "--no-events", "--one_file_system"), "--one-file-system is for directories"),
        ((S3, "--no-events", "--accept-new-device"), "--accept-new-device is for directories"),
        ((S3, "--notifications", "kafka", "--notifications-topic", "t"), "needs --notifications-kafka HOST:PORT"),
        ((S3, "--notifications", "kafka", "--notifications-kafka", "h:1"), "needs --notifications-topic"),
        ((S3, "--notifications", "kafka", "--notifications-kafka", "h", "--notifications-topic", "t"),
         "--notifications-kafka wants host:port"),
        ((S3, "--notifications", "sqs"), "needs --notifications-queue URL"),
        ((S3, "--notifications", "sqs", "--notifications-queue", "name"), "must be the URL of a queue"),
        ((S3, "--notifications", "webhook"), "INGEST_NOTIFICATIONS_SECRET"),
        ((S3, "--notifications", "webhook", "--notifications-address", "8473"), "must be host:port"),
    ],
)  # fmt: skip
def test_what_does_not_go_together_or_is_missing(tmp_path: Path, arguments: tuple[str, ...], words: str) -> None:
    said = refused(tmp_path, arguments[0], "/tempZone/home/x", *arguments[1:])
    assert (words in said, "\n" in said) == (True, False), said


def test_settings_of_a_kafka_of_its_own_are_named(tmp_path: Path) -> None:
    options = ("--notifications", "kafka", "--notifications-kafka", "h:1", "--notifications-topic", "t")
    environ = {"INGEST_NOTIFICATIONS_KAFKA_SECURITY": "SASL_SSL", "INGEST_KAFKA_SECURITY": "nonsense"}
    said = refused(tmp_path, S3, "/tempZone/home/x", *options, **environ)
    assert said.startswith("SASL for Kafka wants INGEST_NOTIFICATIONS_KAFKA_USERNAME and ")


def test_a_short_or_unreadable_secret_is_refused(tmp_path: Path) -> None:
    options = (S3, "/tempZone/home/x", "--notifications", "webhook")
    assert "at least 16 characters" in refused(tmp_path, *options, INGEST_NOTIFICATIONS_SECRET="sesame")
    said = refused(tmp_path, *options, INGEST_NOTIFICATIONS_SECRET_FILE=str(tmp_path / "none"))
    assert said.startswith("INGEST_NOTIFICATIONS_SECRET_FILE: cannot read ")
