"""A bucket that a watcher hears of through Kafka, with several consumers that do the work."""

from __future__ import annotations

import threading
from pathlib import Path

import pytest
from irods.session import iRODSSession

from tests.conftest import HandlerFile
from tests.integration.watching.buckets import REGISTER, S3Watching, change_much
from tests.integration.watching.notified import by_kafka
from tests.support.fleet import Fleet, fleet, kafka, redis
from tests.support.integration import wait_until
from tests.support.watching import at_rest

__all__ = ["fleet", "kafka", "redis"]


def test_consumers_follow_a_bucket_while_one_is_killed_and_one_is_added(
    fleet: Fleet,
    home: str,
    irods: iRODSSession,
    handler_file: HandlerFile,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    folder = tmp_path / "server"
    folder.mkdir()
    with by_kafka("minio", folder, fleet.kafka.bootstrap) as notified:
        bucket = notified.bucket
        for name, value in bucket.server.environ.items():
            monkeypatch.setenv(name, value)
        bucket.put("p/stays")
        for _ in range(2):
            fleet.add()
        options = (*notified.options, "--event_handler", str(handler_file(REGISTER)))
        watching = S3Watching(fleet, bucket, home, *options, log=tmp_path / "said", environ={})
        try:
            notified.tell()
            watching.wait_in_step(irods)
            writer = threading.Thread(target=change_much, args=(bucket, 1))
            writer.start()
            wait_until(lambda: watching.job["live"]["files"] > 0, watching.alive)
            fleet.crash(0)
            writer.join()
            fleet.add()
            change_much(bucket, 2)
            watching.wait_in_step(irods)
            wait_until(at_rest(watching), fleet.work)
            assert watching.job["live"]["failed"] == 0
            assert watching.end()[0] == 0
        finally:
            watching.kill()
        assert fleet.end()[1:] == [0, 0]
