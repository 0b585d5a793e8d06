"""Reasons not to delete: the source is missing, empty or another one, too much would go, or others made it."""

import os
import shlex
import shutil
import subprocess
import sys
from pathlib import Path

import pytest
from irods.session import iRODSSession

from ingest.mounts import mount_of, mounts_below, mounts_of
from tests.conftest import CommandLine, HandlerFile, Ran
from tests.support.integration import collections, deleting, handler, rows, wait_until

REGISTER = handler("REGISTER_SYNC", more=deleting("UNREGISTER"))


@pytest.fixture
def deletes(handler_file: HandlerFile) -> tuple[str, Path]:
    """The options with which a pass registers and unregisters."""
    return "--event_handler", handler_file(REGISTER)


def make(source: Path, *names: str) -> None:
    for name in names:
        (source / name).parent.mkdir(parents=True, exist_ok=True)
        (source / name).write_text(f"content of {name}")


def ten(source: Path) -> None:
    """Six files and four directories."""
    make(source, *(f"f{number}" for number in range(4)), "a/x", "a/b/c/d/y")


def refuses(ran: Ran, reason: str) -> bool:
    """Whether a pass has ended as failed, with one sentence on why nothing was deleted."""
    told = ran.out.count("is deleted: ") == 1 and ran.out.count(reason) == 1
    return ran.status == 255 and told and " 0 deleted" in ran.out


def test_an_empty_source_deletes_nothing_and_says_so(
    served: CommandLine, source: Path, home: str, irods: iRODSSession, deletes: tuple[str, Path]
) -> None:
    ten(source)
    assert served.ingest(source, home, *deletes).status == 0
    before, known = rows(irods, home), collections(irods, home)
    shutil.rmtree(source)
    source.mkdir()
    ran = served.ingest(source, home, *deletes, "--accept-new-device", "--max-delete", "100%")
    assert refuses(ran, "the source is empty and the target is not: is it mounted?"), ran
    assert (rows(irods, home), collections(irods, home)) == (before, known)


def test_an_empty_source_of_an_empty_target_is_nothing_to_object_to(
    served: CommandLine, source: Path, home: str, irods: iRODSSession, deletes: tuple[str, Path]
) -> None:
    assert [served.ingest(source, home, *deletes).status for _ in range(2)] == [0, 0]
    assert irods.collections.exists(home)


def test_a_missing_source_is_refused_and_nothing_is_deleted(
    scan: CommandLine, source: Path, home: str, irods: iRODSSession, deletes: tuple[str, Path]
) -> None:
    ten(source)
    assert scan.ingest(source, home, *deletes).status == 0
    before = rows(irods, home)
    source.rename(source.with_name("away"))
    ran = scan.ingest(source, home, *deletes)
    assert (ran.status, ran.err.count("does not exist")) == (1, 1), ran
    assert rows(irods, home) == before


@pytest.mark.parametrize("hook", ["pre_job", "pre_data_obj_create"])
def test_a_source_that_vanishes_in_the_middle_is_waited_for_and_nothing_is_deleted(
    scan: CommandLine, source: Path, home: str, irods: iRODSSession, deletes: tuple[str, Path],
    handler_file: HandlerFile, hook: str,
) -> None:  # fmt: skip
    ten(source)
    assert scan.ingest(source, home, *deletes).status == 0
    before = rows(irods, home)
    away = source.with_name("away")
    (source / "f0").unlink()
    (source / "new").write_text("new")
    meta = "meta" if hook == "pre_job" else "session, meta, *args"
    body = (
        f"@staticmethod\ndef {hook}(module, logger, {meta}, **options):\n    import os\n"
        f"    if not os.path.exists({str(away)!r}) and not os.path.exists({str(away) + '.back'!r}):\n"
        f"        os.rename({str(source)!r}, {str(away)!r})\n"
    )
    log = source.with_name("log")
    options = ("--event_handler", handler_file(REGISTER + body), "--log_filename", log)
    process = scan.process("start", source, home, "--synchronous", *options)
    try:
        wait_until(lambda: log.exists() and "out of reach" in log.read_text(), lambda: process.poll() is None)
        assert before.items() <= rows(irods, home).items()
        Path(f"{away}.back").touch()
        away.rename(source)
        out, err = process.communicate(timeout=60)
    finally:
        process.kill()
    assert (process.returncode, out.count(" 1 deleted")) == (0, 1), (out, err)
    assert set(rows(irods, home)) == set(before) - {"f0"} | {"new"}


