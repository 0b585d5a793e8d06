"""What a watcher of a bucket has not heard, or heard twice, late or out of order, leaves no trace in the catalog."""

from __future__ import annotations

import http.client
import random
import threading
from pathlib import Path

import pytest
from hypothesis import Phase, given, settings
from hypothesis import strategies as st
from irods.session import iRODSSession

from tests.integration.watching.buckets import Watch, change_much, in_step, watch
from tests.integration.watching.notified import SECRET, by_kafka, by_webhook, notification
from tests.support.cut_proxy import cut_proxy
from tests.support.integration import wait_until
from tests.support.s3_servers import Bucket, S3Server
from tests.support.services import free_ports

__all__ = ["watch"]

LISTEN = ("--notifications", "listen")
CREATED, REMOVED = "ObjectCreated:Put", "ObjectRemoved:Delete"
KEYS = ("a", "b", "d/a", "d/b", "d/e/a", "ü +%")


def test_a_listener_that_was_cut_off_finds_what_was_written_and_deleted_meanwhile(
    minio_server: S3Server, watch: Watch, irods: iRODSSession
) -> None:
    bucket = Bucket(minio_server)
    change_much(bucket, 1)
    with cut_proxy(minio_server.endpoint) as proxy:
        watching = watch(bucket, *LISTEN, "--s3_endpoint_domain", proxy.endpoint)
        watching.wait_in_step(irods)
        for seed in (2, 3):
            proxy.cut()
            change_much(bucket, seed)
            proxy.mend()
            change_much(bucket, seed + 2)
            watching.wait_in_step(irods)
        wait_until(lambda: watching.job["watcher"]["missed"] >= 2)
        assert watching.job["live"]["failed"] == 0


@pytest.mark.parametrize("way", ["listen", "kafka", "webhook"])
def test_a_watcher_that_is_killed_while_notifications_flow_loses_nothing(
    way: str, request: pytest.FixtureRequest, tmp_path: Path, watch: Watch, irods: iRODSSession
) -> None:
    folder = tmp_path / "server"
    folder.mkdir()
    kafka = request.getfixturevalue("kafka_bootstrap") if way == "kafka" else ""
    with by_kafka("minio", folder, kafka) if way == "kafka" else by_webhook("minio", folder) as notified:
        bucket = notified.bucket
        bucket.put("p/stays")
        watching = watch(bucket, *(LISTEN if way == "listen" else notified.options), environ=notified.environ)
        notified.tell()
        watching.wait_in_step(irods)
        for seed in (1, 2):
            writer = threading.Thread(target=change_much, args=(bucket, seed))
            writer.start()
            wait_until(lambda: watching.job["live"]["files"] > 0)
            watching.kill()
            writer.join()
            change_much(bucket, seed + 2)
            watching.again()
            watching.wait_in_step(irods)
        wait_until(lambda: watching.job["live"]["remaining"] == 0)
        assert in_step(irods, bucket, watching.target)


def test_duplicated_and_reordered_notifications_converge_to_the_bucket_without_a_scan(
    minio_server: S3Server, watch: Watch, irods: iRODSSession
) -> None:
    bucket = Bucket(minio_server)
    (port,) = free_ports(1)
    bucket.put("p/stays")
    options = ("--notifications", "webhook", "--notifications-address", f"127.0.0.1:{port}")
    watching = watch(bucket, *options, environ={"INGEST_NOTIFICATIONS_SECRET": SECRET})
    watching.wait_in_step(irods)
    size = 0

    def send(*told: tuple[str, str]) -> None:
        connection = http.client.HTTPConnection("127.0.0.1", port, timeout=60)
        connection.request("POST", "/", notification(bucket, *told), {"Authorization": f"Bearer {SECRET}"})
        assert connection.getresponse().status == 200
        connection.close()

    @settings(max_examples=25, deadline=None, database=None, phases=[Phase.generate])
    @given(
        changes=st.lists(st.tuples(st.sampled_from(("put", "remove")), st.sampled_from(KEYS)), min_size=1, max_size=12),
        early=st.integers(0, 6),
        seed=st.integers(0, 10**9),  # a generator of hypothesis may break an example off, and its changes stay
    )
    def converges(changes: list[tuple[str, str]], early: int, seed: int) -> None:
        nonlocal size
        shuffle = random.Random(seed)
        late = list[tuple[str, str]]()
        for what, key in changes:
            size += 1
            bucket.put(f"p/{key}", b"x" * size) if what == "put" else bucket.remove(f"p/{key}")
            told = CREATED if what == "put" else REMOVED, f"p/{key}"
            if shuffle.randrange(7) < early:  # and again with the others
                send(told)
            late += [told] * shuffle.randint(1, 2)
        shuffle.shuffle(late)
        while late:
            send(*(late.pop() for _ in range(shuffle.randint(1, len(late)))))
        watching.wait_in_step(irods)

    bucket.put("p/a")
    send((CREATED, "p/a"))
    watching.wait_in_step(irods)
    bucket.remove("p/a")
    send((REMOVED, "p/a"), (CREATED, "p/a"))
    watching.wait_in_step(irods)
    converges()
    wait_until(lambda: watching.job["live"]["remaining"] == 0)
    assert in_step(irods, bucket, watching.target)
    now = watching.job
    assert (now["passes"], now["live"]["failed"]) == (1, 0)
