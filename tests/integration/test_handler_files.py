"""How handler files travel and what they may use: signatures, warnings, old imports, helpers that ask the catalog."""

from __future__ import annotations

import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest
from irods.session import iRODSSession

from ingest.store.embedded import EmbeddedStore
from tests.conftest import CommandLine, HandlerFile
from tests.support.integration import avus, handler, rows, wait_until

KEY = "INGEST_HANDLER_KEY"


@pytest.fixture
def consumer(scan: CommandLine) -> Iterator[subprocess.Popen[str]]:
    """A consumer with a key, ready for jobs."""
    process = subprocess.Popen(
        [sys.executable, "-m", "consumer", "--workers", "1"],
        env={**scan.environ, KEY: "the key"}, stdin=subprocess.DEVNULL, text=True,
    )  # fmt: skip
    store = EmbeddedStore(scan.state)
    wait_until(lambda: bool(store.consumers.alive()), lambda: process.poll() is None)
    store.close()
    yield process
    process.terminate()
    process.wait()


def test_a_worker_with_a_key_runs_handlers_that_were_signed_with_it_and_no_others(
    scan: CommandLine, source: Path, home: str, irods: iRODSSession, handler_file: HandlerFile,
    consumer: subprocess.Popen[str],
) -> None:  # fmt: skip
    (source / "f").write_text("one")
    file = handler_file(handler("PUT"))

    def start(name: str, **environ: str) -> str:
        ran = scan("start", source, home, "--job_name", name, "--event_handler", file, "--synchronous", **environ)
        assert consumer.poll() is None
        return ran.out

    assert "the event handler is not signed" in start("unsigned")
    assert "was not made with this worker's" in start("other", **{KEY: "another key"})
    assert not irods.collections.exists(home)
    assert "1 synced" in start("signed", **{KEY: "the key"})
    assert rows(irods, home).keys() == {"f"}


def test_a_signed_handler_is_accepted_where_there_is_no_key(
    scan: CommandLine, source: Path, home: str, irods: iRODSSession, handler_file: HandlerFile
) -> None:
    (source / "f").write_text("one")
    file = handler_file(handler("PUT"))
    ran = scan("start", source, home, "--event_handler", file, "--synchronous", **{KEY: "the key"})
    assert ran.status == 0, ran
    assert rows(irods, home).keys() == {"f"}
    assert b"the key" not in scan.state.read_bytes()


def test_a_method_that_cannot_be_called_is_refused(
    scan: CommandLine, source: Path, home: str, handler_file: HandlerFile
) -> None:
    ran = scan.ingest(
        source, home, "--event_handler", handler_file("@staticmethod\ndef delay(hdlr_mod, logger, meta): ...")
    )
    assert ran.status == 1
    assert ran.err.splitlines() == [
        "ingest-scan: delay(hdlr_mod, logger, meta) of the event handler must take (hdlr_mod, logger, meta, retries)"
    ]


def test_a_misspelt_hook_is_warned_of_and_the_job_goes_on(
    scan: CommandLine, source: Path, home: str, handler_file: HandlerFile
) -> None:
    body = """
@staticmethod
def post_data_obj_update(hdlr_mod, logger, session, meta, *args, **options): ...
"""
    ran = scan.ingest(source, home, "--event_handler", handler_file(body))
    assert ran.status == 0, ran
    assert [line for line in ran.err.splitlines() if line.startswith("warning: ")] == [
        "warning: post_data_obj_update of the event handler is no hook and will never run: post_data_obj_modify is one",
    ]


