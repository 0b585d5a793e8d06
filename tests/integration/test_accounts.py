"""Whose account a command works with: it says so, and refuses at its start what cannot work."""

from __future__ import annotations

import secrets
from collections.abc import Iterable, Iterator
from pathlib import Path

import pytest
from irods.access import iRODSAccess
from irods.session import iRODSSession

from tests.conftest import CommandLine
from tests.support.fleet import fleet, kafka, redis
from tests.support.integration import rows, wait_until

__all__ = ["fleet", "kafka", "redis"]

END_SECONDS = 60
PROGRAMS = {"start": ("scanner", ["start"]), "watch": ("watcher", []), "consume": ("consumer", [])}


@pytest.fixture
def alice(irods: iRODSSession) -> Iterator[dict[str, str]]:
    """The variables of an account of the test's own, a rodsadmin."""
    name, password = f"ingesttest{secrets.token_hex(4)}", "first"
    irods.users.create(name, "rodsadmin")
    irods.users.modify(name, "password", password)
    yield {
        "IRODS_HOST": irods.host, "IRODS_PORT": str(irods.port), "IRODS_ZONE_NAME": irods.zone,
        "IRODS_USER_NAME": name, "IRODS_PASSWORD": password,
    }  # fmt: skip
    irods.users.remove(name)


@pytest.fixture
def shared(irods: iRODSSession, home: str, alice: dict[str, str]) -> str:
    """A collection in which that account and the tests' have all rights."""
    irods.collections.create(home)
    for user in (alice["IRODS_USER_NAME"], irods.username):
        irods.acls.set(iRODSAccess("own", home, user, irods.zone))
    irods.acls.set(iRODSAccess("inherit", home))
    return home


def refused(scan: CommandLine, source: Path, target: str, what: str, **environ: str) -> str:
    """Why a command is refused; it has one sentence, and begins nothing."""
    program, words = PROGRAMS[what]
    arguments = [] if what == "consume" else [str(source), target]
    ran = scan(*words, *arguments, program=program, **environ)
    *before, last = ran.err.splitlines()
    assert (ran.status, [line for line in before if not line.startswith("Logged in as ")]) == (1, []), ran
    assert not any(scan.jobs().values())
    return last


@pytest.mark.parametrize("what", list(PROGRAMS))
def test_a_command_that_cannot_log_in_is_refused(
    scan: CommandLine, source: Path, home: str, alice: dict[str, str], what: str
) -> None:
    account = f"{alice['IRODS_USER_NAME']}#{alice['IRODS_ZONE_NAME']}@{alice['IRODS_HOST']}:{alice['IRODS_PORT']}"
    said = refused(scan, source, home, what, **alice | {"IRODS_PASSWORD": "wrong"})
    assert f"iRODS refuses the login of {account}: CAT_INVALID_AUTHENTICATION" in said


@pytest.mark.parametrize("what", list(PROGRAMS))
def test_a_command_with_four_of_five_variables_is_refused(
    scan: CommandLine, source: Path, home: str, alice: dict[str, str], what: str
) -> None:
    said = refused(scan, source, home, what, **alice | {"IRODS_USER_NAME": ""})
    assert "the iRODS account is incomplete: IRODS_USER_NAME is not set" in said


def test_each_command_says_as_whom_it_works(
    scan: CommandLine, source: Path, shared: str, alice: dict[str, str]
) -> None:
    account = f"{alice['IRODS_USER_NAME']}#{alice['IRODS_ZONE_NAME']}@{alice['IRODS_HOST']}:{alice['IRODS_PORT']}"
    ran = scan("start", source, shared, **alice)
    assert (ran.status, ran.err.splitlines()[0]) == (0, f"Logged in as {account}"), ran
    for program, arguments in (("watcher", [str(source), shared]), ("consumer", list[str]())):
        process = scan.process(*arguments, program=program, **alice)
        assert process.stderr is not None
        said = process.stderr.readline()
        process.terminate()
        process.communicate(timeout=END_SECONDS)
        assert account in said


@pytest.mark.parametrize("what", ["start", "watch"])
@pytest.mark.parametrize("served", [False, True], ids=["alone", "served"])
def test_a_target_that_cannot_be_a_collection_is_refused(
    scan: CommandLine, source: Path, home: str, irods: iRODSSession, what: str, *, served: bool
) -> None:
    irods.collections.create(home)
    irods.data_objects.create(f"{home}/it's")
    consumer = scan.process("--workers", "1", program="consumer") if served else None
    if consumer is not None and consumer.stderr is not None:
        assert "Serving" in consumer.stderr.readline()
    try:
        for target, reason in (
            ("/nowhere/home/x", "there is no zone nowhere"),
            (f"{home}/it's", "it is a data object"),
            (f"{home}/it's/below", f"{home}/it's is a data object"),
        ):
            assert refused(scan, source, target, what).endswith(f": cannot ingest into {target}: {reason}")
    finally:
        if consumer is not None:
            consumer.terminate()
            consumer.communicate(timeout=END_SECONDS)


@pytest.mark.parametrize("deployment", ["scan", "fleet"])
def test_a_consumer_whose_login_is_refused_during_a_job_leaves_the_work_to_others_and_comes_back(
    request: pytest.FixtureRequest,
    source: Path,
    shared: str,
    alice: dict[str, str],
    irods: iRODSSession,
    deployment: str,
) -> None:
    scan: CommandLine = request.getfixturevalue(deployment)
    for number in range(40):
        (source / f"f{number}").write_text("x")
    one = scan.process("--workers", "1", "--log_level", "INFO", program="consumer", **alice)
    try:
        assert one.stderr is not None
        assert alice["IRODS_USER_NAME"] in one.stderr.readline()
        irods.users.modify(alice["IRODS_USER_NAME"], "password", "second")
        assert scan("start", source, f"{shared}/j", "--job_name", "j").status == 0
        wait_until(lambda: bool(job(scan)["waits_for"]), lambda: one.poll() is None)
        assert job(scan)["waits_for"][0].startswith(f"iRODS refuses the login of {alice['IRODS_USER_NAME']}#")
        other = scan.process("--workers", "1", program="consumer")
        try:
            wait_until(lambda: bool(scan.jobs()["finished"]), lambda: other.poll() is None)
        finally:
            other.terminate()
            other.communicate(timeout=END_SECONDS)
        (found,) = scan.jobs()["finished"]
        assert (found["files"]["done"], found["files"]["failed"], found["failed_tasks"]) == (40, 0, 0)
        irods.users.modify(alice["IRODS_USER_NAME"], "password", alice["IRODS_PASSWORD"])
        said = list(iter_until("within reach again", one.stderr))
        assert sum("[warning  ] out of reach, waiting" in line for line in said) == 1, said
        assert scan.ingest(source, f"{shared}/more").status == 0
        assert len(rows(irods, f"{shared}/more")) == 40
    finally:
        one.terminate()
        one.communicate(timeout=END_SECONDS)
    assert one.returncode == 0


def iter_until(words: str, lines: Iterable[str]) -> Iterator[str]:
    """The lines up to the first one with these words; fails if there is none."""
    for line in lines:
        yield line
        if words in line:
            return
    pytest.fail(f"nobody says {words}")


def job(scan: CommandLine) -> dict[str, list[str]]:
    """The one job that has not ended, as `list` shows it."""
    (found,) = scan.jobs()["singlepass"]
    return found
