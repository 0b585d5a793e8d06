"""`--metrics-port`: what a consumer and a watcher count, and whether they are alive and ready."""

from __future__ import annotations

import re
import socket
import urllib.error
import urllib.request
from collections.abc import Callable, Iterator
from pathlib import Path
from subprocess import Popen

import pytest
from prometheus_client.parser import text_string_to_metric_families

from tests.conftest import CommandLine, HandlerFile
from tests.support.fleet import redis
from tests.support.integration import handler, wait_until
from tests.support.services import Redis

__all__ = ["redis"]

END_SECONDS = 30
Serve = Callable[..., str]


@pytest.fixture
def serve(scan: CommandLine) -> Iterator[Serve]:
    """Starts a service with its metrics on a free port, and says where."""
    processes: list[Popen[str]] = []

    def start(*arguments: str | Path, program: str, **environ: str) -> str:
        process = scan.process("--metrics-port", "0", *arguments, program=program, **environ)
        processes.append(process)
        assert process.stderr is not None
        for line in iter(process.stderr.readline, ""):
            found = re.fullmatch(r"Metrics are at (http://127\.0\.0\.1:\d+)/metrics\.\n", line)
            if found:
                return found[1]
        raise AssertionError("no metrics")

    yield start
    for process in processes:
        process.terminate()
        process.communicate(timeout=END_SECONDS)


def status(url: str) -> int:
    try:
        with urllib.request.urlopen(url) as answer:
            return int(answer.status)
    except urllib.error.HTTPError as error:
        return error.code


def value(address: str, name: str, **labels: str) -> float:
    """The sum of the samples of that name and these labels."""
    with urllib.request.urlopen(f"{address}/metrics") as answer:
        text = answer.read().decode()
    samples = [sample for family in text_string_to_metric_families(text) for sample in family.samples]
    return sum(each.value for each in samples if each.name == name and labels.items() <= each.labels.items())


def test_a_consumer_counts_what_it_does(
    serve: Serve, scan: CommandLine, source: Path, home: str, handler_file: HandlerFile
) -> None:
    address = serve("--workers", "2", program="consumer")
    wait_until(lambda: status(f"{address}/readyz") == 200)
    for number in range(30):
        (source / f"f{number}").write_text("12345")
    given = ("--job_name", "counted", "--event_handler", handler_file(handler("PUT_SYNC")))
    for _ in range(2):
        assert scan.ingest(source, home, *given).status == 0
    assert value(address, "ingest_files_total", job="counted", outcome="done") == 30
    assert value(address, "ingest_files_total", job="counted", outcome="unchanged") == 30
    assert value(address, "ingest_bytes_total", job="counted") == 150
    assert value(address, "ingest_changes_total", job="counted", kind="collections") == 1
    assert value(address, "ingest_tasks_total", job="counted") >= 6
    assert (value(address, "ingest_tasks_failed_total"), value(address, "ingest_lag")) == (0, 0)
    assert (status(f"{address}/livez"), status(f"{address}/nothing")) == (200, 404)


def test_a_watcher_counts_what_it_hears_and_publishes(serve: Serve, source: Path, home: str) -> None:
    (source / "before").write_text("x")
    address = serve(source, home, "--quiet", "0.2", "--workers", "1", program="watcher")
    wait_until(lambda: value(address, "ingest_files_total", outcome="done") == 1)  # the scan at the start has been here
    assert status(f"{address}/readyz") == 200
    for number in range(10):
        (source / f"f{number}").write_text("x")
    wait_until(lambda: value(address, "ingest_files_total", outcome="done") == 11)
    assert value(address, "ingest_watch_events_total") >= 10
    assert value(address, "ingest_watch_published_total") >= 1
    wait_until(lambda: value(address, "ingest_watch_spooled") == value(address, "ingest_watch_settling") == 0)
    assert status(f"{address}/livez") == 200


def test_without_its_queue_a_watcher_is_alive_and_not_ready(
    serve: Serve, source: Path, home: str, kafka_bootstrap: str, redis: Redis
) -> None:
    address = serve(source, home, program="watcher", INGEST_KAFKA=kafka_bootstrap, INGEST_REDIS=redis.url)
    wait_until(lambda: status(f"{address}/readyz") == 200)
    redis.stop()
    wait_until(lambda: status(f"{address}/readyz") == 503)
    assert (status(f"{address}/livez"), value(address, "ingest_watch_unreachable_total") > 0) == (200, True)
    redis.start()
    wait_until(lambda: status(f"{address}/readyz") == 200)


def test_a_port_that_is_taken_is_refused_with_a_sentence(scan: CommandLine) -> None:
    with socket.create_server(("127.0.0.1", 0)) as taken:
        port = taken.getsockname()[1]
        ran = scan("--metrics-port", str(port), program="consumer")
    assert ran.status == 1
    assert ran.err == f"ingest-consume: --metrics-port: cannot listen on 127.0.0.1:{port}: Address already in use\n"
