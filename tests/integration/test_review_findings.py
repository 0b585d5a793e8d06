"""Defects that a review has found: hooks that lose connections of their own, workers that die between two pages."""

from __future__ import annotations

from pathlib import Path

import pytest
from irods.session import iRODSSession

from consumer.dispatch.pool import Pool
from consumer.protocol import Setup
from ingest.deployment import Deployment
from ingest.job import LogSettings, partition_of
from tests.conftest import CommandLine, HandlerFile
from tests.support.integration import handler, rows

_DUPLICATE = """
@staticmethod
def post_{event}(module, logger, session, meta, **options):
    from irods.exception import CATALOG_ALREADY_HAS_ITEM_BY_THAT_NAME
    raise CATALOG_ALREADY_HAS_ITEM_BY_THAT_NAME("the AVU is there")
"""


@pytest.mark.parametrize("error", ["TimeoutError", "ConnectionRefusedError"])
def test_a_hook_that_loses_a_connection_of_its_own_fails_its_path_and_the_pass_ends(
    served: CommandLine, source: Path, home: str, irods: iRODSSession, handler_file: HandlerFile, error: str
) -> None:
    (source / "a").touch()
    (source / "b").touch()
    hook = (
        "@staticmethod\ndef pre_data_obj_create(module, logger, session, meta, **options):\n"
        f"    if meta['path'].endswith('a'):\n        raise {error}('the web service does not answer')\n"
    )
    ran = served.ingest(source, home, "--event_handler", handler_file(handler("REGISTER_SYNC", more=hook)))
    assert ran.status == 255
    assert "pre_data_obj_create() of the event handler" in ran.out
    assert set(rows(irods, home)) == {"b"}


@pytest.mark.parametrize(
    "hook", ["pre_job(module, logger, meta)", "pre_coll_create(module, logger, session, meta, **_)"]
)
def test_a_pass_ends_though_a_hook_around_it_loses_a_connection_of_its_own(
    served: CommandLine, source: Path, home: str, handler_file: HandlerFile, hook: str
) -> None:
    (source / "a").touch()
    body = f"@staticmethod\ndef {hook}:\n    raise ConnectionResetError('the web service has hung up')\n"
    ran = served.ingest(source, home, "--event_handler", handler_file(handler("REGISTER_SYNC", more=body)))
    assert ran.status == 255
    assert "the web service has hung up" in ran.out


@pytest.mark.parametrize("event", ["data_obj_create", "coll_create"])
def test_what_a_hook_finds_in_the_catalog_already_is_its_failure_and_no_race(
    served: CommandLine, source: Path, home: str, handler_file: HandlerFile, event: str
) -> None:
    (source / "a").touch()
    body = handler("REGISTER_SYNC", more=_DUPLICATE.format(event=event))
    ran = served.ingest(source, home, "--event_handler", handler_file(body))
    assert ran.status == 255
    assert f"post_{event}() of the event handler" in ran.out


def test_a_handler_that_does_not_load_is_one_line_whatever_it_says(
    scan: CommandLine, source: Path, home: str, tmp_path: Path
) -> None:
    file = tmp_path / "handler.py"
    file.write_text("raise ValueError('one\\ntwo')\n")
    ran = scan.ingest(source, home, "--event_handler", file)
    assert (ran.status, len(ran.err.splitlines())) == (1, 1)


def test_a_worker_that_died_before_its_page_was_acknowledged_is_an_event_and_no_broken_pipe(tmp_path: Path) -> None:
    pool = Pool(1, Setup(Deployment(state=str(tmp_path / "state.db")).text, LogSettings()))
    try:
        (worker,) = pool.free()
        worker.process.kill()
        worker.process.wait()
        worker.page_stored(b"a")
        assert [event.report for event in pool.events(10)] == [None]
    finally:
        pool.close()


_WAITS_FOR_OTHERS = """
@staticmethod
def pre_data_obj_create(module, logger, session, meta, **options):
    import os, time
    name = os.path.basename(meta["path"])
    end = time.monotonic() + 60
    while name == "{slow}" and len(os.listdir({done!r})) < {others} and time.monotonic() < end:
        time.sleep(0.01)
    if name == "{slow}" and len(os.listdir({done!r})) < {others}:
        raise RuntimeError("the other partitions stand still")
    open(os.path.join({done!r}, name), "w").close()
"""


def test_a_slow_file_holds_up_its_own_partition_and_no_other(
    scan: CommandLine, source: Path, home: str, handler_file: HandlerFile, tmp_path: Path
) -> None:
    done = tmp_path / "done"
    done.mkdir()
    names = [f"f{number:03}" for number in range(300)]
    for name in names:
        (source / name).touch()
    partition = {name: partition_of(f"{home}/{name}".encode(), 8) for name in names}
    others = sum(each != partition[names[0]] for each in partition.values())
    body = _WAITS_FOR_OTHERS.format(slow=names[0], done=str(done), others=others)
    ran = scan.ingest(
        source, home, "--workers", "2", "--files_per_task", "1",
        "--event_handler", handler_file(handler("REGISTER_SYNC", more=body)),
    )  # fmt: skip
    assert ran.status == 0, ran.out


def test_a_large_file_that_is_rewritten_while_it_is_put_fails_and_its_object_does_not_look_good(
    served: CommandLine, source: Path, home: str, irods: iRODSSession, handler_file: HandlerFile
) -> None:
    """It is rewritten in place and with the same size, when its data object has been opened."""
    (source / "big").write_bytes(b"a" * (33 * 1024 * 1024))
    body = """
@staticmethod
def pre_data_obj_create(module, logger, session, meta, *args, **options):
    import os
    opening = session.data_objects.open
    def rewritten(*given, **more):
        opened = opening(*given, **more)
        if not os.path.exists(meta["path"] + ".once"):
            open(meta["path"] + ".once", "w").close()
            with open(meta["path"], "r+b") as file:
                file.write(b"b")
        return opened
    session.data_objects.open = rewritten
"""
    first = served.ingest(source, home, "--event_handler", handler_file(handler("PUT", more=body)))
    assert (first.status, "the file changed while it was read" in first.out) == (255, True), first.out
    assert [replica.status for replica in irods.data_objects.get(f"{home}/big").replicas] == ["0"]
    second = served.ingest(source, home, "--event_handler", handler_file(handler("PUT")))
    assert second.status == 0, second.out
    assert [replica.status for replica in irods.data_objects.get(f"{home}/big").replicas] == ["1"]
    with irods.data_objects.open(f"{home}/big", "r") as stored:
        assert stored.read(2) == b"ba"
