"""The settings of `ingest-watch`: when a file is taken, how the source is watched, and what is refused."""

from __future__ import annotations

import os
import signal
import threading
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
from irods.meta import iRODSMeta
from irods.models import DataObject
from irods.session import iRODSSession

from tests.conftest import CommandLine, HandlerFile
from tests.support.integration import avus, content, handler, only, rows, wait_until
from tests.support.watching import END_SECONDS, UNREGISTER, Watching, at_rest, in_step, job

Watch = Callable[..., Watching]


@pytest.fixture
def watch(scan: CommandLine, source: Path, home: str, handler_file: HandlerFile, tmp_path: Path) -> Iterator[Watch]:
    """Starts a watcher on `source`, in which there is a file `before`, with further options."""
    (source / "before").write_text("x")
    started: list[Watching] = []

    def start(*options: str, body: str = handler("REGISTER_SYNC", more=UNREGISTER)) -> Watching:
        quiet = [] if "--quiet" in options else ["--quiet", "0.3"]
        usual: list[str | Path] = ["--event_handler", handler_file(body), "--workers", "2", *quiet]
        started.append(Watching(scan, source, home, *usual, *options, log=tmp_path / "log"))
        return started[-1]

    yield start
    for each in started:
        if each.alive():
            assert each.end()[0] == 0


def test_with_a_marker_a_file_comes_only_with_its_marker(
    watch: Watch, source: Path, home: str, irods: iRODSSession
) -> None:
    (source / "before.done").touch()
    watch("--marker", ".done")
    wait_until(lambda: irods.collections.exists(home) and set(rows(irods, home)) == {"before"})
    for name in ("early", "late", "d/deep"):
        (source / name).parent.mkdir(exist_ok=True)
        (source / name).write_text("x")
    for name in ("early.done", "d/deep.done"):
        (source / name).touch()
    wait_until(lambda: set(rows(irods, home)) == {"before", "early", "d/deep"})
    (source / "late.done").touch()
    wait_until(lambda: set(rows(irods, home)) == {"before", "early", "d/deep", "late"})
    (source / "early").write_text("longer")
    wait_until(lambda: only(irods, home, "early").size == 6)


def test_with_a_marker_a_file_of_an_earlier_time_is_updated_and_renamed_with_its_marker(
    watch: Watch, source: Path, home: str, irods: iRODSSession
) -> None:
    (source / "before.done").touch()
    watching = watch("--marker", ".done")
    wait_until(lambda: irods.collections.exists(home) and set(rows(irods, home)) == {"before"})
    wait_until(at_rest(watching))
    irods.metadata.add(DataObject, f"{home}/before", iRODSMeta("was", "before"))
    (source / "before").write_text("longer")
    wait_until(lambda: only(irods, home, "before").size == 6)
    (source / "before").rename(source / "after")
    (source / "before.done").rename(source / "after.done")
    wait_until(lambda: set(rows(irods, home)) == {"after"})
    assert [each[0] for each in avus(irods, home)] == ["after"]


def test_temporary_names_wait_for_their_rename_and_are_never_in_the_catalog(
    watch: Watch, source: Path, home: str, irods: iRODSSession, scan: CommandLine
) -> None:
    watch()
    wait_until(lambda: in_step(irods, source, home))
    (source / "download.part").write_text("half")
    (source / "d").mkdir()
    (source / "d/.name.txt.Xy12aB").write_text("as rsync does it")
    (source / "other").write_text("x")
    wait_until(lambda: set(rows(irods, home)) == {"before", "other"})
    (source / "d/.name.txt.Xy12aB").rename(source / "d/name.txt")
    (source / "download.part").rename(source / "download")
    wait_until(lambda: in_step(irods, source, home))
    (source / "d/.name.txt.c3D4e5").write_text("again, and replaces it")
    (source / "d/.name.txt.c3D4e5").rename(source / "d/name.txt")
    wait_until(lambda: only(irods, home, "d/name.txt").size == len("again, and replaces it"))
    live = job(scan)["live"]
    assert (live["failed"], live["done"]) == (0, 4), "other, name.txt twice, download"


