"""Handler files as people have them, run over a zone: old imports, hooks and what they may change."""

from __future__ import annotations

import json
import secrets
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from irods.access import iRODSAccess
from irods.session import iRODSSession

from tests.conftest import CommandLine, HandlerFile
from tests.support.counting_proxy import CountingProxy
from tests.support.integration import Storage, avus, content, handler, only, rows

pytestmark = pytest.mark.usefixtures("two_workers")

RECORDER = """
import json
from irods_capability_automated_ingest.core import Core
from irods_capability_automated_ingest.utils import Operation

def note(name, mod, logger, session, meta, args, options):
    with open({log!r}, "a") as out:
        line = [name, type(mod).__name__, hasattr(logger, "info"), type(session).__name__, meta["target"],
                [each.name for each in args], options]
        out.write(json.dumps(line) + "\\n")

def hook(name):
    def call(hdlr_mod, logger, session, meta, *args, **options):
        note(name, hdlr_mod, logger, session, meta, args, options)
    return staticmethod(call)

def job_hook(name):
    def call(hdlr_mod, logger, meta):
        note(name, hdlr_mod, logger, None, meta, (), {{}})
    return staticmethod(call)

class event_handler(Core):
    @staticmethod
    def operation(session, meta, **options):
        return Operation.{operation}

for when in ("pre_", "post_"):
    for event in ("data_obj_create", "data_obj_modify", "coll_create", "coll_modify"):
        setattr(event_handler, when + event, hook(when + event))
    setattr(event_handler, when + "job", job_hook(when + "job"))
"""

Called = tuple[str, str, bool, str, str, list[str], dict[str, Any]]


class Recorder:
    """A handler file that records the calls of its hooks: kinds of arguments, targets relative to the collection.

    Those of deletions are in test_deletion_hooks.py.
    """

    def __init__(self, folder: Path, home: str, operation: str) -> None:
        self._log = folder / "calls"
        self._home = home
        self.file = folder / "recorder.py"
        self.file.write_text(RECORDER.format(log=str(self._log), operation=operation))

    def take(self) -> list[Called]:
        """The calls since the last time, in their order."""
        lines = [json.loads(line) for line in self._log.read_text().splitlines()] if self._log.exists() else []
        self._log.unlink(missing_ok=True)
        return [
            (name, mod, log, session, target.removeprefix(self._home), args, options)
            for name, mod, log, session, target, args, options in lines
        ]


def pair(event: str, target: str, options: dict[str, Any], *args: str) -> list[Called]:
    """The calls of both hooks of an event."""
    return [
        (f"{when}_{event}", "module", True, "iRODSSession", target, list(args), options) for when in ("pre", "post")
    ]


def job(when: str) -> Called:
    return (f"{when}_job", "type", True, "NoneType", "", [], {})


REDIRECT = {"allow_redirect": False}


@pytest.mark.parametrize(
    ("operation", "create", "modify"),
    [
        ("REGISTER_SYNC", (REDIRECT,), (REDIRECT,)),
        ("PUT_SYNC", (REDIRECT, "PUT_SYNC"), (REDIRECT, "PUT_SYNC")),
        ("PUT_APPEND", (REDIRECT, "PUT_APPEND"), (REDIRECT, "PUT_APPEND")),
        ("NO_OP", ({},), ({},)),
    ],
)
def test_hooks_are_called_in_order_and_with_the_documented_arguments(
    scan: CommandLine, source: Path, home: str, tmp_path: Path, operation: str, create: Any, modify: Any
) -> None:
    recorder = Recorder(tmp_path, home, operation)

    def ingest() -> list[Called]:
        ran = scan.ingest(source, home, "--event_handler", recorder.file, "--workers", "1")
        assert (ran.status, ran.err.count("warning")) == (0, 0), ran
        return recorder.take()

    (source / "d").mkdir()
    (source / "d" / "f").write_text("one")
    called = ingest()
    collections = [*pair("coll_create", "", {}), *pair("coll_create", "/d", {})]
    assert called == [job("pre"), *collections, *pair("data_obj_create", "/d/f", *create), job("post")]
    if operation == "NO_OP":
        return  # nothing is in the catalog, so everything is new to it for ever
    (source / "d" / "f").write_text("one and two")
    assert ingest() == [job("pre"), *pair("data_obj_modify", "/d/f", *modify), job("post")]
    (source / "d" / "f").chmod(0o600)
    (source / "d" / "g").write_text("new")
    called = ingest()
    assert (called[0], called[-1]) == (job("pre"), job("post"))
    assert sorted(called[1:-1], key=str) == sorted(
        [
            *pair("coll_modify", "/d", {}),
            *pair("data_obj_modify", "/d/f", REDIRECT),  # nothing but its permissions: no operation
            *pair("data_obj_create", "/d/g", *create),
        ],
        key=str,
    )