OLD = """
from contextlib import contextmanager
from irods.meta import iRODSMeta
from irods_capability_automated_ingest.core import Core
from irods_capability_automated_ingest.utils import Operation
from irods_capability_automated_ingest.sync_irods import irods_session
from irods_capability_automated_ingest import sync_logging

@contextmanager
def cleanuping(thing):
    yield thing
    thing.cleanup()

class event_handler(Core):
    @staticmethod
    def operation(session, meta, **options):
        return Operation.PUT_SYNC
    @classmethod
    def pre_job(cls, hdlr_mod, logger, meta):
        sync_logging.get_sync_logger(meta["config"]["log"]).warning("begins")
        with cleanuping(irods_session(hdlr_mod=hdlr_mod, meta=meta, logger=logger)) as session:
            session.collections.create(meta["target"])
            session.collections.get(meta["target"]).metadata.add(iRODSMeta("status", "ingesting"))
    @staticmethod
    def post_data_obj_create(hdlr_mod, logger, session, meta, *args, **options):
        session.data_objects.get(meta["target"]).metadata.add(iRODSMeta("origin", meta["path"]))
        session.cleanup()
    @staticmethod
    def post_job(hdlr_mod, logger, meta):
        with irods_session(hdlr_mod=hdlr_mod, meta=meta, logger=logger) as session:
            meta = session.collections.get(meta["target"]).metadata
            meta["status"] = iRODSMeta("status", "complete")
"""


def test_an_old_handler_opens_and_closes_sessions_as_it_likes(
    scan: CommandLine, source: Path, home: str, irods: iRODSSession, tmp_path: Path
) -> None:
    for number in range(5):
        (source / f"f{number}").write_text("x")
    file = tmp_path / "old.py"
    file.write_text(OLD)
    ran = scan.ingest(source, home, "--event_handler", file)
    assert (ran.status, ran.out.count("5 synced"), ran.err.count("begins")) == (0, 1, 1), ran
    assert [avu[:3] for avu in avus(irods, home)] == [(f"f{n}", "origin", f"{source}/f{n}") for n in range(5)]
    assert [avu[1:3] for avu in avus(irods, home, of="collection")] == [("status", "complete")]


ASKS = """
from irods_capability_automated_ingest.core import Core
from irods_capability_automated_ingest.custom_event_handler import custom_event_handler
from irods_capability_automated_ingest.irods import irods_utils
from irods_capability_automated_ingest.utils import Operation

class event_handler(Core):
    @staticmethod
    def operation(session, meta, **options):
        return Operation.PUT
    @staticmethod
    def pre_coll_create(hdlr_mod, logger, session, meta, *args, **options):
        note("creates", meta["target"])
    @staticmethod
    def post_data_obj_create(hdlr_mod, logger, session, meta, *args, **options):
        target, handler = meta["target"], custom_event_handler(meta)
        leaf = session.data_objects.get(target).replicas[0].resource_name
        note("size", irods_utils.size(session, target), irods_utils.size(session, target, replica_num=0),
             irods_utils.size(session, target, resc_name=leaf))
        note("child", irods_utils.child_of(session, leaf, leaf), irods_utils.child_of(session, leaf, "nothing"))
        note("operation", handler.operation(session).name, handler.get_module() is hdlr_mod.event_handler)
        irods_utils.create_dirs(hdlr_mod, logger, session, {**meta, "target": target + ".d/e"})
        below, objects = irods_utils.list_collection(meta, logger, meta["root_target_collection"])
        note("list", [each.name for each in below], [each.name for each in objects])
        note("nothing", irods_utils.list_collection(session, target + ".none"))

def note(*words):
    with open(LOG, "a") as out:
        print(*words, file=out)
"""


def test_a_handler_asks_the_catalog_through_automated_ingests_helpers(
    served: CommandLine, source: Path, home: str, tmp_path: Path
) -> None:
    (source / "f").write_text("four")
    file, log = tmp_path / "asks.py", tmp_path / "log"
    file.write_text(ASKS.replace("LOG", repr(str(log))))
    ran = served.ingest(source, home, "--event_handler", file)
    assert ran.status == 0, ran
    assert log.read_text().splitlines() == [
        f"creates {home}",
        "size 4 4 4",
        "child True False",
        "operation PUT True",
        f"creates {home}/f.d",
        f"creates {home}/f.d/e",
        "list ['f.d'] ['f']",
        "nothing ([], [])",
    ]