def test_other_temporary_names_take_the_place_of_the_usual_ones(
    watch: Watch, source: Path, home: str, irods: iRODSSession
) -> None:
    watch("--temporary", "*.wip")
    wait_until(lambda: in_step(irods, source, home))
    (source / "a.wip").write_text("x")
    (source / "b.part").write_text("x")
    wait_until(lambda: set(rows(irods, home)) == {"before", "b.part"})
    (source / "a.wip").rename(source / "a")
    wait_until(lambda: set(rows(irods, home)) == {"before", "b.part", "a"})


def test_a_log_file_that_stays_open_arrives_and_grows(
    watch: Watch, source: Path, home: str, irods: iRODSSession
) -> None:
    watch()
    wait_until(lambda: in_step(irods, source, home))
    with open(source / "log", "w") as log:
        for _ in range(3):
            log.write("line\n")
            log.flush()
            wait_until(lambda: in_step(irods, source, home))
        assert only(irods, home, "log").size == len("line\n") * 3


def test_a_file_that_is_being_written_when_the_first_scan_comes_is_put_whole(
    watch: Watch, source: Path, home: str, irods: iRODSSession
) -> None:
    finished = threading.Event()

    def write() -> None:
        with (source / "slow").open("w", buffering=1) as file:
            while not finished.wait(0.05):
                file.write("a line\n")

    writer = threading.Thread(target=write)
    writer.start()
    try:
        watching = watch("--quiet", "1", body=handler("PUT"))
        wait_until(lambda: watching.job["state"] == "waiting" and watching.job["files"]["total"] == 2, watching.alive)
        assert set(rows(irods, home)) == {"before"}  # which was written a moment before the scan
    finally:
        finished.set()
        writer.join()
    wait_until(lambda: set(rows(irods, home)) == {"before", "slow"}, watching.alive)
    assert content(irods, f"{home}/slow") == (source / "slow").read_bytes()


def test_saves_by_rename_truncations_and_hard_links_arrive(
    watch: Watch, source: Path, home: str, irods: iRODSSession, scan: CommandLine
) -> None:
    watch()
    wait_until(lambda: in_step(irods, source, home))
    (source / "text").write_text("first")
    wait_until(lambda: in_step(irods, source, home))
    (source / "text").rename(source / "text~")  # with a backup
    (source / "text").write_text("second save")
    (source / "text~").unlink()
    (source / ".before.swp").write_text("third, without")
    (source / ".before.swp").rename(source / "before")
    wait_until(lambda: in_step(irods, source, home))
    assert set(rows(irods, home)) == {"before", "text"}
    os.truncate(source / "text", 3)
    os.link(source / "before", source / "link")
    wait_until(lambda: in_step(irods, source, home))
    assert only(irods, home, "text").size == 3
    assert job(scan)["live"]["failed"] == 0


def test_a_file_that_is_gone_before_it_has_settled_is_nobodys_failure(
    watch: Watch, source: Path, home: str, irods: iRODSSession, scan: CommandLine
) -> None:
    watch()
    wait_until(lambda: in_step(irods, source, home))
    (source / "short").write_text("x")
    (source / "short").unlink()
    (source / "after").write_text("x")
    wait_until(lambda: in_step(irods, source, home) and job(scan)["live"]["remaining"] == 0)
    assert set(rows(irods, home)) == {"after", "before"}
    assert (job(scan)["live"]["failed"], job(scan)["failed_tasks"]) == (0, 0)


def test_polling_sees_what_comes_changes_and_goes(watch: Watch, source: Path, home: str, irods: iRODSSession) -> None:
    watch("--backend", "polling", "--poll-interval", "0.2")
    wait_until(lambda: in_step(irods, source, home))
    (source / "d").mkdir()
    (source / "d/new").write_text("x")
    wait_until(lambda: in_step(irods, source, home))
    (source / "d/new").write_text("longer")
    (source / "before").unlink()
    wait_until(lambda: in_step(irods, source, home))


