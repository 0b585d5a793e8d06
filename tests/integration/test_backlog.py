"""A listing waits while enough messages with files wait: what is outstanding does not grow with the source."""

from __future__ import annotations

import os
from pathlib import Path

import pytest

from consumer.dispatch import loop
from consumer.protocol import Setup
from ingest import tasks
from ingest.deployment import Deployment
from ingest.handlers.loader import sha256
from ingest.job import DEFAULT_TOPICS, Job, JobState, LogSettings, Topics

FILES, PER_TASK, PAGE_TASKS = 20_000, 10, 500
"""Four pages of 5,000 entries, of 500 tasks each."""
HANDLER = b"""
from ingest import Core, Operation

class event_handler(Core):
    @staticmethod
    def operation(session, meta, **options):
        return Operation.NO_OP
"""


@pytest.mark.usefixtures("irods")
def test_a_listing_waits_while_enough_messages_wait(
    tmp_path: Path, source: Path, home: str, zone_environment: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("IRODS_ENVIRONMENT_FILE", str(zone_environment))
    monkeypatch.setattr(loop, "MOST_WAITING", 200)
    monkeypatch.setattr(loop, "_LISTING_WAIT", 0.0)
    for number in range(FILES):
        (source / f"{number}").touch()
    state = Deployment(state=str(tmp_path / "state.db"), partitions=4)
    store, broker = state.store(), state.broker()
    topics = Topics(partitions=broker.ensure_topics(DEFAULT_TOPICS))
    job = Job(
        name="j",
        source=os.fsencode(source),
        target=home,
        topics=topics,
        files_per_task=PER_TASK,
        handler=sha256(HANDLER),
    )
    store.handlers.save(sha256(HANDLER), HANDLER)
    store.jobs.create(job, tasks.restart(job, "start"))
    consumer = loop.Consumer(broker, store, topics.names, Setup(state.text, LogSettings()), workers=1)
    most = 0

    def ended() -> bool:
        nonlocal most
        most = max(most, broker.lag(loop.GROUP, ["file"]))
        status = store.jobs.get("j")
        return status is not None and not status.state.active

    consumer.run(ended)
    status = store.jobs.get("j")
    assert status is not None
    assert (status.state, status.counts.files, status.counts.done) == (JobState.FINISHED, FILES, FILES)
    assert PAGE_TASKS / 2 < most <= 200 + 2 * PAGE_TASKS  # the store has the last page a moment before the queue
