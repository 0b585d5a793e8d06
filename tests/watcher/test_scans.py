"""What is wanted is scanned, one pass after another, until a pass was made."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

from ingest.job import Topics
from ingest.messages import Restart, Scope, decode
from ingest.service.backoff import NO_WAITS, Waits
from ingest.store.embedded import EmbeddedStore
from tests.ingest.store.support import begin, create, step, take
from tests.support.integration import wait_until
from watcher.events import Rescan
from watcher.scans import Scans

NEVER = Waits(3600.0, 3600.0)


class Watch:
    """A job whose first message is taken, and what a watcher asks for."""

    def __init__(self, store: EmbeddedStore) -> None:
        self.store = store
        self.job = create(store, watch=True, topics=Topics(partitions={"restart": 1}))
        take(store)

    def scanned(self, pass_id: str, error: str | None = None) -> None:
        """A pass begins and ends."""
        assert begin(self.store, pass_id)
        take(self.store)
        assert self.store.tasks.settle(step("open", pass_id=pass_id, closing=None, error=error))

    def looks(self, scans: Scans, *, hold: bool = False) -> None:
        """The watcher looks after its scans, and sees that none is under way."""

        def seen() -> bool:
            scans.turn(self.store, self.job, hold=lambda: hold)
            return not scans.under_way

        wait_until(seen)

    def asked(self, scans: Scans, *, hold: bool = False) -> Restart:
        """What the watcher asks for, as it must."""
        found: list[Restart] = []

        def sent() -> bool:
            scans.turn(self.store, self.job, hold=lambda: hold)
            found.extend(
                message for _, each in self.store.outbox.oldest(9) if isinstance(message := decode(each.value), Restart)
            )
            take(self.store)
            return bool(found)

        wait_until(sent)
        return found[0]


@pytest.fixture
def watch(tmp_path: Path) -> Iterator[Watch]:
    store = EmbeddedStore(tmp_path / "state.db")
    yield Watch(store)
    store.close()


@pytest.fixture
def scans() -> Scans:
    return Scans(pauses=NO_WAITS)


def test_what_is_wanted_is_asked_for_once(watch: Watch, scans: Scans) -> None:
    watch.scanned("first")
    watch.looks(scans)
    scans.want(Rescan(b"d", deep=False))
    asked = watch.asked(scans)
    assert asked.scope == [Scope("d", False)]
    watch.scanned(asked.pass_id)
    watch.looks(scans)
    assert take(watch.store) == []


def test_a_scan_that_could_not_be_made_is_asked_for_again_until_one_was(watch: Watch, scans: Scans) -> None:
    watch.scanned("first")
    scans.want(Rescan(b"d", deep=True))
    for _ in range(2):
        asked = watch.asked(scans)
        assert asked.scope == [Scope("d", True)]
        watch.scanned(asked.pass_id, error="not now")
    asked = watch.asked(scans)
    watch.scanned(asked.pass_id)
    watch.looks(scans)
    assert take(watch.store) == []


def test_when_the_first_pass_of_a_job_could_not_be_made_the_whole_is_scanned(watch: Watch, scans: Scans) -> None:
    watch.scanned("first", error="not now")
    assert watch.asked(scans).scope == []


def test_after_a_scan_that_could_not_be_made_there_is_a_pause(watch: Watch) -> None:
    scans = Scans(pauses=NEVER)
    watch.scanned("first", error="not now")
    watch.looks(scans)
    scans.want(Rescan(b"d", deep=True))
    for _ in range(3):
        watch.looks(scans)
    assert take(watch.store) == []


def test_a_scan_that_another_pass_has_crowded_out_is_asked_for_again(watch: Watch) -> None:
    scans = Scans(pauses=NEVER)
    watch.scanned("first")
    scans.want(Rescan(b"d", deep=True))
    asked = watch.asked(scans)
    assert begin(watch.store, "other")
    assert not begin(watch.store, asked.pass_id)
    assert watch.store.tasks.settle(step("open", pass_id="other", closing=None))
    take(watch.store)
    assert watch.asked(scans).scope == [Scope("d", True)]


def test_what_is_held_back_is_asked_for_when_the_patience_ends(watch: Watch) -> None:
    patient, impatient = Scans(patience=3600.0), Scans(patience=0.0)
    watch.scanned("first")
    for scans in (patient, impatient):
        watch.looks(scans)
        scans.want(Rescan(b"d", deep=True))
    watch.looks(patient, hold=True)
    assert take(watch.store) == []
    assert watch.asked(impatient, hold=True).scope == [Scope("d", True)]
