"""What the inotify backend does when the system, or its reader, cannot keep up or does not let it watch."""

from __future__ import annotations

import ast
import ctypes
import os
import shutil
import signal
import subprocess
import sys
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest
from structlog.testing import capture_logs

from ingest.errors import Refused
from tests.support.devzone_process import ROOT
from tests.support.scanning import unprivileged
from tests.watcher.files.contract import write
from tests.watcher.files.heard import Heard
from watcher.events import Directory, Event, Gone, Missed, Moved
from watcher.files.drain import MAX_BYTES
from watcher.files.inotify import InotifyBackend
from watcher.files.observer import ObserverBackend

QUEUE = "/proc/sys/fs/inotify/max_queued_events"
INSTANCES = "/proc/sys/fs/inotify/max_user_instances"
RENAME_EXCHANGE = 2
HERE = -100  # AT_FDCWD: paths are as usual


@pytest.fixture
def root(tmp_path: Path) -> bytes:
    root = os.fsencode(tmp_path.resolve() / "root")
    os.mkdir(root)
    return root


Watch = Callable[..., Heard]


@pytest.fixture
def watch(root: bytes) -> Iterator[Watch]:
    backends: list[InotifyBackend] = []

    def start(max_watches: int | None = None, most_bytes: int = MAX_BYTES) -> Heard:
        backends.append(InotifyBackend(root, poll_interval=0.1, max_watches=max_watches, most_bytes=most_bytes))
        backends[-1].start()
        return Heard(root, backends[-1])

    yield start
    for backend in backends:
        backend.close()


@pytest.fixture(params=["inotify", "observer"])
def child(request: pytest.FixtureRequest, root: bytes) -> Iterator[subprocess.Popen[str]]:
    command = [sys.executable, "-W", "ignore", "-m", "tests.watcher.files.child", root, request.param]
    environment = {**os.environ, "PYTHONPATH": str(ROOT)}
    with subprocess.Popen(command, stdout=subprocess.PIPE, text=True, env=environment) as process:
        assert process.stdout
        assert process.stdout.readline() == "watching\n"
        yield process
        process.kill()


@contextmanager
def written(path: bytes, *, repeat: bool) -> Iterator[None]:
    """Write a file, or write it again and again until the end."""
    write(path)
    ended = threading.Event()

    def rewrite() -> None:
        while not ended.wait(0.2):
            write(path)

    thread = threading.Thread(target=rewrite)
    if repeat:
        thread.start()
    try:
        yield
    finally:
        ended.set()
        if repeat:
            thread.join()


def test_after_the_queue_of_the_system_overflowed_the_whole_is_missed_and_new_directories_are_watched(
    child: subprocess.Popen[str], root: bytes
) -> None:
    os.mkdir(root + b"/deleted")
    os.mkdir(root + b"/renamed")
    with open(QUEUE) as file:
        more = int(file.read()) + 100
    child.send_signal(signal.SIGSTOP)
    for number in range(more):
        os.utime(write(root + b"/file%d" % (number % 100)))
    os.makedirs(root + b"/made/below")
    os.rmdir(root + b"/deleted")
    os.rename(root + b"/renamed", root + b"/made/renamed")
    child.send_signal(signal.SIGCONT)
    events = (ast.literal_eval(line) for line in child.stdout or [])
    assert any(event[0] == "Missed" and event[1] == b"" for event in events)
    for path in (b"made/below/file", b"made/renamed/file"):
        # While a fresh observer of watchdog takes over, a single write may be missed.
        with written(root + b"/" + path, repeat=isinstance(child.args, list) and child.args[-1] == "observer"):
            assert any(event[:2] == ("Written", path) for event in events)


def test_when_nobody_reads_events_are_dropped_and_the_whole_is_missed(watch: Watch, root: bytes) -> None:
    heard = watch(most_bytes=100_000)
    for number in range(5_000):
        write(root + b"/file%d" % number)
    os.makedirs(root + b"/made/below")
    heard.until(lambda: any(isinstance(event, Missed) for event in heard.events))
    heard.until_in_step()
    write(root + b"/made/below/file")
    heard.until_written(b"made/below/file")


def test_directories_beyond_the_limit_of_watches_are_polled_and_counted(watch: Watch, root: bytes) -> None:
    for name in (b"a", b"b", b"c"):
        os.makedirs(root + b"/" + name + b"/below")
    with capture_logs() as lines:
        heard = watch(max_watches=3)
    assert heard.backend.unwatched == 4
    assert [(line["log_level"], line["limit"]) for line in lines] == [("warning", "max_watches=3")]
    for name in (b"a", b"b", b"c"):
        write(root + b"/" + name + b"/below/file")
        heard.until_written(name + b"/below/file")
    os.makedirs(root + b"/new/below")
    write(root + b"/new/below/file")
    heard.until_heard(Directory(b"new"), Directory(b"new/below"))
    heard.until_written(b"new/below/file")
    assert heard.backend.unwatched == 6
    os.unlink(root + b"/new/below/file")
    heard.until_heard(Gone(b"new/below/file", directory=False))