def test_what_the_account_may_not_read_stays_and_what_is_gone_beside_it_goes(
    scan: CommandLine, unprivileged: CommandLine, source: Path, home: str, irods: iRODSSession,
    deletes: tuple[str, Path],
) -> None:  # fmt: skip
    make(source, "owner", "nobody", "gone", "closed/f", "closed/d/f", "namesonly/f", "namesonly/gone", "passonly/f")
    assert scan.ingest(source, home, *deletes).status == 0
    before = rows(irods, home)
    for name in ("gone", "namesonly/gone"):
        (source / name).unlink()
    modes = {"owner": 0o600, "nobody": 0, "closed": 0, "namesonly": 0o444, "passonly": 0o111}
    for name, mode in modes.items():
        (source / name).chmod(mode)
    try:
        ran = unprivileged.ingest(source, home, *deletes)
    finally:
        for name in modes:
            (source / name).chmod(0o755)
    assert set(before) - set(rows(irods, home)) == {"gone"}, ran  # where a look is refused nothing is known to be gone
    assert collections(irods, home) == {"closed", "closed/d", "namesonly", "passonly"}
    assert " 0 failed" in ran.out


def in_a_mount_namespace(scan: CommandLine, source: Path, prepare: str, *arguments: str | Path) -> Ran:
    """Run `ingest-scan start` where `prepare` (shell; $S is the source) has mounted something for it alone."""
    start = shlex.join([sys.executable, "-m", "scanner", "start", *map(str, arguments)])
    script = f"set -e; S={shlex.quote(str(source))}; {prepare}; cd {shlex.quote(str(Path.cwd()))}; exec {start}"
    unshare = ["unshare", "--mount"] if os.geteuid() == 0 else ["unshare", "--map-root-user", "--mount"]
    command = [*unshare, "sh", "-c", script]
    done = subprocess.run(command, env=scan.environ, capture_output=True, text=True, timeout=60, check=False)
    return Ran(done.returncode, done.stdout, done.stderr)


TMPFS = "mount -t tmpfs elsewhere $S; echo other > $S/other"


def test_a_source_on_another_device_deletes_nothing_until_that_is_accepted(
    scan: CommandLine, source: Path, home: str, irods: iRODSSession, deletes: tuple[str, Path]
) -> None:
    ten(source)
    assert scan.ingest(source, home, *deletes).status == 0
    before = rows(irods, home)
    command = (source, home, "--synchronous", *deletes)
    for _ in range(2):  # it is not taken for the usual one by having been seen
        ran = in_a_mount_namespace(scan, source, TMPFS, *command)
        assert refuses(ran, "the source is on another device than last time (tmpfs elsewhere /, not "), ran
        assert before.items() <= rows(irods, home).items()
    ran = in_a_mount_namespace(scan, source, TMPFS, *command, "--accept-new-device")
    assert ran.status == 0, ran
    assert set(rows(irods, home)) == {"other"}
    ran = in_a_mount_namespace(scan, source, f"{TMPFS}; rm $S/other; echo x > $S/third", *command)
    assert ran.status == 0, ran
    assert set(rows(irods, home)) == {"third"}


def test_what_is_bound_to_the_source_counts_as_well_as_its_device(
    scan: CommandLine, source: Path, home: str, irods: iRODSSession, deletes: tuple[str, Path]
) -> None:
    make(source, "f")
    make(source.with_name("other"), "g")
    assert scan.ingest(source, home, *deletes).status == 0
    ran = in_a_mount_namespace(scan, source, 'mount --bind "$S/../other" $S', source, home, "--synchronous", *deletes)
    assert refuses(ran, "on another device than last time"), ran
    assert set(rows(irods, home)) == {"f", "g"}


def test_what_lay_on_a_mount_below_the_source_stays_when_that_is_gone(
    scan: CommandLine, source: Path, home: str, irods: iRODSSession, deletes: tuple[str, Path]
) -> None:
    make(source, "here", "mount/.keep")
    command = (source, home, "--synchronous", *deletes)
    mounted = "mount -t tmpfs lower $S/mount; echo x > $S/mount/there"
    assert in_a_mount_namespace(scan, source, mounted, *command).status == 0
    assert set(rows(irods, home)) == {"here", "mount/there"}
    ran = scan("start", *command)
    assert refuses(ran, "what was there lay on a mount that is gone or another one"), ran
    (source / "mount/.keep").unlink()
    (source / "mount").rmdir()
    ran = scan("start", *command)
    assert refuses(ran, "what was there lay on a mount that is gone or another one"), ran
    assert {"here", "mount/there"} <= set(rows(irods, home))
    (source / "here").rename(source / "elsewhere")
    assert refuses(scan("start", *command), f"{source}/mount: tmpfs lower /"), ran
    assert "--accept-new-device" in ran.out + ran.err
    assert scan("start", *command, "--accept-new-device").status == 0
    assert set(rows(irods, home)) == {"elsewhere"}


MOUNTS = rb"""22 1 8:1 / / rw,relatime shared:1 - ext4 /dev/sda1 rw,errors=remount-ro
23 22 0:5 / /proc rw - proc proc rw
40 22 0:40 / /data rw - nfs4 filer:/export rw
41 40 0:41 /sub /data/with\040blank\134and\011tab\012 rw master:2 - nfs4 other:/a\040b rw
42 40 0:42 / /data/run rw - tmpfs first rw
43 42 0:43 / /data/run rw - tmpfs over\040it rw
"""


