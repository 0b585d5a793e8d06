"""A worker takes up a job only with the very handler that the job was started with."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

from consumer.irods.sessions import Sessions
from consumer.sync.context import Context
from ingest.errors import Refused
from ingest.handlers import signing
from ingest.handlers.loader import sha256
from ingest.job import Job
from ingest.store import Store
from ingest.store.embedded import EmbeddedStore

SOURCE = b"class event_handler:\n    @staticmethod\n    def character_map():\n        return {' ': '_'}\n"


@pytest.fixture
def store(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Store]:
    monkeypatch.delenv(signing.VARIABLE, raising=False)
    store = EmbeddedStore(tmp_path / "state.db")
    yield store
    store.close()


def job(**changes: str) -> Job:
    return Job(name="job", source=b"/data", target="/zone/x", handler=sha256(SOURCE), **changes)  # type: ignore[arg-type]


def context(store: Store, job: Job) -> Context:
    return Context(job, store, Sessions(60))


def test_a_handler_that_is_not_there_or_another_one_is_refused(store: Store) -> None:
    for other in (None, SOURCE + b"\n", b""):
        if other is not None:
            store.handlers.save(sha256(SOURCE), other)
        with pytest.raises(Refused, match=r"^the store has lost the event handler of job job: start the job again$"):
            context(store, job())


def test_with_a_key_the_handler_must_be_signed_with_it(store: Store, monkeypatch: pytest.MonkeyPatch) -> None:
    store.handlers.save(sha256(SOURCE), SOURCE)
    monkeypatch.setenv(signing.VARIABLE, "key")
    signature = signing.sign(SOURCE)
    assert signature is not None
    context(store, job(handler_signature=signature))
    for signed in ({}, {"handler_signature": signature[::-1]}):
        with pytest.raises(Refused, match="event handler"):
            context(store, job(**signed))
    context(store, Job(name="job", source=b"/data", target="/zone/x"))  # a job without handler runs no code of others


def test_names_are_mapped_below_the_target_in_one_way(store: Store) -> None:
    store.handlers.save(sha256(SOURCE), SOURCE)
    ctx = context(store, job())
    assert ctx.place(b"a b/c d").target == f"/zone/x/{ctx.name(b'', b'a b', directory=True)}/c_d-E4"
    assert ctx.name(b"a b", b"c d", directory=False) == "c_d-E4"
    assert ctx.place(b"").target == "/zone/x"
    assert ctx.name(b"", b"a \xff", directory=False).startswith("irods_UnicodeEncodeError_")