def test_a_polled_directory_that_is_renamed_has_moved_and_stays_polled(watch: Watch, root: bytes) -> None:
    os.makedirs(root + b"/one/below")
    heard = watch(max_watches=1)
    os.rename(root + b"/one", root + b"/two")
    heard.until_heard(Moved(b"one", b"two", directory=True))
    write(root + b"/two/below/file")
    heard.until_written(b"two/below/file")
    assert heard.backend.unwatched == 2


def test_a_directory_is_watched_when_the_limit_allows_it_again(watch: Watch, root: bytes) -> None:
    for name in (b"a", b"b"):
        os.makedirs(root + b"/" + name + b"/below")
    heard = watch(max_watches=3)
    assert heard.backend.unwatched == 2
    shutil.rmtree(root + b"/a")
    heard.until(lambda: heard.backend.unwatched == 0)
    write(root + b"/b/below/file")
    heard.until_written(b"b/below/file")


def test_the_root_alone_can_be_polled_too(watch: Watch, root: bytes) -> None:
    os.mkdir(root + b"/a")
    heard = watch(max_watches=0)
    write(root + b"/a/file")
    heard.until_written(b"a/file")
    assert heard.backend.unwatched == 2


def test_a_directory_that_may_not_be_read_is_polled_until_it_may(open_root: bytes) -> None:
    def heard_of_closed() -> list[object]:
        os.makedirs(open_root + b"/closed/below")
        os.chmod(open_root + b"/closed", 0o300)
        with InotifyBackend(open_root, poll_interval=0.05) as backend:
            backend.start()
            unwatched = backend.unwatched
            write(open_root + b"/closed/file")
            os.chmod(open_root + b"/closed", 0o700)
            heard = Heard(open_root, backend)
            heard.until_written(b"closed/file")
            heard.until_heard(Directory(b"closed/below"))
            write(open_root + b"/closed/below/more")
            heard.until_written(b"closed/below/more")
            return [unwatched, backend.unwatched]

    assert unprivileged(heard_of_closed) == [1, 0]


def test_too_many_instances_are_refused_with_the_name_of_the_limit(open_root: bytes) -> None:
    def start_one_more_than_allowed() -> None:
        with open(INSTANCES) as file:
            backends = [InotifyBackend(open_root) for _ in range(int(file.read()) + 1)]
        for backend in backends:
            backend.start()

    with pytest.raises(Refused, match=r"sysctl fs\.inotify\.max_user_instances"):
        unprivileged(start_one_more_than_allowed)


def test_directories_that_exchange_names_are_watched_under_their_new_ones(watch: Watch, root: bytes) -> None:
    for name in (b"one", b"two"):
        os.makedirs(root + b"/" + name + b"/in_" + name)
    heard = watch()
    assert ctypes.CDLL(None).renameat2(HERE, root + b"/one", HERE, root + b"/two", RENAME_EXCHANGE) == 0
    write(root + b"/one/in_two/file")
    write(root + b"/two/in_one/file")
    heard.until_written(b"one/in_two/file")
    heard.until_written(b"two/in_one/file")
    heard.until_in_step()


def test_a_file_that_is_written_to_again_and_again_is_said_once_per_read(watch: Watch, root: bytes) -> None:
    heard = watch()
    with open(root + b"/one", "wb", buffering=0) as one, open(root + b"/two", "wb", buffering=0) as two:
        for _ in range(1_000):
            one.write(b"x")
            two.write(b"x")
    write(root + b"/last")
    heard.until_written(b"last")
    assert len(heard.events) < 500


def test_a_warning_of_watchdog_is_something_missed(root: bytes) -> None:
    import logging

    with ObserverBackend(root) as backend:
        backend.start()
        logging.getLogger("watchdog.observers").warning("lost %s", "something")
        events: list[Event] = list(backend.read(5))
        assert Missed(b"", "watchdog: lost something") in events


def test_directories_whose_paths_the_system_does_not_take_are_not_entered_and_that_is_said_once(
    watch: Watch, root: bytes
) -> None:
    heard = watch()
    with capture_logs() as lines:
        for top in (b"a", b"b"):
            above = os.open(root, os.O_RDONLY)
            for name in [top, *[b"n" * 250] * 18]:
                os.mkdir(name, dir_fd=above)
                below = os.open(name, os.O_RDONLY, dir_fd=above)
                os.close(above)
                above = below
            os.close(above)
            heard.until_heard(Directory(b"/".join([top, *[b"n" * 250] * 15])))
        heard.until(lambda: heard.backend.read(0.5) == [])
    assert [line["log_level"] for line in lines] == ["warning"]
    write(root + b"/a/file")
    heard.until_written(b"a/file")
    shutil.rmtree(root)