@pytest.mark.parametrize(
    ("source", "found"),
    [
        (b"/home/u", "ext4 /dev/sda1 /"),
        (b"/data", "nfs4 filer:/export /"),
        (b"/data/x", "nfs4 filer:/export /"),
        (b"/database", "ext4 /dev/sda1 /"),
        (b"/data/with blank\\and\ttab\n/x", r"nfs4 other:/a\040b /sub"),
        (b"/data/run", r"tmpfs over\040it /"),
        (b"/data/\xff", "nfs4 filer:/export /"),
    ],
)
def test_the_mount_of_a_source_is_the_nearest_one_above_it_and_the_last_one_there(source: bytes, found: str) -> None:
    assert mount_of(source, MOUNTS) == found
    assert mounts_of(b"/proc/self")[0] == "proc proc /"


def test_the_mounts_below_a_source_are_those_whose_point_lies_in_it() -> None:
    below = mounts_below(b"/data", MOUNTS)
    assert [each.rpartition(": ")[0] for each in below] == [
        "/data/run", "/data/run", "/data/with blank\\and\ttab ",
    ]  # fmt: skip
    assert mounts_below(b"/data/run", MOUNTS) == mounts_below(b"/dat", MOUNTS) == []


@pytest.mark.parametrize(
    ("limit", "allowed"), [("5", True), ("4", False), ("38.5%", True), ("38.4%", False), ("0", False)]
)
def test_max_delete_stops_a_pass_that_would_delete_more_and_says_how_much(
    served: CommandLine, source: Path, home: str, irods: iRODSSession, deletes: tuple[str, Path], limit: str,
    allowed: bool,
) -> None:  # fmt: skip
    ten(source)
    make(source, "e/f", "new")
    assert served.ingest(source, home, *deletes).status == 0
    before = rows(irods, home)
    shutil.rmtree(source / "a" / "b")  # three collections and an object of thirteen, and f0
    (source / "f0").unlink()
    (source / "f1").write_text("changed")
    ran = served.ingest(source, home, *deletes, "--max-delete", limit)
    gone = {"f0", "a/b/c/d/y"}
    if allowed:
        assert ran.status == 0, ran
        assert set(rows(irods, home)) == set(before) - gone
    else:
        reason = f"5 of 13 objects and collections would be deleted, more than --max-delete {limit}"
        assert refuses(ran, reason), ran
        assert set(rows(irods, home)) == set(before)
        assert collections(irods, home) == {"a", "a/b", "a/b/c", "a/b/c/d", "e"}
    assert rows(irods, home)["f1"][0].size == 7


def test_delete_only_ingested_leaves_what_others_brought_and_the_collections_that_hold_it(
    served: CommandLine, source: Path, home: str, irods: iRODSSession, deletes: tuple[str, Path], tmp_path: Path
) -> None:
    make(source, "f0", "d/x", "e/y", "kept")
    assert served.ingest(source, home, *deletes).status == 0
    (tmp_path / "alien").write_text("somebody's")
    irods.collections.create(f"{home}/theirs")
    for name in ("alien", "d/alien", "theirs/alien"):
        irods.data_objects.register(str(tmp_path / "alien"), f"{home}/{name}")
    for name in ("d", "e"):
        shutil.rmtree(source / name)
    (source / "f0").unlink()
    ran = served.ingest(source, home, *deletes, "--delete-only-ingested")
    assert (ran.status, ran.out.count(" 4 deleted")) == (0, 1), ran
    assert "Skipped d: the collection is not empty and was left alone" in ran.out
    assert set(rows(irods, home)) == {"kept", "alien", "d/alien", "theirs/alien"}
    assert collections(irods, home) == {"d", "theirs"}


def test_what_delete_only_ingested_keeps_fails_the_path_that_wants_its_name(
    served: CommandLine, source: Path, home: str, irods: iRODSSession, deletes: tuple[str, Path], tmp_path: Path
) -> None:
    (tmp_path / "alien").write_text("somebody's")
    irods.collections.create(f"{home}/file")
    for name in ("file/alien", "directory"):
        irods.data_objects.register(str(tmp_path / "alien"), f"{home}/{name}")
    make(source, "file", "directory/x", "fine")
    ran = served.ingest(source, home, *deletes, "--delete-only-ingested")
    assert ran.status == 255, ran
    assert "Failed file: a collection has this name" in ran.out
    assert "Failed directory: CAT_NAME_EXISTS_AS_DATAOBJ" in ran.out
    assert set(rows(irods, home)) == {"file/alien", "directory", "fine"}
    files = served.last()["files"]
    assert isinstance(files, dict)
    assert files["remaining"] == 0