def test_a_new_replica_is_announced_as_one(
    served: CommandLine, source: Path, home: str, storage: Storage, handler_file: HandlerFile, tmp_path: Path
) -> None:
    (source / "f").write_text("one")
    first, second = storage.resource(), storage.resource()
    assert served.ingest(source, home, "--event_handler", handler_file(handler("PUT", resource=first))).status == 0
    recorder = Recorder(tmp_path, home, "REGISTER_AS_REPLICA_SYNC")
    with recorder.file.open("a") as out:
        out.write(f"\nevent_handler.to_resource = staticmethod(lambda session, meta, **options: {second!r})\n")
    ran = served.ingest(source, home, "--event_handler", recorder.file, "--ignore_cache")
    assert ran.status == 0, ran
    assert [call for call in recorder.take() if call[4] == "/f"] == pair(
        "data_obj_create", "/f", {"allow_redirect": False, "regRepl": ""}
    )


COUNTER = """
import os, time
from irods_capability_automated_ingest.core import Core
from irods_capability_automated_ingest.redis_utils import get_redis
from irods_capability_automated_ingest.sync_job import sync_job

class event_handler(Core):
    @staticmethod
    def pre_job(hdlr_mod, logger, meta):
        get_redis(meta["config"]).set("started:" + meta["job_name"], 1)
    @staticmethod
    def post_data_obj_create(hdlr_mod, logger, session, meta, *args, **options):
        r = get_redis(meta["config"])
        if r.set(f"pid:{os.getpid()}", 1, nx=True):
            end = time.monotonic() + 60
            while len(r.keys("pid:*")) < 2 and time.monotonic() < end:  # until another worker has come to this
                time.sleep(0.01)
        r.incr("files:" + meta["job_name"])
        with r.lock("list"):
            r.rpush("paths", meta["path"])
    @staticmethod
    def post_job(hdlr_mod, logger, meta):
        r = get_redis(meta["config"])
        name = meta["job_name"]
        files, paths = int(r.get("files:" + name)), len(set(r.lrange("paths", 0, -1)))
        told = sync_job.from_meta(meta).asdict()
        with open(OUT, "w") as out:
            print(files, paths, len(r.keys("pid:*")) >= 2, r.get("started:" + name), told["failed_tasks"], file=out)
"""


def test_counters_of_several_workers_add_up(scan: CommandLine, source: Path, home: str, tmp_path: Path) -> None:
    for number in range(60):
        (source / f"f{number}").touch()
    file, out = tmp_path / "counter.py", tmp_path / "out"
    file.write_text(COUNTER.replace("OUT", repr(str(out))))
    ran = scan.ingest(source, home, "--event_handler", file, "--workers", "3", "--files_per_task", "1")
    assert ran.status == 0, ran
    assert out.read_text() == "60 60 True b'1' 0\n"


def test_what_a_pre_hook_makes_of_meta_is_what_is_done(
    served: CommandLine, source: Path, home: str, irods: iRODSSession, handler_file: HandlerFile
) -> None:
    (source / "f").write_text("one")
    body = """
@staticmethod
def pre_data_obj_create(hdlr_mod, logger, session, meta, *args, **options):
    meta.update(size=4242, target=meta["target"] + ".edited", path="/elsewhere/f")
"""
    assert served.ingest(source, home, "--event_handler", handler_file(body)).status == 0
    row = only(irods, home, "f.edited")
    assert (row.size, row.path) == (4242, "/elsewhere/f")


