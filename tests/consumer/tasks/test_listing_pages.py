"""A listing that a killed worker has left in the middle counts and finds everything once."""

from __future__ import annotations

import os
from collections.abc import Iterator
from pathlib import Path

import pytest
from irods.session import iRODSSession

from consumer.irods.sessions import Sessions
from consumer.protocol import Finished, Page, Part
from consumer.sync.context import Context
from consumer.tasks import listing_pages
from consumer.tasks.list_directory import list_path
from ingest.handlers.core import Core, DeleteMode
from ingest.handlers.loader import Handler
from ingest.job import Counts, Job, Topics
from ingest.messages import ListPath
from ingest.store.embedded import EmbeddedStore

KEPT, GONE = 5, 14
"""Files that stay in the source, and objects whose files are gone."""
LIST = ListPath(job="j", pass_id="p", task="t", path="")


class Deleting(Core):
    @staticmethod
    def delete_mode(_meta: object) -> DeleteMode:
        return DeleteMode.UNREGISTER


@pytest.fixture
def ctx(
    tmp_path: Path, zone_environment: Path, home: str, irods: iRODSSession, monkeypatch: pytest.MonkeyPatch
) -> Iterator[Context]:
    """A directory whose collection has more than one page of objects without a file."""
    monkeypatch.setattr(listing_pages, "PAGE_ENTRIES", 3)
    monkeypatch.setenv("IRODS_ENVIRONMENT_FILE", str(zone_environment))
    source = tmp_path / "source"
    source.mkdir()
    irods.collections.create(f"{home}/sub")
    for number in range(GONE - 1):
        irods.data_objects.create(f"{home}/gone{number}")
    for number in range(KEPT):
        (source / f"kept{number}").write_text("x")
    topics = Topics(partitions={"restart": 1, "path": 1, "file": 1})
    job = Job(name="j", source=os.fsencode(source), target=home, topics=topics)
    store, sessions = EmbeddedStore(tmp_path / "state.db"), Sessions(60)
    yield Context(job, store, sessions, Handler(None, Deleting))
    sessions.close()
    store.close()


def parts(ctx: Context, killed_after: int | None) -> list[Part]:
    """What the store gets of a listing whose worker is killed once, after so many pages."""
    found: list[Part] = []
    cursor = None
    for limit in (killed_after, None):
        for number, report in enumerate(list_path(ctx, LIST, cursor, last_try=True)):
            if limit is not None and number >= limit:
                break
            assert isinstance(report, (Page, Finished))
            found.append(report.part)
            if isinstance(report, Finished):
                return found
            assert report.cursor != cursor
            cursor = report.cursor
    raise AssertionError("the listing has no end")


@pytest.mark.parametrize("killed_after", [None, 0, 1, 2, 3, 4, 5])
def test_a_listing_that_is_continued_counts_what_the_collection_has_once(
    ctx: Context, killed_after: int | None
) -> None:
    found = parts(ctx, killed_after)
    counts = sum((part.counts for part in found), Counts())
    assert (counts.files, counts.listed) == (KEPT, GONE)
    candidates = {each.target for part in found for each in part.candidates}
    assert len(candidates) == GONE