def test_without_events_the_source_is_scanned_again_and_again(
    scan: CommandLine, source: Path, home: str, irods: iRODSSession
) -> None:
    process = scan.process(
        str(source), home, "--no-events", "--reconcile-interval", "1", "--workers", "1", program="watcher",
        INGEST_QUIET="5",  # which a settings file for several watchers may have
    )  # fmt: skip
    (source / "new").write_text("x")
    wait_until(lambda: irods.collections.exists(home) and in_step(irods, source, home), lambda: process.poll() is None)
    (source / "newer").write_text("x")
    wait_until(lambda: in_step(irods, source, home), lambda: process.poll() is None)
    (listed,) = scan.jobs()["periodic"]
    assert "watching" not in listed
    process.send_signal(signal.SIGTERM)
    assert process.wait(END_SECONDS) == 0


BAD_OPTIONS = [
    ["--quiet", "soon"],
    ["--quiet", "-1"],
    ["--quiet", "nan"],
    ["--poll-interval", "inf"],
    ["--backend", "telepathy"],
    ["--poll-interval", "0"],
    ["--reconcile-interval", "0"],
    ["--max-watches", "many"],
]


@pytest.mark.parametrize("options", BAD_OPTIONS, ids=" ".join)
def test_what_is_wrong_with_an_option_is_said_in_a_sentence(
    scan: CommandLine, source: Path, home: str, options: list[str]
) -> None:
    ran = scan(source, home, *options, program="watcher")
    assert (ran.status, options[0] in ran.err, ran.err.count("\n")) == (2, True, 1), ran.err


def test_a_backend_that_loses_directories_is_refused(scan: CommandLine, source: Path, home: str) -> None:
    ran = scan(source, home, "--backend", "watchdog", program="watcher")
    assert (ran.status, ran.err.startswith("ingest-watch: on Linux watchdog loses")) == (1, True), ran.err
    assert scan.jobs()["periodic"] == []


def test_a_source_that_is_not_there_and_a_bad_target_are_refused_in_a_sentence(
    scan: CommandLine, source: Path, home: str, tmp_path: Path
) -> None:
    (tmp_path / "file").touch()
    for bad_source, target, named in (
        (tmp_path / "absent", home, "absent"),
        (tmp_path / "file", home, "file"),
        (source, "no/path", "absolute"),
    ):
        ran = scan(bad_source, target, program="watcher")
        assert (ran.status, named in ran.err, ran.err.count("\n")) == (1, True, 1), ran.err


def test_a_second_watcher_of_the_same_is_refused_and_disturbs_nobody(
    watch: Watch, scan: CommandLine, source: Path, home: str, irods: iRODSSession, tmp_path: Path
) -> None:
    watch()
    wait_until(lambda: in_step(irods, source, home))
    for options, named in (([], "another process uses the spool"), (["--spool", str(tmp_path / "own")], "job")):
        ran = scan(source, home, *options, program="watcher")
        assert (ran.status, named in ran.err, ran.err.count("\n")) == (1, True, 2), ran.err  # after the login
    (source / "new").write_text("x")
    wait_until(lambda: in_step(irods, source, home))


def test_a_watcher_that_is_told_to_end_does_so_and_the_next_one_goes_on_with_another_quiet_time(
    watch: Watch, source: Path, home: str, irods: iRODSSession
) -> None:
    watching = watch("--quiet", "300")
    wait_until(lambda: in_step(irods, source, home))
    (source / "settling").write_text("x")
    status, told = watching.end()
    assert (status, "Run the same command to continue" in told) == (0, True)
    watch("--quiet", "0.2")
    wait_until(lambda: in_step(irods, source, home))
    (source / "settling").write_text("longer")
    wait_until(lambda: in_step(irods, source, home))