def test_an_option_set_in_a_pre_hook_takes_effect(
    scan: CommandLine, calls: CountingProxy, source: Path, home: str, irods: iRODSSession, handler_file: HandlerFile
) -> None:
    (source / "f").write_text("one")
    body = handler("PUT_SYNC", more="""
@staticmethod
def pre_data_obj_create(hdlr_mod, logger, session, meta, *args, **options):
    options["allow_redirect"] = True
""")  # fmt: skip
    assert scan.ingest(source, home, "--event_handler", handler_file(body)).status == 0
    assert calls.calls["DATA_OBJ_PUT"] == 0  # in one call it cannot be redirected
    assert content(irods, f"{home}/f") == b"one"


def test_an_override_of_an_event_may_replace_the_action(
    served: CommandLine, source: Path, home: str, irods: iRODSSession, handler_file: HandlerFile
) -> None:
    for name in ("f", "skipped"):
        (source / name).write_text("one")
    body = """
@classmethod
def on_data_obj_create(cls, func, hdlr_mod, logger, session, meta, *args, **options):
    if not meta["path"].endswith("skipped"):
        super().on_data_obj_create(func, hdlr_mod, logger, session, meta, *args, allow_redirect=True)
@staticmethod
def pre_data_obj_create(hdlr_mod, logger, session, meta, *args, **options):
    meta["size"] = 7 if options == {"allow_redirect": True} else 0
"""
    assert served.ingest(source, home, "--event_handler", handler_file(body)).status == 0
    assert {name: row[0].size for name, row in rows(irods, home).items()} == {"f": 7}


def test_target_path_is_the_path_that_is_registered_and_kept_up(
    served: CommandLine, source: Path, home: str, irods: iRODSSession, handler_file: HandlerFile
) -> None:
    (source / "f").write_text("one")
    body = f"""
@staticmethod
def target_path(session, meta, **options):
    return meta["path"].replace({str(source)!r}, "/mnt/instrument")
"""
    file = handler_file(body)
    assert served.ingest(source, home, "--event_handler", file).status == 0
    assert only(irods, home, "f").path == "/mnt/instrument/f"
    (source / "f").write_text("changed")
    ran = served.ingest(source, home, "--event_handler", file)
    assert ran.status == 0, ran
    row = only(irods, home, "f")
    assert (row.path, row.size) == ("/mnt/instrument/f", 7)


@pytest.fixture
def user(irods: iRODSSession) -> Iterator[str]:
    """A rodsuser; removed with what is in its home."""
    name = f"ingesttest{secrets.token_hex(4)}"
    irods.users.create(name, "rodsuser")
    yield name
    for area in ("home", "trash/home"):
        path = f"/{irods.zone}/{area}/{name}"
        if irods.collections.exists(path):
            irods.acls.set(iRODSAccess("own", path, irods.username, irods.zone), recursive=True, admin=True)
            for below in irods.collections.get(path).subcollections:
                irods.collections.remove(below.path, recurse=True, force=True)
    irods.users.remove(name)


def test_what_is_ingested_as_another_user_is_that_users(
    served: CommandLine, source: Path, irods: iRODSSession, user: str, handler_file: HandlerFile
) -> None:
    (source / "d").mkdir()
    (source / "d" / "f").write_text("one")
    target = f"/{irods.zone}/home/{user}/ingested"
    body = handler("PUT_SYNC", more=f"""
@staticmethod
def as_user(meta, **options):
    return {irods.zone!r}, {user!r}
@staticmethod
def post_data_obj_create(hdlr_mod, logger, session, meta, *args, **options):
    from irods.meta import iRODSMeta
    session.data_objects.get(meta["target"]).metadata.add(iRODSMeta("written by", session.pool.account.client_user))
""")  # fmt: skip
    ran = served.ingest(source, target, "--event_handler", handler_file(body))
    assert ran.status == 0, ran
    assert [avu[:3] for avu in avus(irods, target)] == [("d/f", "written by", user)]
    assert irods.data_objects.get(f"{target}/d/f").owner_name == user
    assert irods.collections.get(f"{target}/d").owner_name == user
