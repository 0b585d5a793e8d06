"""Compare the embedded broker with plain SQLite, in messages per second.

Usage: python -m bench.broker [MESSAGES]

A message has 2 kB. Each call publishes 100 messages. Each poll returns at most 500, and is followed by a commit.
"""

from __future__ import annotations

import subprocess
import sys
import tempfile
import time
from pathlib import Path

from ingest.broker import Outgoing
from ingest.broker.embedded.broker import EmbeddedBroker
from ingest.sqlite import connect, transaction

VALUE = bytes(range(256)) * 8
PUBLISHED, CONSUMED = 100, 500


def plain(file: Path, messages: int) -> tuple[float, float]:
    """Messages per second that a minimal SQLite table inserts, and that it reads and deletes."""
    db = connect(file, "CREATE TABLE log (offset INTEGER PRIMARY KEY, value BLOB)")
    start = time.perf_counter()
    for _ in range(0, messages, PUBLISHED):
        with transaction(db):
            db.executemany("INSERT INTO log (value) VALUES (?)", [(VALUE,)] * PUBLISHED)
    middle = time.perf_counter()
    while rows := db.execute("SELECT offset, value FROM log ORDER BY offset LIMIT ?", (CONSUMED,)).fetchall():
        with transaction(db):
            db.execute("DELETE FROM log WHERE offset <= ?", (rows[-1][0],))
    return messages / (middle - start), messages / (time.perf_counter() - middle)


def publish(broker: EmbeddedBroker, messages: int) -> float:
    """Messages per second that the broker publishes."""
    start = time.perf_counter()
    for first in range(0, messages, PUBLISHED):
        broker.publish([Outgoing("t", number % 8, VALUE) for number in range(first, first + PUBLISHED)])
    return messages / (time.perf_counter() - start)


def consume(file: Path) -> None:
    """Run in a child process: consume until the topic is empty, then print the time of the last record."""
    broker = EmbeddedBroker(file)
    last = 0.0
    with broker.join("g", ["t"]) as member:
        print("ready", flush=True)
        sys.stdin.readline()
        while (records := member.poll(0.02, CONSUMED)) or broker.lag("g", ["t"]):
            member.commit({record.topic_partition: record.offset + 1 for record in records})
            last = time.time() if records else last
    print(last)


def consumed_by(consumers: int, file: Path, messages: int) -> float:
    """Messages per second that ``consumers`` processes consume together."""
    command = [sys.executable, "-m", "bench.broker", "--consume", str(file)]
    pipe = subprocess.PIPE
    started = [subprocess.Popen(command, stdin=pipe, stdout=pipe, text=True) for _ in range(consumers)]
    for process in started:
        assert process.stdout
        process.stdout.readline()
    start = time.time()
    for process in started:
        assert process.stdin
        process.stdin.write("go\n")
        process.stdin.flush()
    ends = [float(process.communicate()[0]) for process in started]
    return messages / (max(ends) - start)


def main(messages: int) -> None:
    with tempfile.TemporaryDirectory() as folder:
        inserted, deleted = plain(Path(folder, "plain.sqlite"), messages)
        print(f"plain SQLite: insert {inserted:,.0f}/s, read and delete {deleted:,.0f}/s")
        for consumers in (1, 2):
            file = Path(folder, f"{consumers}.sqlite")
            broker = EmbeddedBroker(file)
            broker.ensure_topics(["t"])
            rate = publish(broker, messages)
            print(f"publish: {rate:,.0f}/s ({rate / inserted:.0%} of plain SQLite)")
            rate = consumed_by(consumers, file, messages)
            print(f"consume with {consumers}: {rate:,.0f}/s ({rate / deleted:.0%} of plain SQLite)")


if __name__ == "__main__":
    if sys.argv[1:2] == ["--consume"]:
        consume(Path(sys.argv[2]))
    else:
        main(int((sys.argv[1:] or ["100000"])[0]))
